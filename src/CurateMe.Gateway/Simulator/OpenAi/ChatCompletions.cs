using System.Buffers;
using System.Text;
using System.Text.Json;

namespace CurateMe.Gateway.Simulator.OpenAi;

/// <summary><c>POST /chat/completions</c>, whole and streamed.</summary>
internal static class ChatCompletions
{
    internal const string Fingerprint = "fp_5eed000001";

    public static Task Answer(SimulatedCall call)
    {
        var request = ChatRequest.Read(call);
        if (!request.Stream)
            return call.AnswerAsync(request.Units, Whole(call, request));
        var buffer = new ArrayBufferWriter<byte>(4096);
        return call.StreamAsync(request.Units, buffer, Stream(call, request, buffer));
    }

    /// <summary>The whole answer as bytes, without delays or faults.</summary>
    public static (byte[] Answer, bool Stream) Render(SimulatedCall call)
    {
        var request = ChatRequest.Read(call);
        if (!request.Stream)
            return (Whole(call, request).ToArray(), false);
        var buffer = new ArrayBufferWriter<byte>(4096);
        foreach (var _ in Stream(call, request, buffer))
        {
        }
        return (buffer.WrittenSpan.ToArray(), true);
    }

    static ReadOnlyMemory<byte> Whole(SimulatedCall call, ChatRequest request)
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        using var json = new Utf8JsonWriter(buffer, Written.Options);
        json.WriteStartObject();
        Head(json, call, call.Id("chatcmpl-", 29), "chat.completion");
        json.WriteStartArray("choices");
        for (var i = 0; i < request.Generations.Count; i++)
            Choice(json, call, request, request.Generations[i], i);
        json.WriteEndArray();
        Usage(json, "usage", call.Behaviour.Usage, request.Units);
        json.WriteString("service_tier", call.ServiceTier);
        json.WriteString("system_fingerprint", Fingerprint);
        json.WriteEndObject();
        json.Flush();
        return buffer.WrittenMemory;
    }

    static void Head(Utf8JsonWriter json, SimulatedCall call, string id, string kind)
    {
        json.WriteString("id", id);
        json.WriteString("object", kind);
        json.WriteNumber("created", call.UnixSeconds);
        json.WriteString("model", call.Model);
    }

    static void Choice(Utf8JsonWriter json, SimulatedCall call, ChatRequest request, Generation generation, int index)
    {
        json.WriteStartObject();
        json.WriteNumber("index", index);
        json.WriteStartObject("message");
        json.WriteString("role", "assistant");
        if (generation.ToolName is null && !request.Audio)
            json.WriteString("content", generation.Text);
        else
            json.WriteNull("content");
        if (generation.ToolName is not null)
        {
            json.WriteStartArray("tool_calls");
            json.WriteStartObject();
            json.WriteString("id", call.Id("call_"));
            json.WriteString("type", "function");
            json.WriteStartObject("function");
            json.WriteString("name", generation.ToolName);
            json.WriteString("arguments", generation.Text);
            json.WriteEndObject();
            json.WriteEndObject();
            json.WriteEndArray();
        }
        json.WriteNull("refusal");
        if (request.Audio)
        {
            json.WriteStartObject("audio");
            json.WriteString("id", call.Id("audio_"));
            json.WriteString("data", "UklGRiQAAABXQVZF");
            json.WriteString("transcript", generation.Text);
            json.WriteNumber("expires_at", call.UnixSeconds + 3600);
            json.WriteEndObject();
        }
        json.WriteStartArray("annotations");
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteNull("logprobs");
        json.WriteString("finish_reason", Finish(request, generation));
        json.WriteEndObject();
    }

    static string Finish(ChatRequest request, Generation generation) =>
        generation.Capped ? "length" : generation.ToolName is not null && !request.NamedTool ? "tool_calls" : "stop";

    internal static void Usage(Utf8JsonWriter json, string name, UsageForm form, BillCounts units) =>
        ReportedUsage.Write(json, name, form, units, static (usage, units) =>
        {
            usage.Count("prompt_tokens", units.PromptTokens);
            usage.Count("completion_tokens", units.CompletionTokens);
            usage.Count("total_tokens", units.PromptTokens + units.CompletionTokens);
            usage.Json.WriteStartObject("prompt_tokens_details");
            usage.Count("cached_tokens", units.CacheReadTokens);
            usage.Count("audio_tokens", units.AudioPromptTokens);
            usage.Json.WriteEndObject();
            usage.Json.WriteStartObject("completion_tokens_details");
            usage.Count("reasoning_tokens", units.ReasoningTokens);
            usage.Count("audio_tokens", units.AudioCompletionTokens);
            usage.Count("accepted_prediction_tokens", 0);
            usage.Count("rejected_prediction_tokens", 0);
            usage.Json.WriteEndObject();
        });

    static IEnumerable<Beat> Stream(SimulatedCall call, ChatRequest request, ArrayBufferWriter<byte> buffer)
    {
        var chunk = new Chunk(buffer, call, request);
        var form = call.Behaviour.Usage;
        for (var i = 0; i < request.Choices; i++)
            chunk.Delta(i, """{"role":"assistant","content":"","refusal":null}""");
        yield return new Beat();

        var made = 0;
        for (var i = 0; i < request.Choices; i++)
        {
            var generation = request.Generations[i];
            if (generation.Reasoning > 0)
                yield return new Beat(generation.Reasoning, generation.Reasoning);
            if (generation.ToolName is not null)
            {
                chunk.Delta(i, $$$"""{"tool_calls":[{"index":0,"id":"{{{call.Id("call_")}}}","type":"function","function":{"name":{{{Written.Quote(generation.ToolName)}}},"arguments":""}}]}""");
                yield return new Beat(generation.NameTokens);
            }
            made += generation.Reasoning + generation.NameTokens;
            foreach (var piece in generation.Pieces)
            {
                made += piece.Tokens;
                var running = form == UsageForm.Cumulative ? request.Units with { CompletionTokens = made } : null;
                if (generation.ToolName is null)
                    chunk.Text(i, piece.Text, running);
                else
                    chunk.Delta(i, $$$"""{"tool_calls":[{"index":0,"function":{"arguments":{{{Written.Quote(piece.Text)}}}}}]}""");
                yield return new Beat(piece.Tokens);
            }
        }
        // A spoken answer streams as its transcript; the sound itself is counted with the last step
        if (request.Units.AudioCompletionTokens > 0)
            yield return new Beat(request.Units.AudioCompletionTokens, Audio: request.Units.AudioCompletionTokens);

        for (var i = 0; i < request.Choices; i++)
            chunk.Delta(i, "{}", Finish(request, request.Generations[i]), form == UsageForm.WithChoices && i == request.Choices - 1 ? request.Units : null);
        if (request.IncludeUsage && form is not (UsageForm.Absent or UsageForm.WithChoices))
        {
            if (form == UsageForm.Twice)
                chunk.Usage(request.Units with { CompletionTokens = request.Units.CompletionTokens / 2 });
            chunk.Usage(request.Units);
        }
        buffer.Write("data: [DONE]\n\n"u8);
        yield return new Beat(Finished: true);
    }

    /// <summary>Writes chunks, whose head is the same for the whole stream and made once.</summary>
    sealed class Chunk
    {
        readonly ArrayBufferWriter<byte> _buffer;
        readonly bool _includeUsage;
        readonly UsageForm _form;
        readonly byte[] _head;

        public Chunk(ArrayBufferWriter<byte> buffer, SimulatedCall call, ChatRequest request)
        {
            _buffer = buffer;
            _includeUsage = request.IncludeUsage && call.Behaviour.Usage != UsageForm.Absent;
            _form = call.Behaviour.Usage;
            _head = Encoding.UTF8.GetBytes($$"""
                data: {"id":"{{call.Id("chatcmpl-", 29)}}","object":"chat.completion.chunk","created":{{call.UnixSeconds}},"model":{{Written.Quote(call.Model)}},"service_tier":{{Written.Quote(call.ServiceTier!)}},"system_fingerprint":"{{Fingerprint}}","choices":[
                """);
        }

        public void Text(int index, string text, BillCounts? running)
        {
            Start(index);
            _buffer.Write("\"delta\":{\"content\":"u8);
            Raw(Written.Quote(text));
            _buffer.Write("},\"logprobs\":null,\"finish_reason\":null}]"u8);
            End(running);
        }

        public void Delta(int index, string delta, string? finish = null, BillCounts? usage = null)
        {
            Start(index);
            _buffer.Write("\"delta\":"u8);
            Raw(delta);
            _buffer.Write(",\"logprobs\":null,\"finish_reason\":"u8);
            Raw(finish is null ? "null" : Written.Quote(finish));
            _buffer.Write("}]"u8);
            End(usage);
        }

        public void Usage(BillCounts units)
        {
            _buffer.Write(_head);
            _buffer.Write("]"u8);
            End(units);
        }

        void Start(int index)
        {
            _buffer.Write(_head);
            _buffer.Write("{\"index\":"u8);
            Raw(index.ToString());
            _buffer.Write(","u8);
        }

        void End(BillCounts? usage)
        {
            if (usage is not null)
                Raw(UsageMember(usage));
            else if (_includeUsage)
                _buffer.Write(",\"usage\":null"u8);
            _buffer.Write("}\n\n"u8);
        }

        string UsageMember(BillCounts units)
        {
            var part = new ArrayBufferWriter<byte>(256);
            using var json = new Utf8JsonWriter(part, Written.Options);
            json.WriteStartObject();
            ChatCompletions.Usage(json, "usage", _form, units);
            json.WriteEndObject();
            json.Flush();
            return "," + Encoding.UTF8.GetString(part.WrittenSpan[1..^1]);
        }

        void Raw(string text) => Encoding.UTF8.GetBytes(text, _buffer);
    }
}
