using System.Buffers;
using System.Text.Json;

namespace CurateMe.Gateway.Simulator.Gemini;

/// <summary><c>POST /v1beta/models/{model}:{verb}</c>.</summary>
internal static class GenerateContent
{
    /// <summary>Pieces of text in one chunk of a stream.</summary>
    const int ChunkPieces = 4;

    public static Task Answer(SimulatedCall call)
    {
        var target = (string)call.Context.Request.RouteValues["target"]!;
        var colon = target.LastIndexOf(':');
        call.Model = colon < 0 ? target : target[..colon];
        return (colon < 0 ? "" : target[(colon + 1)..]) switch
        {
            "generateContent" => Whole(call),
            "streamGenerateContent" => Stream(call),
            "countTokens" => CountTokens(call),
            "embedContent" => Embed(call, batch: false),
            "batchEmbedContents" => Embed(call, batch: true),
            var verb => throw new ProviderError(404, $"Unknown method '{verb}'."),
        };
    }

    static Task Whole(SimulatedCall call)
    {
        var request = GeminiRequest.Read(call);
        return call.AnswerAsync(request.Units, Written.Object((call, request), static (json, state) =>
        {
            var (call, request) = state;
            json.WriteStartArray("candidates");
            for (var i = 0; i < request.Generations.Count; i++)
                Candidate(json, request, request.Generations[i], i, request.Generations[i].Text, first: true, last: true);
            json.WriteEndArray();
            Foot(json, call, request.Units, call.Id("", 22));
        }), "application/json; charset=UTF-8");
    }

    static Task Stream(SimulatedCall call)
    {
        var request = GeminiRequest.Read(call);
        var sse = call.Context.Request.Query["alt"] == "sse";
        var buffer = new ArrayBufferWriter<byte>(4096);
        return call.StreamAsync(request.Units, buffer, Chunks(call, request, buffer, sse), sse ? "text/event-stream" : "application/json; charset=UTF-8");
    }

    static Task CountTokens(SimulatedCall call)
    {
        call.Card();
        var body = call.Body.Has("generateContentRequest") ? call.Body.Get("generateContentRequest") : call.Body;
        var units = GeminiRequest.Prompt(body, Behaviour.Default);
        return call.AnswerFreeAsync(Written.Object(units, static (json, units) =>
        {
            json.WriteNumber("totalTokens", units.PromptTokens);
            Modalities(new ReportedUsage(json, UsageForm.Normal), "promptTokensDetails", units);
        }));
    }

    static Task Embed(SimulatedCall call, bool batch)
    {
        call.Card();
        call.OperationName = "embed_content";
        var tokens = 0;
        var contents = batch ? call.Body.Items("requests").Select(request => request.Get("content")).ToArray() : [call.Body.Get("content")];
        foreach (var part in contents.SelectMany(content => content.Items("parts")))
            tokens += part.Get("text").TokenCount();
        // This API tells no usage: the bill is known to the provider alone
        return call.AnswerAsync(new BillCounts { PromptTokens = tokens }, Written.Object((contents.Length, batch), static (json, state) =>
        {
            if (state.batch)
                json.WriteStartArray("embeddings");
            for (var i = 0; i < state.Length; i++)
            {
                if (state.batch)
                    json.WriteStartObject();
                else
                    json.WriteStartObject("embedding");
                json.WriteStartArray("values");
                for (var value = 0; value < 8; value++)
                    json.WriteNumberValue((value + 1) / 16.0);
                json.WriteEndArray();
                json.WriteEndObject();
            }
            if (state.batch)
                json.WriteEndArray();
        }));
    }

    static void Candidate(Utf8JsonWriter json, GeminiRequest request, Generation generation, int index, string text, bool first, bool last)
    {
        json.WriteStartObject();
        json.WriteStartObject("content");
        if (text.Length > 0 || generation.ToolName is not null)
        {
            json.WriteStartArray("parts");
            if (first && request.ShowThoughts && generation.Reasoning > 0)
            {
                json.WriteStartObject();
                json.WriteString("text", "Weighing the question.");
                json.WriteBoolean("thought", true);
                json.WriteEndObject();
            }
            json.WriteStartObject();
            if (generation.ToolName is null)
            {
                json.WriteString("text", text);
            }
            else
            {
                json.WriteStartObject("functionCall");
                json.WriteString("name", generation.ToolName);
                json.WritePropertyName("args");
                json.WriteRawValue(generation.Capped ? "{}" : text);
                json.WriteEndObject();
            }
            json.WriteEndObject();
            json.WriteEndArray();
        }
        json.WriteString("role", "model");
        json.WriteEndObject();
        if (last)
            json.WriteString("finishReason", generation.Capped ? "MAX_TOKENS" : "STOP");
        json.WriteNumber("index", index);
        json.WriteEndObject();
    }

