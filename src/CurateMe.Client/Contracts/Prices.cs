using CurateMe.Ledger.Money;

namespace CurateMe.Client;

/// <summary>What one model of one provider costs, and its limits.</summary>
public sealed record PriceView
{
    public required string Provider { get; init; }

    /// <summary>The name a caller sends; <c>*</c> for a row that prices every other model of its provider.</summary>
    public required string Model { get; init; }
    public required IReadOnlyList<string> Aliases { get; init; }
    public required string Mode { get; init; }
    public long? MaxInputTokens { get; init; }
    public long? MaxOutputTokens { get; init; }

    /// <summary>Prompts of more tokens are billed at the long-context prices.</summary>
    public long? LongContextThreshold { get; init; }

    /// <summary>The day the provider stops serving it, where announced.</summary>
    public DateOnly? Retires { get; init; }

    /// <summary>Where the figures are from, and when they were taken.</summary>
    public required string Source { get; init; }
    public required DateOnly AsOf { get; init; }
    public required IReadOnlyList<UnitPrice> Prices { get; init; }
}

/// <summary>The price of one unit.</summary>
/// <param name="Unit">As in a usage record's <c>units</c>.</param>
/// <param name="Tier">Service tier.</param>
/// <param name="LongContext">For prompts above the threshold.</param>
/// <param name="UsdPerMillion">Dollars for a million units.</param>
/// <param name="PicoUsd">Pico-dollars (10⁻¹²) for one unit.</param>
public sealed record UnitPrice(string Unit, string Tier, bool LongContext, NanoUsd UsdPerMillion, long PicoUsd);

/// <summary>A page of the price list in force.</summary>
/// <param name="Version">As usage records name it.</param>
public sealed record PricePage(string Version, IReadOnlyList<string> Providers, IReadOnlyList<PriceView> Data, string? NextCursor);
