using System.Collections.Frozen;
using System.Collections.Immutable;
using CurateMe.Ledger.Money;

namespace CurateMe.Ledger.Pricing;

/// <summary>What one model of one provider costs, and its limits. Immutable; every figure has a source and a date.</summary>
public sealed class ModelPrice
{
    /// <summary>
    /// Tokens that one input picture is assumed to be billed at, at most, when the price list does not say: above every published figure
    /// of a vision model that is billed by tile or patch, but for the gpt-4o-mini family, which has its own.
    /// </summary>
    public const int DefaultMaxTokensPerImage = 16_384;

    const int Tiers = 5;
    const int TableSize = Tiers * 2 * BilledUnits.Count;

    readonly long[] _pico;
    readonly long[] _highestInput = new long[Tiers * 4];
    readonly long[] _highestOutput = new long[Tiers * 2];
    readonly long _threshold;
    readonly ulong _priced;
    readonly byte _ownTiers;
    readonly FrozenDictionary<string, long> _variants;
    readonly FrozenDictionary<string, long> _pictureTokens;

    internal ModelPrice(PriceRow row)
    {
        Provider = row.Provider;
        Model = row.Model;
        Aliases = row.Aliases ?? [];
        Mode = row.Mode ?? ModelMode.Chat;
        MaxInputTokens = row.MaxInputTokens;
        MaxOutputTokens = row.MaxOutputTokens;
        MaxTokensPerImage = row.MaxTokensPerImage ?? DefaultMaxTokensPerImage;
        MaxTokensPerGeneratedImage = row.MaxTokensPerGeneratedImage;
        Reasons = row.Reasons ?? false;
        Retires = row.Retires;
        Source = row.Source ?? "";
        AsOf = row.AsOf ?? default;
        LongContextThreshold = row.LongContext?.Threshold;
        _threshold = LongContextThreshold ?? long.MaxValue; // nothing is above that: without a threshold every prompt is short
        _variants = row.Prices?.Variants.ToFrozenDictionary(StringComparer.Ordinal) ?? FrozenDictionary<string, long>.Empty;
        _pictureTokens = row.TokensPerGeneratedImage?.ToFrozenDictionary(StringComparer.Ordinal) ?? FrozenDictionary<string, long>.Empty;
        _pico = new long[TableSize];
        PriceTable.Fill(row, _pico, out _priced);
        foreach (var tier in row.Tiers.Keys) _ownTiers |= (byte)(1 << (int)tier);
        foreach (var tier in Enum.GetValues<ServiceTier>())
        {
            FindHighest(tier, promptTokens: 0);
            FindHighest(tier, promptTokens: long.MaxValue);
        }
    }

    /// <summary>A model without a price, where policy lets it pass: nothing it does costs anything, and nothing bounds it.</summary>
    internal static ModelPrice Unpriced(string provider, string model) => new(new PriceRow { Provider = provider, Model = model, File = "" });

    public string Provider { get; }

    /// <summary>The name a caller sends; <c>*</c> for a row that prices every other model of its provider.</summary>
    public string Model { get; }

    public ImmutableArray<string> Aliases { get; }
    public ModelMode Mode { get; }
    public long? MaxInputTokens { get; }

    /// <summary>The most tokens one answer can have, reasoning included.</summary>
    public long? MaxOutputTokens { get; }

    /// <summary>Upper bound of the tokens that one input picture of any size is billed at.</summary>
    public int MaxTokensPerImage { get; }

    /// <summary>Upper bound of the image output tokens of one generated picture of any size and quality, for models that bill pictures by token.</summary>
    public int? MaxTokensPerGeneratedImage { get; }

    /// <summary>The tokens of the pictures whose size and quality are known, by <c>size/quality</c>.</summary>
    internal IReadOnlyDictionary<string, long> KnownPictures => _pictureTokens;

    /// <summary>Upper bound of the image output tokens of one generated picture; null for models that do not bill pictures by token.</summary>
    /// <param name="size">As a caller writes it; null where the provider is left to choose.</param>
    /// <param name="quality">The same.</param>
    public long? TokensPerGeneratedImage(string? size, string? quality) =>
        _pictureTokens.TryGetValue($"{size ?? PictureTokens.Auto}/{quality ?? PictureTokens.Auto}", out var tokens) ? tokens : MaxTokensPerGeneratedImage;

    /// <summary>It may think before it answers without being asked to.</summary>
    public bool Reasons { get; }

    /// <summary>The day the provider stops serving it, where announced.</summary>
    public DateOnly? Retires { get; }

    /// <summary>The page or the contract the figures were taken from.</summary>
    public string Source { get; }

    /// <summary>The day they were taken.</summary>
    public DateOnly AsOf { get; }

    /// <summary>Prompts of more tokens than this are billed at the long-context prices, the whole request.</summary>
    public long? LongContextThreshold { get; }

    /// <summary>The names of size and quality that generated pictures are priced by; empty when a picture has one price or none.</summary>
    public IReadOnlyCollection<string> ImageVariants => _variants.Keys;

