using CurateMe.Gateway.Proxy;

namespace CurateMe.Gateway.Providers.Anthropic;

/// <summary>Facts of a messages request, with the places that may be patched.</summary>
sealed class MessagesFacts : RequestFacts
{
    public ByteSpan MaxTokensToken { get; init; }

    /// <summary>Starts of the objects of search tools that set no <c>max_uses</c>.</summary>
    public IReadOnlyList<int> UnboundedSearches { get; init; } = [];
}
