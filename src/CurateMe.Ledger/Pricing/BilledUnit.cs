using System.Collections.Immutable;

namespace CurateMe.Ledger.Pricing;

/// <summary>
/// What a provider counts on its bill. Counts are disjoint: a token is counted under one unit only, so <see cref="InputToken"/> excludes cached, cache-written,
/// audio and image tokens, and <see cref="OutputToken"/> excludes reasoning, audio and image tokens. The numbers are stored: they never change, new ones are appended.
/// </summary>
public enum BilledUnit : byte
{
    InputToken = 0,
    /// <summary>Input read from the provider's prompt cache.</summary>
    CachedInputToken = 1,
    /// <summary>Input written to the prompt cache for five minutes, or for the provider's only duration.</summary>
    CacheWrite5mToken = 2,
    CacheWrite1hToken = 3,
    OutputToken = 4,
    /// <summary>Output that the caller may not see. Priced as output unless the price list says otherwise.</summary>
    ReasoningToken = 5,
    AudioInputToken = 6,
    CachedAudioInputToken = 7,
    AudioOutputToken = 8,
    ImageInputToken = 9,
    CachedImageInputToken = 10,
    ImageOutputToken = 11,
    /// <summary>A generated picture; its price may depend on size and quality.</summary>
    Image = 12,
    /// <summary>A character of text to be spoken.</summary>
    Character = 13,
    /// <summary>A second of audio sent; a started second counts.</summary>
    InputSecond = 14,
    /// <summary>A second of audio or video made; a started second counts.</summary>
    OutputSecond = 15,
    /// <summary>A fee per request, whatever it holds.</summary>
    Request = 16,
    WebSearch = 17,
    FileSearch = 18,
    /// <summary>A session of the provider's code container.</summary>
    CodeSession = 19,
    /// <summary>A token of a cited page.</summary>
    CitationToken = 20,
    /// <summary>A request answered with a small amount of search context.</summary>
    LowContextSearch = 21,
    MediumContextSearch = 22,
    HighContextSearch = 23,
    /// <summary>A prompt grounded on maps.</summary>
    MapsSearch = 24,
}

public static class BilledUnits
{
    public const int Count = 25;

    /// <summary>The names used in JSON, by number.</summary>
    public static ImmutableArray<string> Names { get; } =
    [
        "input_tokens", "cached_input_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens", "output_tokens", "reasoning_tokens",
        "audio_input_tokens", "cached_audio_input_tokens", "audio_output_tokens", "image_input_tokens", "cached_image_input_tokens", "image_output_tokens",
        "images", "characters", "input_seconds", "output_seconds", "requests", "web_searches", "file_searches", "code_sessions", "citation_tokens",
        "low_context_searches", "medium_context_searches", "high_context_searches", "maps_searches",
    ];

    public static string Name(this BilledUnit unit) => Names[(int)unit];
}
