namespace CurateMe.Gateway.Simulator;

/// <summary>Limits of a model, in tokens.</summary>
/// <param name="Context">Most prompt and completion tokens together.</param>
/// <param name="MaxOutput">Highest cap that the provider takes.</param>
/// <param name="Reasoning">Tokens spent on thought when the caller does not say how much.</param>
internal sealed record ModelCard(int Context, int MaxOutput, int Reasoning = 0)
{
    static readonly ModelCard Plain = new(128_000, 16_384);
    static readonly ModelCard Other = new(131_072, 32_768);

    // First match wins, so the longer prefixes stand first
    static readonly (string Prefix, ModelCard Card)[] OpenAi =
    [
        ("gpt-5-chat", Plain), ("gpt-5.1-chat", Plain), ("gpt-5.1", new(400_000, 128_000)), ("gpt-5", new(400_000, 128_000, 64)),
        ("gpt-4.1", new(1_047_576, 32_768)), ("gpt-4-turbo", new(128_000, 4_096)), ("gpt-4o", Plain), ("gpt-4", new(8_192, 8_192)),
        ("gpt-3.5", new(16_385, 4_096)), ("chatgpt-4o", new(128_000, 4_096)), ("gpt-audio", Plain), ("gpt-image", Plain), ("chatgpt-image", Plain),
        ("gpt-", Plain), ("o1", new(200_000, 100_000, 64)), ("o3", new(200_000, 100_000, 64)), ("o4", new(200_000, 100_000, 64)),
        ("codex", new(200_000, 100_000, 64)), ("text-embedding", new(8_192, 0)), ("babbage", new(16_384, 16_384)), ("davinci", new(16_384, 16_384)),
        ("dall-e", Plain), ("whisper", Plain), ("tts", Plain), ("omni-moderation", Plain), ("text-moderation", Plain), ("ft:", Plain),
    ];

    static readonly (string Prefix, ModelCard Card)[] Anthropic =
    [
        ("claude-3-haiku", new(200_000, 4_096)), ("claude-3-opus", new(200_000, 4_096)), ("claude-3-5", new(200_000, 8_192)),
        ("claude-3-7", new(200_000, 64_000)), ("claude-opus-4-1", new(200_000, 32_000)), ("claude-opus-4-5", new(200_000, 64_000)),
        ("claude-opus-4-2", new(200_000, 32_000)), ("claude-sonnet-4-5", new(200_000, 64_000)), ("claude-haiku", new(200_000, 64_000)),
        ("claude-sonnet-4", new(1_000_000, 64_000)), ("claude-", new(1_000_000, 128_000)),
    ];

    static readonly (string Prefix, ModelCard Card)[] Gemini =
    [
        ("gemini-2.0", new(1_048_576, 8_192)), ("gemini-1.5", new(1_048_576, 8_192)), ("gemini-embedding", new(2_048, 0)),
        ("gemini-2.5-flash-lite", new(1_048_576, 65_536)), ("gemini-", new(1_048_576, 65_536, 64)), ("gemma-", new(131_072, 8_192)),
        ("text-embedding", new(2_048, 0)),
    ];

    /// <summary>
    /// The model's limits, or null when the provider does not know it. The large three know their own families and <c>sim-…</c>;
    /// any other provider knows every name but those that begin with <c>unknown</c>.
    /// </summary>
    public static ModelCard? Find(string provider, string model)
    {
        if (model.Length == 0 || model.StartsWith("unknown", StringComparison.Ordinal))
            return null;
        if (model.StartsWith("sim-", StringComparison.Ordinal))
            return model.StartsWith("sim-reasoning", StringComparison.Ordinal) ? Other with { Reasoning = 64 } : Other;
        var family = provider switch { "openai" => OpenAi, "anthropic" => Anthropic, "google" or "gemini" => Gemini, _ => null };
        if (family is null)
            return Other;
        foreach (var (prefix, card) in family)
        {
            if (model.StartsWith(prefix, StringComparison.Ordinal))
                return card;
        }
        return null;
    }
}
