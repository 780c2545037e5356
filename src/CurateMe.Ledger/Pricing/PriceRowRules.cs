using System.Globalization;

namespace CurateMe.Ledger.Pricing;

/// <summary>What a row must say before money is counted by it.</summary>
static class PriceRowRules
{
    /// <summary>Text units that a row must price above its threshold when it prices them below: silence there is how long prompts get billed too low.</summary>
    static readonly BilledUnit[] SaidAgainForLongContext =
    [
        BilledUnit.InputToken, BilledUnit.CachedInputToken, BilledUnit.CacheWrite5mToken, BilledUnit.CacheWrite1hToken, BilledUnit.OutputToken, BilledUnit.ReasoningToken,
    ];

    static readonly (BilledUnit Cached, BilledUnit Fresh)[] Discounted =
    [
        (BilledUnit.CachedInputToken, BilledUnit.InputToken),
        (BilledUnit.CachedAudioInputToken, BilledUnit.AudioInputToken),
        (BilledUnit.CachedImageInputToken, BilledUnit.ImageInputToken),
    ];

    internal static void Check(PriceRow row, List<string> faults)
    {
        // A field that could not be read counts as not given; its own fault is enough.
        var place = $"{row.File}: {row.Provider}/{row.Model}: ";
        var known = faults.Where(fault => fault.StartsWith(place, StringComparison.Ordinal)).Select(fault => FirstWord(fault.AsSpan(place.Length)).ToString()).ToHashSet(StringComparer.Ordinal);
        void Fault(string what)
        {
            if (!known.Contains(FirstWord(what).ToString())) faults.Add(place + what);
        }

        if (string.IsNullOrWhiteSpace(row.Source)) Fault("source is missing; name the page or the contract the figures come from");
        if (row.AsOf is null) Fault("as_of is missing; write the day the figures were taken, such as \"2026-08-06\"");
        if (row.Mode is null) Fault($"mode is missing; write one of {PriceFile.Modes}");
        if (row.Prices is null) Fault("prices is missing; write what the model costs, 0 where it is free");
        if (row.Mode is { } mode && row.Prices is { } prices) CheckMode(mode, prices.Pico, Fault);
        if (row.LongContext is { } longContext && row.Prices is not null) CheckLongContext(longContext, row.Prices, Fault);
        foreach (var (path, block) in Blocks(row)) CheckOrder(path, block.Pico, Fault);
        PictureTokens.Check(row, Fault);
    }

    static ReadOnlySpan<char> FirstWord(ReadOnlySpan<char> text) => text[..Math.Max(0, text.IndexOf(' '))];

    static IEnumerable<(string Place, PriceBlock Block)> Blocks(PriceRow row)
    {
        if (row.Prices is not null) yield return ("prices", row.Prices);
        foreach (var (tier, block) in row.Tiers) yield return ($"tiers.{PriceFileReader.NameOf(tier)}", block);
        if (row.LongContext is null) yield break;
        yield return ("long_context.prices", row.LongContext.Prices);
        foreach (var (tier, block) in row.LongContext.Tiers) yield return ($"long_context.tiers.{PriceFileReader.NameOf(tier)}", block);
    }

    /// <summary>A cached token that costs more than a fresh one is a slip of the pen, or an input price changed without its cached one.</summary>
    static void CheckOrder(string place, IReadOnlyDictionary<BilledUnit, long> pico, Action<string> fault)
    {
        foreach (var (cached, fresh) in Discounted)
        {
            if (pico.TryGetValue(cached, out var less) && pico.TryGetValue(fresh, out var more) && less > more)
                fault($"{place}.{PriceFields.PathOf(cached)} is above {PriceFields.PathOf(fresh)}; write the price of a token read from the cache");
        }
    }

    static void CheckMode(ModelMode mode, IReadOnlyDictionary<BilledUnit, long> pico, Action<string> fault)
    {
        bool Has(params ReadOnlySpan<BilledUnit> anyOf)
        {
            foreach (var unit in anyOf) if (pico.ContainsKey(unit)) return true;
            return false;
        }

        switch (mode)
        {
            case ModelMode.Chat or ModelMode.Responses or ModelMode.Completion:
                if (!Has(BilledUnit.InputToken)) fault("prices.per_million_tokens.input is missing; a model that reads text needs it, 0 where it is free");
                if (!Has(BilledUnit.OutputToken)) fault("prices.per_million_tokens.output is missing; a model that writes text needs it, 0 where it is free");
                break;
            case ModelMode.Embedding or ModelMode.Moderation:
                if (!Has(BilledUnit.InputToken, BilledUnit.Request)) fault("prices.per_million_tokens.input is missing; write what the text costs, 0 where it is free");
                break;
            case ModelMode.Image:
                if (!Has(BilledUnit.Image, BilledUnit.ImageOutputToken)) fault("the price of a picture is missing; write prices.per_image or prices.per_million_tokens.image_output");
                break;
            case ModelMode.AudioSpeech:
                if (!Has(BilledUnit.Character, BilledUnit.InputToken, BilledUnit.OutputSecond)) fault("the price of speech is missing; write prices.per_million_characters.input or prices.per_million_tokens");
                break;
            case ModelMode.AudioTranscription:
                if (!Has(BilledUnit.InputSecond, BilledUnit.AudioInputToken)) fault("the price of audio is missing; write prices.per_second.input, per_hour.input or prices.per_million_tokens.audio_input");
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(mode), mode, "not a ModelMode");
        }
    }

    static void CheckLongContext(LongContextPrices longContext, PriceBlock prices, Action<string> fault)
    {
        foreach (var unit in SaidAgainForLongContext)
        {
            if (prices.Pico.ContainsKey(unit) && !longContext.Prices.Pico.ContainsKey(unit))
                fault($"long_context.prices.{PriceFields.PathOf(unit)} is missing; write its price above {longContext.Threshold.ToString(CultureInfo.InvariantCulture)} tokens, the same as below if it does not change");
            else if (prices.Pico.TryGetValue(unit, out var below) && longContext.Prices.Pico[unit] < below)
                fault($"long_context.prices.{PriceFields.PathOf(unit)} is below prices.{PriceFields.PathOf(unit)}; a long prompt never costs less, write both anew");
        }
    }
}