    static void Foot(Utf8JsonWriter json, SimulatedCall call, BillCounts units, string responseId)
    {
        ReportedUsage.Write(json, "usageMetadata", call.Behaviour.Usage, units, static (usage, units) =>
        {
            var visible = units.CompletionTokens - units.ReasoningTokens;
            usage.Count("promptTokenCount", units.PromptTokens);
            if (visible > 0)
                usage.Count("candidatesTokenCount", visible);
            usage.Count("totalTokenCount", units.PromptTokens + units.CompletionTokens);
            if (units.CacheReadTokens > 0)
            {
                usage.Count("cachedContentTokenCount", units.CacheReadTokens);
                Details(usage, "cacheTokensDetails", ("TEXT", units.CacheReadTokens));
            }
            Modalities(usage, "promptTokensDetails", units);
            if (units.ReasoningTokens > 0)
                usage.Count("thoughtsTokenCount", units.ReasoningTokens);
        });
        json.WriteString("modelVersion", call.Model);
        json.WriteString("responseId", responseId);
    }

    static void Modalities(ReportedUsage usage, string name, BillCounts units) => Details(usage, name,
        ("TEXT", units.PromptTokens - units.ImagePromptTokens - units.AudioPromptTokens), ("IMAGE", units.ImagePromptTokens), ("AUDIO", units.AudioPromptTokens));

    static void Details(ReportedUsage usage, string name, params ReadOnlySpan<(string Modality, int Count)> parts)
    {
        usage.Json.WriteStartArray(name);
        foreach (var (modality, count) in parts)
        {
            if (count == 0)
                continue;
            usage.Json.WriteStartObject();
            usage.Json.WriteString("modality", modality);
            usage.Count("tokenCount", count);
            usage.Json.WriteEndObject();
        }
        usage.Json.WriteEndArray();
    }

    static IEnumerable<Beat> Chunks(SimulatedCall call, GeminiRequest request, ArrayBufferWriter<byte> buffer, bool sse)
    {
        var responseId = call.Id("", 22);
        var made = 0;
        var thought = 0;
        var any = false;
        for (var i = 0; i < request.Generations.Count; i++)
        {
            var generation = request.Generations[i];
            made += generation.Reasoning + generation.NameTokens;
            thought += generation.Reasoning;
            if (generation.Reasoning > 0)
                yield return new Beat(generation.Reasoning, generation.Reasoning);
            // A call of a function comes in one piece
            var size = generation.ToolName is null ? ChunkPieces : Math.Max(1, generation.Pieces.Count);
            var name = generation.NameTokens;
            for (var from = 0; from == 0 || from < generation.Pieces.Count; from += size)
            {
                var pieces = generation.Pieces.Skip(from).Take(size).ToArray();
                var tokens = pieces.Sum(piece => piece.Tokens);
                made += tokens;
                Chunk(buffer, sse, any, (call, request, i, from, size, string.Concat(pieces.Select(piece => piece.Text)), made, thought, responseId));
                any = true;
                var end = i == request.Generations.Count - 1 && from + size >= generation.Pieces.Count;
                if (end && !sse)
                    buffer.Write("]"u8);
                yield return new Beat(tokens + name, Finished: end);
                name = 0;
            }
        }
    }

    static void Chunk(ArrayBufferWriter<byte> buffer, bool sse, bool any,
        (SimulatedCall Call, GeminiRequest Request, int Index, int From, int Size, string Text, int Made, int Thought, string ResponseId) state)
    {
        buffer.Write(sse ? "data: "u8 : any ? ",\r\n"u8 : "["u8);
        buffer.Write(Written.Object(state, static (json, state) =>
        {
            var generation = state.Request.Generations[state.Index];
            json.WriteStartArray("candidates");
            Candidate(json, state.Request, generation, state.Index, state.Text, first: state.From == 0, last: state.From + state.Size >= generation.Pieces.Count);
            json.WriteEndArray();
            var units = state.Request.Units with { CompletionTokens = state.Made, ReasoningTokens = state.Thought };
            if (state.Call.Behaviour.Usage == UsageForm.Twice && state.Made < state.Request.Units.CompletionTokens)
                units = units with { CompletionTokens = state.Made / 2 };
            Foot(json, state.Call, units, state.ResponseId);
        }).Span);
        if (sse)
            buffer.Write("\r\n\r\n"u8);
    }
}
