using System.Collections.Immutable;

namespace CurateMe.Ledger.Pricing;

/// <summary>A row of a price file as it was written: what is null was not given.</summary>
sealed record PriceRow
{
    internal required string Provider { get; init; }
    internal required string Model { get; init; }

    /// <summary>The file it came from, for messages.</summary>
    internal required string File { get; init; }

    internal ImmutableArray<string>? Aliases { get; init; }
    internal ModelMode? Mode { get; init; }
    internal long? MaxInputTokens { get; init; }
    internal long? MaxOutputTokens { get; init; }
    internal int? MaxTokensPerImage { get; init; }
    internal int? MaxTokensPerGeneratedImage { get; init; }

    /// <summary>Tokens of one generated picture by <c>size/quality</c>.</summary>
    internal IReadOnlyDictionary<string, long>? TokensPerGeneratedImage { get; init; }

    internal bool? Reasons { get; init; }
    internal DateOnly? Retires { get; init; }
    internal string? Source { get; init; }
    internal DateOnly? AsOf { get; init; }
    internal PriceBlock? Prices { get; init; }
    internal IReadOnlyDictionary<ServiceTier, PriceBlock> Tiers { get; init; } = NoTiers;
    internal LongContextPrices? LongContext { get; init; }

    internal static readonly IReadOnlyDictionary<ServiceTier, PriceBlock> NoTiers = new Dictionary<ServiceTier, PriceBlock>();

    /// <summary>This row where it says something, the earlier one where it is silent; the name stays that of the earlier one.</summary>
    internal PriceRow Amend(PriceRow earlier) => this with
    {
        Model = earlier.Model,
        Aliases = Aliases is { } given && Model != earlier.Model && !given.Contains(Model, StringComparer.Ordinal) ? given.Add(Model) : Aliases ?? earlier.Aliases,
        Mode = Mode ?? earlier.Mode,
        MaxInputTokens = MaxInputTokens ?? earlier.MaxInputTokens,
        MaxOutputTokens = MaxOutputTokens ?? earlier.MaxOutputTokens,
        MaxTokensPerImage = MaxTokensPerImage ?? earlier.MaxTokensPerImage,
        MaxTokensPerGeneratedImage = MaxTokensPerGeneratedImage ?? earlier.MaxTokensPerGeneratedImage,
        TokensPerGeneratedImage = TokensPerGeneratedImage ?? earlier.TokensPerGeneratedImage,
        Reasons = Reasons ?? earlier.Reasons,
        Retires = Retires ?? earlier.Retires,
        Prices = PriceBlock.Amend(Prices, earlier.Prices),
        Tiers = PriceBlock.Amend(Tiers, earlier.Tiers),
        LongContext = LongContext?.Amend(earlier.LongContext) ?? earlier.LongContext,
    };
}

/// <summary>Pico-dollars per unit, those that were written, and those of pictures by size and quality.</summary>
sealed record PriceBlock(IReadOnlyDictionary<BilledUnit, long> Pico, IReadOnlyDictionary<string, long> Variants)
{
    internal static PriceBlock? Amend(PriceBlock? later, PriceBlock? earlier)
    {
        if (later is null || earlier is null) return later ?? earlier;
        var pico = new Dictionary<BilledUnit, long>(earlier.Pico);
        foreach (var (unit, price) in later.Pico) pico[unit] = price;
        return new PriceBlock(pico, later.Pico.ContainsKey(BilledUnit.Image) ? later.Variants : earlier.Variants);
    }

    internal static IReadOnlyDictionary<ServiceTier, PriceBlock> Amend(
        IReadOnlyDictionary<ServiceTier, PriceBlock> later, IReadOnlyDictionary<ServiceTier, PriceBlock> earlier)
    {
        var tiers = new Dictionary<ServiceTier, PriceBlock>(earlier);
        foreach (var (tier, block) in later) tiers[tier] = Amend(block, earlier.GetValueOrDefault(tier))!;
        return tiers;
    }
}

/// <summary>The prices of prompts of more than so many tokens.</summary>
sealed record LongContextPrices(long Threshold, PriceBlock Prices, IReadOnlyDictionary<ServiceTier, PriceBlock> Tiers)
{
    internal LongContextPrices Amend(LongContextPrices? earlier) =>
        earlier is null ? this : new(Threshold, PriceBlock.Amend(Prices, earlier.Prices)!, PriceBlock.Amend(Tiers, earlier.Tiers));
}
