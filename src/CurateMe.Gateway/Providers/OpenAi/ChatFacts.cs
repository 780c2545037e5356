using CurateMe.Gateway.Proxy;

namespace CurateMe.Gateway.Providers.OpenAi;

/// <summary>Facts of a chat completion, with the places that may be patched.</summary>
sealed class ChatFacts : RequestFacts
{
    /// <summary>The cap in the older of the two fields, which is the only one that some providers know.</summary>
    public long? MaxTokens { get; init; }
    public ByteSpan MaxTokensToken { get; init; }
    public ByteSpan MaxCompletionTokensToken { get; init; }
    public ByteSpan StreamOptionsToken { get; init; }
    public ByteSpan IncludeUsageToken { get; init; }
}
