using CurateMe.Ledger.Money;

namespace CurateMe.Client;

/// <summary>A request from its quote to its charge.</summary>
public sealed record UsageStory
{
    public required UsageHold Hold { get; init; }

    /// <summary>When the provider's answer began; null when it did not, or nobody saw it.</summary>
    public DateTimeOffset? FirstByteAt { get; init; }
    public required UsageEnd End { get; init; }

    /// <summary>Whether the price list in force is the one that quoted and charged this request.</summary>
    public required bool PricesInForce { get; init; }

    /// <summary>What was billed, unit by unit, at the prices in force.</summary>
    public required IReadOnlyList<UsageLine> Lines { get; init; }

    /// <summary>The sum of the lines, rounded up once.</summary>
    public required NanoUsd LinesTotal { get; init; }

    /// <summary>Whether that is what was charged. It is not where prices have changed, where the whole hold was charged, or where a picture's size set its price.</summary>
    public required bool LinesMatch { get; init; }
}

/// <summary>The quote, as it was held.</summary>
/// <param name="Amount">The most the request could cost.</param>
/// <param name="Nodes">Where it was held, each in the day and the month of admission; a session for its life.</param>
public sealed record UsageHold(DateTimeOffset At, NanoUsd Amount, DateOnly Day, string Month, IReadOnlyList<string> Nodes)
{
    public long AmountNanoUsd => Amount.Value;
}

/// <summary>How the hold ended.</summary>
/// <param name="How"><c>settled</c>, <c>voided</c> when nothing was billed, or <c>expired</c>.</param>
/// <param name="Charged">Moved from held to spent.</param>
/// <param name="Released">Given back; 0 where more was billed than held.</param>
/// <param name="Overage">Billed beyond the hold.</param>
public sealed record UsageEnd(DateTimeOffset At, string How, string Status, string UsageSource, NanoUsd Charged, NanoUsd Released, NanoUsd Overage);

/// <param name="PicoUsd">Pico-dollars for one unit.</param>
/// <param name="CostPicoUsd">Their product, as a decimal integer; it may be larger than a JSON number keeps.</param>
public sealed record UsageLine(string Unit, long Count, long PicoUsd, string CostPicoUsd);
