using System.Buffers;
using System.Text.Json;

namespace CurateMe.Gateway.Simulator.Anthropic;

/// <summary><c>POST /v1/messages</c>, whole and streamed, and <c>/v1/messages/count_tokens</c>.</summary>
internal static class Messages
{
    const string Signature = "EqoBCkgIARABGAIiQL2UoU0b1OHYi+yC0JyXPbJ0bqmZ2yZp";

    public static Task Answer(SimulatedCall call)
    {
        var request = MessagesRequest.Read(call);
        if (!request.Stream)
            return call.AnswerAsync(request.Units, Written.Object((call, request), static (json, state) => Whole(json, state.call, state.request)));
        var buffer = new ArrayBufferWriter<byte>(4096);
        return call.StreamAsync(request.Units, buffer, Stream(call, request, buffer));
    }

    /// <summary>Free of charge.</summary>
    public static Task CountTokens(SimulatedCall call)
    {
        MessagesRequest.Versioned(call);
        call.Model = call.Body.Text("model") ?? throw new ProviderError(400, "model: Field required");
        call.Card();
        var tokens = MessagesPrompt.Read(call.Body, "").Tokens;
        return call.AnswerFreeAsync(Written.Object(tokens, static (json, tokens) => json.WriteNumber("input_tokens", tokens)));
    }

