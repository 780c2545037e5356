using CurateMe.Ledger.Money;

namespace CurateMe.Client;

/// <summary>
/// Live counters beside the ledger for today (UTC), of one org or of all. The names are the operators' own, whatever the stores are:
/// <c>redis</c> stands for the counters, <c>mongodb</c> for the ledger.
/// </summary>
public sealed record CostsToday
{
    /// <summary><c>embedded</c> or <c>shared</c>.</summary>
    public required string Mode { get; init; }

    /// <summary>Null when all orgs are summed.</summary>
    public string? OrgId { get; init; }
    public required DateOnly Date { get; init; }
    public required NanoUsd RedisDailyTotal { get; init; }
    public long RedisDailyTotalNanoUsd => RedisDailyTotal.Value;
    public required NanoUsd MongodbDailyTotal { get; init; }
    public long MongodbDailyTotalNanoUsd => MongodbDailyTotal.Value;

    /// <summary>(counters − ledger) ÷ counters in percent, one decimal; 0 when both are 0, -100 when only the counters are.</summary>
    public required double DriftPct { get; init; }
    public DateTimeOffset? LastRedisWrite { get; init; }
    public DateTimeOffset? LastMongoWrite { get; init; }

    /// <summary>Whether the counters answered; where they did not, their total is 0.</summary>
    public required bool RedisConnected { get; init; }

    /// <summary>Whether the ledger answered; where it did not, its total is 0.</summary>
    public required bool MongoConnected { get; init; }

    /// <summary>Set aside for requests in flight; in neither total.</summary>
    public required NanoUsd Held { get; init; }
    public long HeldNanoUsd => Held.Value;

    /// <summary>What today's resets took off the counters: it explains as much of the drift.</summary>
    public required NanoUsd Reset { get; init; }
    public long ResetNanoUsd => Reset.Value;

    /// <summary>Settled records on their way to the ledger.</summary>
    public required long QueueDepth { get; init; }

    /// <summary>Records set aside; null while Redis, which keeps them, is away.</summary>
    public required long? DlqDepth { get; init; }
}

/// <summary>Rebuilds counters from the ledger.</summary>
public sealed record ReconcileRequest
{
    /// <summary>One org; all of them when neither this nor <c>X-Org-ID</c> names one.</summary>
    public string? OrgId { get; init; }

    /// <summary>A UTC day; today when absent. Its month is rebuilt with it.</summary>
    public DateOnly? Date { get; init; }
}

/// <summary>What a reconciliation found and did.</summary>
public sealed record ReconcileResult
{
    public required string OrgId { get; init; }
    public required DateOnly Date { get; init; }

    /// <summary>Counters that were wrong and are right now.</summary>
    public required int Changed { get; init; }

    /// <summary>An operator's reset of this day is kept: counters stand below the ledger by it.</summary>
    public required bool ResetInForce { get; init; }
    public required IReadOnlyList<ReconciledCounter> Counters { get; init; }
}

/// <param name="Node"><c>org</c>, <c>team:ID</c>, <c>key:ID</c> or <c>session:ID</c>.</param>
/// <param name="Period"><c>day</c>, <c>month</c> or <c>life</c>.</param>
public sealed record ReconciledCounter(string Node, string Period, NanoUsd Before, NanoUsd After, bool Changed, NanoUsd Reset)
{
    public long BeforeNanoUsd => Before.Value;
    public long AfterNanoUsd => After.Value;
}

/// <param name="Remaining">Records still set aside.</param>
public sealed record ReplayResult(long Replayed, long Remaining);

/// <summary>Errors of one kind since the gateway started.</summary>
public sealed record ErrorGroup(string Source, string Code, long Count, DateTimeOffset FirstAt, DateTimeOffset LastAt, string LastMessage);
