using CurateMe.Ledger.Pricing;
using Xunit;

namespace CurateMe.Ledger.Tests.Pricing;

public sealed class BilledUnitTests
{
    /// <summary>Stored in the journal and the ledger: a number never changes its meaning.</summary>
    [Fact]
    public void Numbers_OfBilledUnits_AreFrozen()
    {
        string[] expected =
        [
            "InputToken", "CachedInputToken", "CacheWrite5mToken", "CacheWrite1hToken", "OutputToken", "ReasoningToken", "AudioInputToken",
            "CachedAudioInputToken", "AudioOutputToken", "ImageInputToken", "CachedImageInputToken", "ImageOutputToken", "Image", "Character",
            "InputSecond", "OutputSecond", "Request", "WebSearch", "FileSearch", "CodeSession", "CitationToken", "LowContextSearch",
            "MediumContextSearch", "HighContextSearch", "MapsSearch",
        ];
        Assert.Equal(expected, Enum.GetValues<BilledUnit>().OrderBy(unit => (int)unit).Select(unit => unit.ToString()));
        Assert.Equal(Enumerable.Range(0, BilledUnits.Count), Enum.GetValues<BilledUnit>().Select(unit => (int)unit).Order());
    }

    [Fact]
    public void Numbers_OfServiceTiers_AreFrozen() =>
        Assert.Equal(["Standard=0", "Flex=1", "Priority=2", "Batch=3", "Fast=4"], Enum.GetValues<ServiceTier>().Order().Select(tier => $"{tier}={(int)tier}"));

    [Fact]
    public void Names_OfUnits_AreFrozenAndDistinct()
    {
        string[] expected =
        [
            "input_tokens", "cached_input_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens", "output_tokens", "reasoning_tokens",
            "audio_input_tokens", "cached_audio_input_tokens", "audio_output_tokens", "image_input_tokens", "cached_image_input_tokens",
            "image_output_tokens", "images", "characters", "input_seconds", "output_seconds", "requests", "web_searches", "file_searches",
            "code_sessions", "citation_tokens", "low_context_searches", "medium_context_searches", "high_context_searches", "maps_searches",
        ];
        Assert.Equal(expected, Enum.GetValues<BilledUnit>().Order().Select(unit => unit.Name()));
    }
}