    static void Whole(Utf8JsonWriter json, SimulatedCall call, MessagesRequest request)
    {
        var generation = request.Generation;
        Head(json, call);
        json.WriteStartArray("content");
        if (request.Thought.Count > 0)
        {
            json.WriteStartObject();
            json.WriteString("type", "thinking");
            json.WriteString("thinking", string.Concat(request.Thought.Select(piece => piece.Text)));
            json.WriteString("signature", Signature);
            json.WriteEndObject();
        }
        if (generation.ToolName is not null)
        {
            json.WriteStartObject();
            json.WriteString("type", "tool_use");
            json.WriteString("id", call.Id("toolu_01", 22));
            json.WriteString("name", generation.ToolName);
            json.WritePropertyName("input");
            // Arguments that the cap cut short are no JSON; the whole form then carries none
            json.WriteRawValue(generation.Capped ? "{}" : generation.Text);
            json.WriteEndObject();
        }
        else if (generation.Pieces.Count > 0)
        {
            json.WriteStartObject();
            json.WriteString("type", "text");
            json.WriteString("text", generation.Text);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteString("stop_reason", StopReason(generation));
        json.WriteNull("stop_sequence");
        Usage(json, call, request.Units);
    }

    static void Head(Utf8JsonWriter json, SimulatedCall call)
    {
        json.WriteString("id", call.Id("msg_01", 22));
        json.WriteString("type", "message");
        json.WriteString("role", "assistant");
        json.WriteString("model", call.Model);
    }

    static string StopReason(Generation generation) => generation.Capped ? "max_tokens" : generation.ToolName is not null ? "tool_use" : "end_turn";

    static void Usage(Utf8JsonWriter json, SimulatedCall call, BillCounts units) =>
        ReportedUsage.Write(json, "usage", call.Behaviour.Usage, (call, units), static (usage, state) =>
        {
            var units = state.units;
            usage.Count("input_tokens", units.PromptTokens - units.CacheReadTokens - units.CacheWrite5mTokens - units.CacheWrite1hTokens);
            usage.Count("cache_creation_input_tokens", units.CacheWrite5mTokens + units.CacheWrite1hTokens);
            usage.Count("cache_read_input_tokens", units.CacheReadTokens);
            usage.Json.WriteStartObject("cache_creation");
            usage.Count("ephemeral_5m_input_tokens", units.CacheWrite5mTokens);
            usage.Count("ephemeral_1h_input_tokens", units.CacheWrite1hTokens);
            usage.Json.WriteEndObject();
            usage.Count("output_tokens", units.CompletionTokens);
            Searches(usage, units);
            usage.Json.WriteString("service_tier", state.call.ServiceTier);
        });

    static void Searches(ReportedUsage usage, BillCounts units)
    {
        if (units.WebSearches == 0)
            return;
        usage.Json.WriteStartObject("server_tool_use");
        usage.Count("web_search_requests", units.WebSearches);
        usage.Json.WriteEndObject();
    }

    static IEnumerable<Beat> Stream(SimulatedCall call, MessagesRequest request, ArrayBufferWriter<byte> buffer)
    {
        var generation = request.Generation;
        Written.Event(buffer, "message_start", (call, request), static (json, state) =>
        {
            json.WriteString("type", "message_start");
            json.WriteStartObject("message");
            Head(json, state.call);
            json.WriteStartArray("content");
            json.WriteEndArray();
            json.WriteNull("stop_reason");
            json.WriteNull("stop_sequence");
            Usage(json, state.call, state.request.Units with { CompletionTokens = 1, WebSearches = 0 });
            json.WriteEndObject();
        });
        yield return new Beat();

        var index = 0;
        if (request.Thought.Count > 0)
        {
            Start(buffer, index, """{"type":"thinking","thinking":"","signature":""}""");
            foreach (var piece in request.Thought)
            {
                Delta(buffer, index, "thinking_delta", "thinking", piece.Text);
                yield return new Beat(piece.Tokens);
            }
            Delta(buffer, index, "signature_delta", "signature", Signature);
            Stop(buffer, index++);
        }
        if (generation.ToolName is not null)
        {
            Start(buffer, index, $$$"""{"type":"tool_use","id":"{{{call.Id("toolu_01", 22)}}}","name":{{{Written.Quote(generation.ToolName)}}},"input":{}}""");
            yield return new Beat(generation.NameTokens);
        }
        else if (generation.Pieces.Count > 0)
        {
            Start(buffer, index, """{"type":"text","text":""}""");
        }
        buffer.Write("event: ping\ndata: {\"type\":\"ping\"}\n\n"u8);
        foreach (var piece in generation.Pieces)
        {
            if (generation.ToolName is not null)
                Delta(buffer, index, "input_json_delta", "partial_json", piece.Text);
            else
                Delta(buffer, index, "text_delta", "text", piece.Text);
            yield return new Beat(piece.Tokens);
        }
        if (generation.ToolName is not null || generation.Pieces.Count > 0)
            Stop(buffer, index);
        if (call.Behaviour.Usage == UsageForm.Twice)
            MessageDelta(buffer, call, request, request.Units with { CompletionTokens = request.Units.CompletionTokens / 2 });
        MessageDelta(buffer, call, request, request.Units);
        buffer.Write("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"u8);
        yield return new Beat(Finished: true);
    }

    static void Start(ArrayBufferWriter<byte> buffer, int index, string block) => Written.Event(buffer, "content_block_start", (index, block), static (json, state) =>
    {
        json.WriteString("type", "content_block_start");
        json.WriteNumber("index", state.index);
        json.WritePropertyName("content_block");
        json.WriteRawValue(state.block);
    });

    static void Delta(ArrayBufferWriter<byte> buffer, int index, string kind, string member, string text) =>
        Written.Event(buffer, "content_block_delta", (index, kind, member, text), static (json, state) =>
        {
            json.WriteString("type", "content_block_delta");
            json.WriteNumber("index", state.index);
            json.WriteStartObject("delta");
            json.WriteString("type", state.kind);
            json.WriteString(state.member, state.text);
            json.WriteEndObject();
        });

    static void Stop(ArrayBufferWriter<byte> buffer, int index) => Written.Event(buffer, "content_block_stop", index, static (json, index) =>
    {
        json.WriteString("type", "content_block_stop");
        json.WriteNumber("index", index);
    });

    static void MessageDelta(ArrayBufferWriter<byte> buffer, SimulatedCall call, MessagesRequest request, BillCounts units) =>
        Written.Event(buffer, "message_delta", (call, request, units), static (json, state) =>
        {
            json.WriteString("type", "message_delta");
            json.WriteStartObject("delta");
            json.WriteString("stop_reason", StopReason(state.request.Generation));
            json.WriteNull("stop_sequence");
            json.WriteEndObject();
            ReportedUsage.Write(json, "usage", state.call.Behaviour.Usage, state.units, static (usage, units) =>
            {
                usage.Count("output_tokens", units.CompletionTokens);
                Searches(usage, units);
            });
        });
}
