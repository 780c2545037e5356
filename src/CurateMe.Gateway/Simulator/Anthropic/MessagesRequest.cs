using System.Text.Json;

namespace CurateMe.Gateway.Simulator.Anthropic;

/// <summary>What matters of a messages request.</summary>
/// <param name="Thought">Thinking, as text that streams before the answer.</param>
internal sealed record MessagesRequest(bool Stream, BillCounts Units, Generation Generation, IReadOnlyList<Piece> Thought)
{
    const int UsualThought = 64;

    /// <exception cref="ProviderError">The request is one that the provider refuses.</exception>
    public static MessagesRequest Read(SimulatedCall call)
    {
        var body = call.Body;
        Versioned(call);
        call.Model = body.Text("model") ?? throw new ProviderError(400, "model: Field required");
        call.ServiceTier = "standard";
        var card = call.Card();
        var cap = body.Number("max_tokens", 1) ?? throw new ProviderError(400, "max_tokens: Field required");
        if (cap > card.MaxOutput)
            throw new ProviderError(400, $"max_tokens: {cap} > {card.MaxOutput}, which is the maximum allowed number of output tokens for {call.Model}");
        var prompt = MessagesPrompt.Read(body, $"{call.Provider}/{call.Model}");
        if (prompt.Tokens > card.Context)
            throw new ProviderError(400, $"prompt is too long: {prompt.Tokens} tokens > {card.Context} maximum");

        var (schema, tool) = Form(body);
        var generation = Generation.For(call, card, cap, prompt.Tokens, schema, tool, Thinking(call, body.Get("thinking"), cap), call.Seed);
        var units = Cached(call, prompt) with
        {
            CompletionTokens = generation.Completion,
            WebSearches = body.Items("tools").Any(t => t.Text("type")?.StartsWith("web_search", StringComparison.Ordinal) == true) ? call.Behaviour.WebSearches ?? 0 : 0,
        };
        return new MessagesRequest(body.Flag("stream"), units, generation, Prose.Pieces(~call.Seed, generation.Reasoning));
    }

    public static void Versioned(SimulatedCall call)
    {
        if (call.Provider == "anthropic" && call.Context.Request.Headers["anthropic-version"].Count == 0)
            throw new ProviderError(400, "anthropic-version: header is required");
    }

    static int Thinking(SimulatedCall call, JsonElement thinking, int cap)
    {
        if (!thinking.Is("type", "enabled"u8))
            return call.Behaviour.ReasoningTokens ?? (thinking.Is("type", "adaptive"u8) ? UsualThought : 0);
        var budget = thinking.Number("budget_tokens", 1) ?? throw new ProviderError(400, "thinking.enabled.budget_tokens: Field required");
        if (budget < 1024)
            throw new ProviderError(400, "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024");
        if (budget >= cap)
            throw new ProviderError(400, "`max_tokens` must be greater than `thinking.budget_tokens`");
        return Math.Min(call.Behaviour.ReasoningTokens ?? UsualThought, budget);
    }

    static BillCounts Cached(SimulatedCall call, MessagesPrompt prompt)
    {
        var (read, write5m, write1h) = call.Simulator.PromptCache.Look(prompt.Marks);
        var behaviour = call.Behaviour;
        var left = prompt.Tokens;
        left -= read = Math.Min(behaviour.CachedTokens ?? read, left);
        left -= write5m = Math.Min(behaviour.CacheWrite5m ?? write5m, left);
        write1h = Math.Min(behaviour.CacheWrite1h ?? write1h, left);
        return new BillCounts { PromptTokens = prompt.Tokens, CacheReadTokens = read, CacheWrite5mTokens = write5m, CacheWrite1hTokens = write1h };
    }

    static (JsonElement Schema, string? Tool) Form(JsonElement body)
    {
        var choice = body.Get("tool_choice");
        var named = choice.Is("type", "tool"u8) ? choice.Text("name") : null;
        if (named is not null || choice.Is("type", "any"u8))
        {
            foreach (var tool in body.Items("tools"))
            {
                if (tool.Text("name") is { } name && tool.Has("input_schema") && (named is null || name == named))
                    return (tool.Get("input_schema"), name);
            }
        }
        var format = body.Has("output_config") ? body.Get("output_config").Get("format") : body.Get("output_format");
        return (format.Is("type", "json_schema"u8) ? format.Get("schema") : default, null);
    }
}
