using System.Text.Json;

namespace CurateMe.Gateway.Simulator.OpenAi;

/// <summary>What matters of a responses request.</summary>
internal sealed record ResponsesRequest
{
    public bool Stream { get; init; }
    public bool Background { get; init; }
    public bool Store { get; init; }
    public int? Cap { get; init; }
    public string? Previous { get; init; }
    public required BillCounts Units { get; init; }
    public required Generation Generation { get; init; }

    /// <exception cref="ProviderError">The request is one that the provider refuses.</exception>
    public static ResponsesRequest Read(SimulatedCall call)
    {
        var body = call.Body;
        call.Model = body.Text("model") ?? throw new ProviderError(400, "Missing required parameter: 'model'.", "model", "missing_required_parameter");
        call.ServiceTier = body.Text("service_tier") is { } tier && tier != "auto" ? tier : "default";
        var card = call.Card();
        var cap = body.Number("max_output_tokens", 16);
        if (cap > card.MaxOutput)
            throw new ProviderError(400, $"max_output_tokens is too large: {cap}. This model supports at most {card.MaxOutput} completion tokens, whereas you provided {cap}.", "max_output_tokens", "invalid_value");
        var previous = body.Text("previous_response_id");
        var prompt = Prompt(body) + Carried(call, previous);
        if (prompt > card.Context)
            throw new ProviderError(400, "Your input exceeds the context window of this model. Please adjust your input and try again.", "input", "context_length_exceeded");
        var (schema, tool) = Form(body);
        var reasoning = ChatRequest.ReasoningWanted(call, card, body.Get("reasoning").Text("effort"));
        var generation = Generation.For(call, card, cap, prompt, schema, tool, reasoning, call.Seed);
        var searches = body.Items("tools").Any(t => t.Text("type")?.StartsWith("web_search", StringComparison.Ordinal) == true) ? call.Behaviour.WebSearches ?? 0 : 0;
        return new ResponsesRequest
        {
            Stream = body.Flag("stream"),
            Background = body.Flag("background"),
            Store = body.Get("store").ValueKind != JsonValueKind.False,
            Cap = cap,
            Previous = previous,
            Generation = generation,
            Units = new BillCounts
            {
                PromptTokens = prompt,
                CacheReadTokens = Math.Min(call.Behaviour.CachedTokens ?? 0, prompt),
                CompletionTokens = generation.Completion,
                ReasoningTokens = generation.Reasoning,
                WebSearches = searches,
            },
        };
    }

    /// <summary>Tokens of the conversation that the provider itself remembers.</summary>
    static int Carried(SimulatedCall call, string? previous)
    {
        if (previous is null)
            return 0;
        var units = call.Simulator.Responses.Find(previous)?.Units
            ?? throw new ProviderError(400, $"Previous response with id '{previous}' not found.", "previous_response_id", "previous_response_not_found");
        return units.PromptTokens + units.CompletionTokens;
    }

    static int Prompt(JsonElement body)
    {
        var input = body.Get("input");
        var tokens = ChatRequest.PrimingTokens + body.Get("instructions").TokenCount() + body.Get("tools").TokenCount() + body.Get("text").Get("format").Get("schema").TokenCount();
        if (input.ValueKind == JsonValueKind.String)
            return tokens + ChatRequest.MessageTokens + input.TokenCount();
        if (input.ValueKind != JsonValueKind.Array)
            throw new ProviderError(400, "Missing required parameter: 'input'.", "input", "missing_required_parameter");
        foreach (var item in input.EnumerateArray())
        {
            tokens += ChatRequest.MessageTokens;
            var content = item.Get("content");
            if (content.ValueKind == JsonValueKind.String)
                tokens += content.TokenCount();
            else if (content.ValueKind == JsonValueKind.Array)
                tokens += content.EnumerateArray().Sum(Part);
            else
                tokens += item.TokenCount();
        }
        return tokens;
    }

    static int Part(JsonElement part)
    {
        if (part.Is("type", "input_image"u8))
            return Pictures.OpenAiTokens(part.Text("image_url"), part.Is("detail", "low"u8));
        if (part.Is("type", "input_file"u8))
            return Math.Max(1, (part.Text("file_data")?.Length ?? 16_000) / 8);
        return part.Has("text") ? part.Get("text").TokenCount() : part.TokenCount();
    }

    static (JsonElement Schema, string? Tool) Form(JsonElement body)
    {
        var choice = body.Get("tool_choice");
        var named = choice.Is("type", "function"u8) ? choice.Text("name") : null;
        if (named is not null || choice.ValueKind == JsonValueKind.String && choice.ValueEquals("required"u8))
        {
            foreach (var tool in body.Items("tools"))
            {
                if (tool.Is("type", "function"u8) && tool.Text("name") is { } name && (named is null || name == named))
                    return (tool.Has("parameters") ? tool.Get("parameters") : ChatRequest.AnyObject, name);
            }
        }
        var format = body.Get("text").Get("format");
        return (format.Is("type", "json_schema"u8) ? format.Get("schema") : format.Is("type", "json_object"u8) ? ChatRequest.AnyObject : default, null);
    }
}
