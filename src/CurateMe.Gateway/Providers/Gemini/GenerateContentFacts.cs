using CurateMe.Gateway.Proxy;

namespace CurateMe.Gateway.Providers.Gemini;

/// <summary>Facts of a generateContent request, with the places that may be patched.</summary>
sealed class GenerateContentFacts : RequestFacts
{
    public ByteSpan ConfigToken { get; init; }
    public ByteSpan MaxOutputTokensToken { get; init; }

    /// <summary>Where a cap would be inserted: just behind the bracket that opens the config.</summary>
    public bool ConfigIsEmpty { get; init; }
}
