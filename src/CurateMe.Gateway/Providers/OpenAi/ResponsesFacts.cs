using CurateMe.Gateway.Proxy;

namespace CurateMe.Gateway.Providers.OpenAi;

/// <summary>Facts of a responses request, with the places that may be patched.</summary>
sealed class ResponsesFacts : RequestFacts
{
    public ByteSpan MaxOutputTokensToken { get; init; }
    public ByteSpan MaxToolCallsToken { get; init; }

    /// <summary>The provider's own tools are offered and nothing bounds their calls.</summary>
    public bool UnboundedCalls { get; init; }

    /// <summary>The answer comes at once, the generation later.</summary>
    public bool Background { get; init; }

    /// <summary>The stored response that the conversation goes on from.</summary>
    public string? Previous { get; init; }
}
