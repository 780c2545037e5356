using System.Buffers;
using System.Text.Json;

namespace CurateMe.Gateway.Simulator.OpenAi;

/// <summary><c>POST /completions</c>, the older text form.</summary>
internal static class Completions
{
    /// <summary>The provider's own cap when the caller sends none.</summary>
    const int DefaultCap = 16;

    const int MaxPrompts = 2048;

    sealed record Request(bool Stream, bool IncludeUsage, BillCounts Units, IReadOnlyList<Generation> Shown);

    public static Task Answer(SimulatedCall call)
    {
        var request = Read(call);
        var id = call.Id("cmpl-", 29);
        if (!request.Stream)
        {
            return call.AnswerAsync(request.Units, Written.Object((call, request, id), static (json, state) =>
            {
                Head(json, state.call, state.id);
                json.WriteStartArray("choices");
                for (var i = 0; i < state.request.Shown.Count; i++)
                    Choice(json, i, state.request.Shown[i].Text, Finish(state.request.Shown[i]));
                json.WriteEndArray();
                ChatCompletions.Usage(json, "usage", state.call.Behaviour.Usage, state.request.Units);
            }));
        }
        var buffer = new ArrayBufferWriter<byte>(4096);
        return call.StreamAsync(request.Units, buffer, Stream(call, request, id, buffer));
    }

    static Request Read(SimulatedCall call)
    {
        var body = call.Body;
        call.Model = body.Text("model") ?? throw new ProviderError(400, "you must provide a model parameter");
        call.ServiceTier = "default";
        var card = call.Card();
        var counts = Prompts(body.Get("prompt"));
        var prompt = counts.Sum();
        if (prompt > card.Context)
            throw new ProviderError(400, $"This model's maximum context length is {card.Context} tokens, however you requested {prompt} tokens. Please reduce your prompt.", code: "context_length_exceeded");
        var cap = body.Number("max_tokens", 0) ?? DefaultCap;
        if (cap > card.MaxOutput)
            throw new ProviderError(400, $"max_tokens is too large: {cap}.", "max_tokens", "invalid_value");
        var n = body.Number("n", 1, ChatRequest.MaxChoices) ?? 1;
        var best = body.Number("best_of", 1, 20) ?? n;
        if (best < n)
            throw new ProviderError(400, "best_of must be greater than or equal to n.", "best_of");
        if (best > n && body.Flag("stream"))
            throw new ProviderError(400, "You cannot stream when best_of is greater than n.", "best_of");
        // All that is made is billed, though only n of best_of are shown
        var made = Enumerable.Range(0, counts.Count * best)
            .Select(index => Generation.For(call, card, cap, counts[index / best], default, null, 0, call.Seed + (uint)index)).ToArray();
        var units = new BillCounts
        {
            PromptTokens = prompt,
            CacheReadTokens = Math.Min(call.Behaviour.CachedTokens ?? 0, prompt),
            CompletionTokens = made.Sum(generation => generation.Completion),
        };
        return new Request(body.Flag("stream"), body.Get("stream_options").Flag("include_usage"), units, [.. made.Where((_, index) => index % best < n)]);
    }

    /// <summary>Tokens of each prompt: one text, several, one list of token numbers, or several.</summary>
    public static List<int> Prompts(JsonElement prompt)
    {
        if (prompt.ValueKind == JsonValueKind.String)
            return [prompt.TokenCount()];
        if (prompt.ValueKind != JsonValueKind.Array || prompt.GetArrayLength() == 0)
            throw new ProviderError(400, "The prompt or input must be a text, or a list of texts or of tokens, and not empty.", code: "invalid_type");
        if (prompt[0].ValueKind == JsonValueKind.Number)
            return [prompt.GetArrayLength()];
        if (prompt.GetArrayLength() > MaxPrompts)
            throw new ProviderError(400, $"At most {MaxPrompts} inputs are allowed.", code: "array_above_max_length");
        return [.. prompt.EnumerateArray().Select(item => item.ValueKind == JsonValueKind.Array ? item.GetArrayLength() : item.TokenCount())];
    }

    static string Finish(Generation generation) => generation.Capped ? "length" : "stop";

    static void Head(Utf8JsonWriter json, SimulatedCall call, string id)
    {
        json.WriteString("id", id);
        json.WriteString("object", "text_completion");
        json.WriteNumber("created", call.UnixSeconds);
        json.WriteString("model", call.Model);
        json.WriteString("system_fingerprint", ChatCompletions.Fingerprint);
    }

    static void Choice(Utf8JsonWriter json, int index, string text, string? finish)
    {
        json.WriteStartObject();
        json.WriteString("text", text);
        json.WriteNumber("index", index);
        json.WriteNull("logprobs");
        json.WriteString("finish_reason", finish);
        json.WriteEndObject();
    }

    static IEnumerable<Beat> Stream(SimulatedCall call, Request request, string id, ArrayBufferWriter<byte> buffer)
    {
        for (var i = 0; i < request.Shown.Count; i++)
        {
            foreach (var piece in request.Shown[i].Pieces)
            {
                Chunk(buffer, call, id, i, piece.Text, null, request.IncludeUsage);
                yield return new Beat(piece.Tokens);
            }
            Chunk(buffer, call, id, i, "", Finish(request.Shown[i]), request.IncludeUsage);
        }
        if (request.IncludeUsage)
        {
            Written.Event(buffer, null, (call, request, id), static (json, state) =>
            {
                Head(json, state.call, state.id);
                json.WriteStartArray("choices");
                json.WriteEndArray();
                ChatCompletions.Usage(json, "usage", state.call.Behaviour.Usage, state.request.Units);
            });
        }
        buffer.Write("data: [DONE]\n\n"u8);
        yield return new Beat(Finished: true);
    }

    static void Chunk(ArrayBufferWriter<byte> buffer, SimulatedCall call, string id, int index, string text, string? finish, bool includeUsage) =>
        Written.Event(buffer, null, (call, id, index, text, finish, includeUsage), static (json, state) =>
        {
            Head(json, state.call, state.id);
            json.WriteStartArray("choices");
            Choice(json, state.index, state.text, state.finish);
            json.WriteEndArray();
            if (state.includeUsage)
                json.WriteNull("usage");
        });
}