    /// <summary>Nothing this model does is billed.</summary>
    public bool IsFree => !_pico.AsSpan().ContainsAnyExcept(0L);

    /// <summary>Whether the list says what this unit costs, itself or by a documented rule (reasoning is output). A unit that is not priced costs nothing here.</summary>
    public bool IsPriced(BilledUnit unit) => (_priced >> (int)unit & 1) != 0;

    /// <summary>Whether the list has prices for this tier; where it has none, the tier is billed as standard, which is wrong for a dearer tier.</summary>
    public bool IsPriced(ServiceTier tier) => tier == ServiceTier.Standard || (_ownTiers >> (int)tier & 1) != 0;

    /// <summary>The exact cost. Long-context prices apply to the whole request when its prompt tokens exceed the threshold.</summary>
    /// <param name="usage">What was used, in disjoint counts.</param>
    /// <param name="tier">The tier billed; without a price of its own it is billed as standard.</param>
    /// <param name="imageVariant">Size and quality of generated pictures, such as <c>1024x1024/hd</c>; unknown or absent: the dearest of the model.</param>
    public PicoUsd Cost(in UsageCounts usage, ServiceTier tier, string? imageVariant = null)
    {
        var counts = UsageCounts.AsSpan(in usage);
        var prices = Row(tier, usage.PromptTokens > _threshold)[..counts.Length];
        Int128 sum = 0;
        for (var unit = 0; unit < counts.Length; unit++)
        {
            if (counts[unit] != 0) sum += (Int128)Math.BigMul((ulong)counts[unit], (ulong)prices[unit]);
        }
        var images = counts[(int)BilledUnit.Image];
        if (images != 0 && imageVariant is not null && _variants.Count != 0)
            sum -= images * (Int128)(prices[(int)BilledUnit.Image] - PicoPerImage(imageVariant));
        return new PicoUsd(sum);
    }

    /// <summary>Pico-dollars per unit. Pictures answer their dearest variant.</summary>
    public long PicoPerUnit(BilledUnit unit, ServiceTier tier = ServiceTier.Standard, bool longContext = false) => Row(tier, longContext)[(int)unit];

    /// <summary>Pico-dollars per generated picture: that of <c>size/quality</c>, else of <c>size</c>, else the dearest.</summary>
    public long PicoPerImage(string? variant)
    {
        if (variant is not null && _variants.Count != 0)
        {
            if (_variants.TryGetValue(variant, out var pico)) return pico;
            var slash = variant.IndexOf('/', StringComparison.Ordinal);
            if (slash > 0 && _variants.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(variant.AsSpan(0, slash), out pico)) return pico;
        }
        return _pico[(int)BilledUnit.Image];
    }

    /// <summary>The dearest pico-dollars this unit may be billed at under the tier, when the prompt has at most so many tokens.</summary>
    public long HighestPico(BilledUnit unit, ServiceTier tier = ServiceTier.Standard, long promptTokens = long.MaxValue)
    {
        var below = Row(tier, longContext: false)[(int)unit];
        return promptTokens > _threshold ? Math.Max(below, Row(tier, longContext: true)[(int)unit]) : below;
    }

    /// <summary>
    /// The dearest pico-dollars a token of text input may be billed at: fresh or cached, and written to the cache where asked.
    /// The long-context price counts unless the prompt is known to have no more tokens than the threshold.
    /// </summary>
    public long HighestInputPico(ServiceTier tier, bool cacheWrites, long promptTokens = long.MaxValue) =>
        _highestInput[HighestOffset(tier, promptTokens) * 2 + (cacheWrites ? 1 : 0)];

    /// <summary>The dearest pico-dollars a token of text output may be billed at, seen or reasoning; the prompt decides as it does for input.</summary>
    public long HighestOutputPico(ServiceTier tier, long promptTokens = long.MaxValue) => _highestOutput[HighestOffset(tier, promptTokens)];

    int HighestOffset(ServiceTier tier, long promptTokens) => (int)tier * 2 + (promptTokens > _threshold ? 1 : 0);

    ReadOnlySpan<long> Row(ServiceTier tier, bool longContext) =>
        _pico.AsSpan(PriceTable.Offset(tier, longContext && LongContextThreshold is not null), BilledUnits.Count);

    void FindHighest(ServiceTier tier, long promptTokens)
    {
        long Highest(BilledUnit one, BilledUnit other) => Math.Max(HighestPico(one, tier, promptTokens), HighestPico(other, tier, promptTokens));
        var offset = HighestOffset(tier, promptTokens);
        var input = Highest(BilledUnit.InputToken, BilledUnit.CachedInputToken);
        _highestInput[offset * 2] = input;
        _highestInput[offset * 2 + 1] = Math.Max(input, Highest(BilledUnit.CacheWrite5mToken, BilledUnit.CacheWrite1hToken));
        _highestOutput[offset] = Highest(BilledUnit.OutputToken, BilledUnit.ReasoningToken);
    }
}
