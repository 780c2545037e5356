namespace CurateMe.Ledger.Pricing;

/// <summary>Lays a row's prices out as one flat table, [tier][long context][unit], with every gap filled by the rules that follow.</summary>
/// <remarks>
/// 1. A tier starts from the standard prices and replaces those it names; a picture, a search or a session it does not name costs the same in every tier.
/// 2. Long context starts from that tier's short prices, takes the standard long prices, then the tier's own long prices.
/// 3. What is still unnamed follows its nearest kin: a cache write, an audio or an image token costs what a fresh text token costs, reasoning what output costs,
///    a cached token of a kind that has a price of its own costs that price (no discount is assumed).
/// </remarks>
static class PriceTable
{
    internal static int Offset(ServiceTier tier, bool longContext) => ((int)tier * 2 + (longContext ? 1 : 0)) * BilledUnits.Count;

    internal static void Fill(PriceRow row, Span<long> table, out ulong priced)
    {
        priced = 0;
        foreach (var tier in Enum.GetValues<ServiceTier>())
        {
            var own = row.Tiers.GetValueOrDefault(tier);
            priced |= Fill(table[Offset(tier, longContext: false)..], row.Prices, own);
            var ownLong = row.LongContext?.Tiers.GetValueOrDefault(tier);
            Fill(table[Offset(tier, longContext: true)..], row.Prices, own, row.LongContext?.Prices, ownLong);
        }
    }

    static ulong Fill(Span<long> target, params ReadOnlySpan<PriceBlock?> layers)
    {
        Span<long> pico = stackalloc long[BilledUnits.Count];
        ulong priced = 0;
        foreach (var layer in layers)
        {
            if (layer is null) continue;
            foreach (var (unit, price) in layer.Pico)
            {
                pico[(int)unit] = price;
                priced |= 1UL << (int)unit;
            }
        }
        foreach (var (unit, kin) in Kin)
        {
            if ((priced >> (int)unit & 1) != 0 || (priced >> (int)kin & 1) == 0) continue;
            pico[(int)unit] = pico[(int)kin];
            priced |= 1UL << (int)unit;
        }
        pico.CopyTo(target);
        return priced;
    }

    // In this order: a kin is settled before the unit that follows it.
    static readonly (BilledUnit Unit, BilledUnit Kin)[] Kin =
    [
        (BilledUnit.CachedAudioInputToken, BilledUnit.AudioInputToken),
        (BilledUnit.CachedImageInputToken, BilledUnit.ImageInputToken),
        (BilledUnit.CachedInputToken, BilledUnit.InputToken),
        (BilledUnit.CachedAudioInputToken, BilledUnit.CachedInputToken),
        (BilledUnit.CachedImageInputToken, BilledUnit.CachedInputToken),
        (BilledUnit.AudioInputToken, BilledUnit.InputToken),
        (BilledUnit.ImageInputToken, BilledUnit.InputToken),
        (BilledUnit.CacheWrite5mToken, BilledUnit.InputToken),
        (BilledUnit.CacheWrite1hToken, BilledUnit.CacheWrite5mToken),
        (BilledUnit.ReasoningToken, BilledUnit.OutputToken),
        (BilledUnit.AudioOutputToken, BilledUnit.OutputToken),
        (BilledUnit.ImageOutputToken, BilledUnit.OutputToken),
    ];
}
