using CurateMe.Ledger.Pricing;

namespace CurateMe.Gateway.Providers;

/// <summary>How a provider wants to be spoken to; one class of code each, while providers are rows.</summary>
enum DialectKind : byte
{
    OpenAi,
    Anthropic,
    Gemini,
}

/// <summary>A provider as configured: a row, never a class. Immutable.</summary>
sealed record ProviderRow
{
    /// <summary>The path segment, and the name in the price list: lower-case letters, digits, dashes.</summary>
    public required string Name { get; init; }

    /// <summary>Address that the operation's path is appended to, without a slash at its end.</summary>
    public required string BaseUrl { get; init; }
    public DialectKind Dialect { get; init; }

    /// <summary>Header that carries the provider's key, e.g. <c>Authorization</c>.</summary>
    public string AuthHeader { get; init; } = "Authorization";

    /// <summary>What stands before the key in that header.</summary>
    public string AuthPrefix { get; init; } = "Bearer ";

    /// <summary>The stored key; null when callers bring their own or none is needed.</summary>
    public string? ApiKey { get; init; }

    /// <summary>Whether requests without any key may be sent, as to a local server.</summary>
    public bool KeyOptional { get; init; }

    /// <summary>Field that carries the output cap when the caller sets none.</summary>
    public string CapField { get; init; } = "max_tokens";

    /// <summary>Azure's <c>api-version</c>, for resources that are called by deployment; null for the plain paths.</summary>
    public string? ApiVersion { get; init; }

    /// <summary>Callers may name the model in the path, as Azure has it: <c>/openai/deployments/NAME/…</c>.</summary>
    public bool ByDeployment { get; init; }

    /// <summary>The tier that the provider's account gives to requests that name none.</summary>
    public ServiceTier AutoTier { get; init; }

    /// <summary>Whether streams report usage only when asked by <c>stream_options.include_usage</c>.</summary>
    public bool AskStreamUsage { get; init; } = true;

    /// <summary>Whether reasoning tokens come beside the completion tokens instead of within them.</summary>
    public bool ReasoningBeside { get; init; }
}
