using System.Buffers;
using System.Text.Json;

namespace CurateMe.Gateway.Simulator;

/// <summary>The families of error body and of usage that providers speak.</summary>
internal enum Dialect : byte
{
    OpenAi,
    Anthropic,
    Gemini,
}

/// <summary>A refusal in the provider's own words.</summary>
internal sealed class ProviderError(int status, string message, string? param = null, string? code = null) : Exception(message)
{
    public int Status => status;

    /// <summary>The error that a provider answers with a given status when it is asked to fail.</summary>
    public static ProviderError Of(int status) => status switch
    {
        401 => new(401, "Incorrect API key provided: sk-****. You can find your API key in your account settings.", code: "invalid_api_key"),
        403 => new(403, "Your account is not allowed to use this model.", code: "permission_denied"),
        404 => new(404, "The requested resource does not exist.", code: "not_found"),
        429 => new(429, "Rate limit reached for requests. Please try again later.", code: "rate_limit_exceeded"),
        503 => new(503, "The server is overloaded or not ready yet."),
        529 => new(529, "Overloaded"),
        _ => new(status, "The server had an error while processing your request."),
    };

    public ReadOnlyMemory<byte> Body(Dialect dialect, string requestId)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using var writer = new Utf8JsonWriter(buffer, Written.Options);
        writer.WriteStartObject();
        switch (dialect)
        {
            case Dialect.Anthropic:
                writer.WriteString("type", "error");
                writer.WriteStartObject("error");
                writer.WriteString("type", AnthropicType);
                writer.WriteString("message", Message);
                writer.WriteEndObject();
                writer.WriteString("request_id", requestId);
                break;
            case Dialect.Gemini:
                writer.WriteStartObject("error");
                writer.WriteNumber("code", status);
                writer.WriteString("message", Message);
                writer.WriteString("status", GeminiStatus);
                writer.WriteEndObject();
                break;
            default:
                writer.WriteStartObject("error");
                writer.WriteString("message", Message);
                writer.WriteString("type", OpenAiType);
                writer.WriteString("param", param);
                writer.WriteString("code", code);
                writer.WriteEndObject();
                break;
        }
        writer.WriteEndObject();
        writer.Flush();
        return buffer.WrittenMemory;
    }

    string OpenAiType => status switch
    {
        429 => "requests",
        >= 500 => "server_error",
        _ => "invalid_request_error",
    };

    string AnthropicType => status switch
    {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        >= 500 => "api_error",
        _ => "invalid_request_error",
    };

    string GeminiStatus => status switch
    {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        >= 500 => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    };
}
