using CurateMe.Ledger.Money;

namespace CurateMe.Client;

/// <summary>How an org, or the whole gateway, stands at this moment.</summary>
public sealed record Overview
{
    /// <summary>Null when all orgs are summed.</summary>
    public string? OrgId { get; init; }
    public required DateTimeOffset At { get; init; }
    public required PeriodOverview Today { get; init; }
    public required PeriodOverview Month { get; init; }

    /// <summary>Dollars charged in the last hour; null while the ledger is away.</summary>
    public NanoUsd? BurnRatePerHour { get; init; }
    public long? BurnRatePerHourNanoUsd => BurnRatePerHour?.Value;

    /// <summary>Requests in the ledger; null while it is away.</summary>
    public long? RequestsToday { get; init; }
    public long? RequestsLastHour { get; init; }

    /// <summary>Requests of this UTC day that the gateway refused, most frequent reason first; of all replicas that share a Redis.</summary>
    public required IReadOnlyList<DenialCount> Denials { get; init; }

    /// <summary>95th percentile of what governing a request took in the last minutes on the replica that answers, in milliseconds; null when there was none.</summary>
    public double? AddedLatencyP95Ms { get; init; }

    /// <summary><c>healthy</c>, <c>degraded</c> or <c>unhealthy</c>.</summary>
    public required string Status { get; init; }
    public required StoreOverview Stores { get; init; }

    /// <summary>Null while a store is away.</summary>
    public DriftOverview? Drift { get; init; }
}

/// <summary>A UTC day or month against its budget.</summary>
public sealed record PeriodOverview
{
    public required DateTimeOffset From { get; init; }
    public required DateTimeOffset To { get; init; }
    public required NanoUsd Spent { get; init; }

    /// <summary>Set aside for requests in flight.</summary>
    public NanoUsd Held { get; init; }

    /// <summary>Null is unlimited, or all orgs.</summary>
    public NanoUsd? Budget { get; init; }

    /// <summary>What will have been spent at the end of the period at the present rate: of the last hour for a day, of the last 24 hours for a month.</summary>
    public NanoUsd? Forecast { get; init; }

    /// <summary>When the budget is used up at that rate; null when that is after the period, or there is no budget.</summary>
    public DateTimeOffset? BudgetEndsAt { get; init; }
    public long SpentNanoUsd => Spent.Value;
    public long HeldNanoUsd => Held.Value;
    public long? BudgetNanoUsd => Budget?.Value;
    public long? ForecastNanoUsd => Forecast?.Value;

    /// <summary><c>counters</c>, or <c>ledger</c> while the counters are away and for all orgs.</summary>
    public required string Source { get; init; }
}

/// <param name="Code">As in the refusal, e.g. <c>daily_budget</c>.</param>
public sealed record DenialCount(string Code, long Requests);

/// <summary>The stores behind the gateway. What concerns all tenants together is null for who sees only one.</summary>
public sealed record StoreOverview
{
    /// <summary><c>embedded</c> or <c>shared</c>.</summary>
    public required string Mode { get; init; }
    public required StoreState Counters { get; init; }
    public required StoreState Ledger { get; init; }
    public long? QueueDepth { get; init; }
    public long? OldestMs { get; init; }
    public long? DlqDepth { get; init; }
    public long? LiveHolds { get; init; }
    public string? LastError { get; init; }
}

/// <param name="LatencyMs">Of one question; null when it did not answer.</param>
public sealed record StoreState(bool Connected, double? LatencyMs);

/// <summary>Today's spend by the counters and by the ledger; what is on its way from one to the other is a difference too.</summary>
/// <param name="Pct">(counters − ledger) / counters × 100, one decimal.</param>
/// <param name="Counters">As if nothing had been reset: the live counters and <paramref name="Reset"/> together.</param>
/// <param name="Reset">What resets in force took off the live counters of today; 0 where there is none.</param>
public sealed record DriftOverview(double Pct, NanoUsd Counters, NanoUsd Ledger, NanoUsd Reset)
{
    public long ResetNanoUsd => Reset.Value;
    public long DifferenceNanoUsd => Counters.Value - Ledger.Value;
}

/// <summary>The data of a <c>spend</c> event of the live stream: where an org stands.</summary>
public sealed record LiveSpend
{
    public required string OrgId { get; init; }
    public required DateOnly Date { get; init; }
    public required NanoUsd DailySpend { get; init; }
    public required NanoUsd DailyHeld { get; init; }
    public required NanoUsd MonthlySpend { get; init; }
    public required NanoUsd MonthlyHeld { get; init; }
    public long DailySpendNanoUsd => DailySpend.Value;
    public long DailyHeldNanoUsd => DailyHeld.Value;
    public long MonthlySpendNanoUsd => MonthlySpend.Value;
    public long MonthlyHeldNanoUsd => MonthlyHeld.Value;
}
