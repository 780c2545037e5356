using System.Buffers;
using System.Text.Json;

namespace CurateMe.Gateway.Proxy;

/// <summary>How a dialect's official clients expect an error body; the gateway's codes are inside each.</summary>
abstract class ErrorShape
{
    public static readonly ErrorShape OpenAi = new OpenAiShape();
    public static readonly ErrorShape Anthropic = new AnthropicShape();
    public static readonly ErrorShape Gemini = new GeminiShape();

    // Operators search these bodies for "spent + … > … limit": only what JSON itself needs is escaped.
    static readonly JsonWriterOptions Readable = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The body of a refusal, UTF-8 JSON.</summary>
    public byte[] Body(RefusedException refusal, string requestId)
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(buffer, Readable))
        {
            json.WriteStartObject();
            Write(json, refusal, requestId);
            json.WriteEndObject();
        }
        return buffer.WrittenSpan.ToArray();
    }

    protected abstract void Write(Utf8JsonWriter json, RefusedException refusal, string requestId);

    static void WriteCodes(Utf8JsonWriter json, RefusedException refusal)
    {
        json.WriteString("code"u8, refusal.Code.Code);
        json.WriteString("gateway_error_code"u8, refusal.Code.GatewayCode);
        json.WriteString("remediation"u8, refusal.Remediation);
    }

    sealed class OpenAiShape : ErrorShape
    {
        protected override void Write(Utf8JsonWriter json, RefusedException refusal, string requestId)
        {
            json.WriteStartObject("error"u8);
            json.WriteString("message"u8, refusal.Message);
            json.WriteString("type"u8, refusal.Code.Type);
            json.WriteString("param"u8, refusal.Param);
            WriteCodes(json, refusal);
            json.WriteEndObject();
        }
    }

    sealed class AnthropicShape : ErrorShape
    {
        protected override void Write(Utf8JsonWriter json, RefusedException refusal, string requestId)
        {
            json.WriteString("type"u8, "error"u8);
            json.WriteStartObject("error"u8);
            json.WriteString("type"u8, refusal.Code.Type == "server_error" ? "api_error" : refusal.Code.Type);
            json.WriteString("message"u8, refusal.Message);
            json.WriteString("param"u8, refusal.Param);
            WriteCodes(json, refusal);
            json.WriteEndObject();
            json.WriteString("request_id"u8, requestId);
        }
    }

    sealed class GeminiShape : ErrorShape
    {
        protected override void Write(Utf8JsonWriter json, RefusedException refusal, string requestId)
        {
            json.WriteStartObject("error"u8);
            json.WriteNumber("code"u8, refusal.Code.Status);
            json.WriteString("message"u8, refusal.Message);
            json.WriteString("status"u8, StatusName(refusal.Code.Status));
            json.WriteStartArray("details"u8);
            json.WriteStartObject();
            json.WriteString("@type"u8, "type.googleapis.com/google.rpc.ErrorInfo"u8);
            json.WriteString("reason"u8, refusal.Code.Code);
            json.WriteString("domain"u8, "gateway"u8);
            json.WriteStartObject("metadata"u8);
            json.WriteString("param"u8, refusal.Param ?? "");
            WriteCodes(json, refusal);
            json.WriteEndObject();
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteEndObject();
        }

        static string StatusName(int status) => status switch
        {
            400 or 413 or 415 or 422 => "INVALID_ARGUMENT",
            401 => "UNAUTHENTICATED",
            403 => "PERMISSION_DENIED",
            404 => "NOT_FOUND",
            409 => "ABORTED",
            429 => "RESOURCE_EXHAUSTED",
            503 => "UNAVAILABLE",
            504 => "DEADLINE_EXCEEDED",
            _ => "INTERNAL",
        };
    }
}
