using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;

namespace CurateMe.Ledger.Budgets;

/// <summary>
/// The live totals: spent and held at every node and period. Two implementations: in-process and Redis; one contract-test suite and one
/// reference model for both. Every operation is atomic over all cells it touches and idempotent by request id.
/// Calls may throw <see cref="CounterStoreUnavailableException"/>; what happens then is the policy's <c>on_budget_store_loss</c>.
/// </summary>
public interface ICounterStore : IAsyncDisposable
{
    /// <summary>
    /// Sets money aside at every node and period of the path, or at none (I1). Grants <see cref="HoldRequest.Desired"/> if it fits, else
    /// what fits if that is at least <see cref="HoldRequest.Minimum"/>. A request that costs nothing is admitted whatever was spent.
    /// Asking again with the same id gives the same answer and holds nothing more.
    /// </summary>
    ValueTask<HoldOutcome> HoldAsync(HoldRequest request, CancellationToken ct);

    /// <summary>
    /// Ends a hold: moves it from held to spent with the actual cost (zero for a void), in the period where it was admitted (I4).
    /// An end that comes second changes nothing (I2).
    /// </summary>
    ValueTask<EndOutcome> EndAsync(UsageRecord record, CancellationToken ct);

    /// <summary>
    /// Ends holds whose time to live is over (I3), charging each in full: the caller writes their presumed records.
    /// </summary>
    /// <param name="max">Most holds in one call.</param>
    ValueTask<IReadOnlyList<UsageRecord>> ExpireAsync(int max, CancellationToken ct);

    /// <summary>What every node of an org has spent and holds in the day and in its month; of counters that lost something only when they are made right again.</summary>
    ValueTask<IReadOnlyList<CellTotals>> SnapshotAsync(string orgId, DateOnly day, CancellationToken ct);

    /// <summary>
    /// Says that the ledger has these records, as they are given, so that they no longer explain a difference between the two.
    /// The ledger is right: a hold still live here ends with its record's cost (its end got lost or is late), and one that ended here
    /// with another cost (it expired while its owner was settling) is corrected by the difference. Saying it twice changes nothing.
    /// </summary>
    ValueTask ConfirmAsync(IReadOnlyList<UsageRecord> recorded, CancellationToken ct);

    /// <summary>
    /// Begins a reconciliation of one org: what is spent at this instant, which holds are live, which ended ones the ledger may lack;
    /// from here on the store remembers every new hold until <see cref="AdjustAsync"/>. A second mark of the same process replaces the first; that of another waits for it, save that a rebuild does not wait.
    /// </summary>
    ValueTask<CounterMark> MarkAsync(string orgId, CancellationToken ct);

    /// <summary>Holds taken since the mark. Throws <see cref="InvalidOperationException"/> when the mark was replaced or overran <see cref="CounterMark.MaxCaptured"/>.</summary>
    ValueTask<IReadOnlyList<RequestId>> CapturedAsync(CounterMark mark, CancellationToken ct);

    /// <summary>
    /// Adds the differences to spent, at once or where they are very many in parts, and ends the mark. Differences, not totals: what happened since the mark stays (I6).
    /// Later marks are not earlier than this one's <see cref="CounterMark.At"/>, which the caller may have moved forward.
    /// </summary>
    ValueTask AdjustAsync(CounterMark mark, IReadOnlyList<CellDelta> deltas, CancellationToken ct);

    /// <summary>Number of live holds, over all orgs where the store can tell, else of this process.</summary>
    ValueTask<CounterHealth> CheckAsync(CancellationToken ct);
}

/// <summary>The store did not answer.</summary>
/// <param name="outcomeUnknown">True when the operation may have been carried out; asking again is safe.</param>
public sealed class CounterStoreUnavailableException(string message, bool outcomeUnknown, Exception? inner = null) : Exception(message, inner)
{
    public bool OutcomeUnknown { get; } = outcomeUnknown;
}

/// <summary>A wish for money.</summary>
/// <param name="Record">Names the hold (its id), the day of admission, and what a presumed record is made from.</param>
/// <param name="Desired">Upper bound of what the call may cost.</param>
/// <param name="Minimum">Least that is of use when the budget cannot afford it all; equal to <paramref name="Desired"/> when the caller set the cap.</param>
/// <param name="TimeToLive">Longest the call can last, drain included; the hold expires after it.</param>
public readonly record struct HoldRequest(UsageRecord Record, BudgetPath Path, NanoUsd Desired, NanoUsd Minimum, TimeSpan TimeToLive)
{
    /// <summary>Longest <see cref="TimeToLive"/>.</summary>
    public static readonly TimeSpan MaxTimeToLive = TimeSpan.FromDays(1);

    /// <exception cref="ArgumentOutOfRangeException">
    /// An amount is negative, the minimum is above what is desired, or it is zero though the call costs (nothing would be held); or the time to live is not
    /// between zero and <see cref="MaxTimeToLive"/>.
    /// </exception>
    internal void Check()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(Desired, NanoUsd.Zero);
        ArgumentOutOfRangeException.ThrowIfLessThan(Minimum, Desired > NanoUsd.Zero ? new NanoUsd(1) : NanoUsd.Zero);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Minimum, Desired);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(TimeToLive, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(TimeToLive, MaxTimeToLive);
    }
}

public enum HoldVerdict : byte
{
    Admitted,
    BudgetExceeded,
    RateLimited,
    ConcurrencyLimited,
}

/// <summary>The answer to a wish. On a denial nothing is held anywhere.</summary>
public readonly record struct HoldOutcome
{
    public required HoldVerdict Verdict { get; init; }

    /// <summary>What is held; at least the minimum asked for.</summary>
    public NanoUsd Granted { get; init; }

    /// <summary>Who said no; null when admitted.</summary>
    public BudgetNode? BlockedAt { get; init; }
    public PeriodKind BlockedPeriod { get; init; }
    public NanoUsd BlockedSpent { get; init; }
    public NanoUsd BlockedHeld { get; init; }
    public NanoUsd BlockedLimit { get; init; }

    /// <summary>The org's day after this operation.</summary>
    public NanoUsd OrgDaySpent { get; init; }
    public NanoUsd OrgDayHeld { get; init; }
    public RateFigures Rate { get; init; }

    /// <summary>True when the store was away and this was decided without it: what the org has spent and holds is not known.</summary>
    public bool NonAtomic { get; init; }
}

/// <summary>The tightest rate limit of the path. <see cref="Limit"/> 0 means there is none.</summary>
/// <param name="ResetMs">Milliseconds until all of the limit is free again.</param>
/// <param name="RetryAfterMs">Milliseconds until one more request fits; 0 when one fits now.</param>
public readonly record struct RateFigures(int Limit, int Remaining, int ResetMs, int RetryAfterMs);

/// <param name="Applied">False when the hold had already ended, or never was.</param>
public readonly record struct EndOutcome(bool Applied, NanoUsd OrgDaySpent, NanoUsd OrgDayHeld)
{
    /// <summary>False in the default: the counters were not told yet, and the figures mean nothing.</summary>
    public bool Told { get; } = true;
}

public sealed record CellTotals(NodeKind Kind, string NodeId, string Field, PeriodKind Period, NanoUsd Spent, NanoUsd Held);

/// <summary>A counter's name within its org: the node's field, and the first day of the period (default for <see cref="PeriodKind.Life"/>).</summary>
public readonly record struct CellName(string Field, PeriodKind Period, DateOnly Start)
{
    /// <summary>Every counter that a record is charged at.</summary>
    public static IReadOnlyList<CellName> Of(UsageRecord record)
    {
        var month = new DateOnly(record.Day.Year, record.Day.Month, 1);
        List<CellName> names = [];
        foreach (var field in (string?[])["org", record.TeamId is null ? null : $"team:{record.TeamId}", $"key:{record.KeyId}"])
        {
            if (field is not null)
            {
                names.Add(new CellName(field, PeriodKind.Day, record.Day));
                names.Add(new CellName(field, PeriodKind.Month, month));
            }
        }
        if (record.SessionId is not null)
        {
            names.Add(new CellName($"session:{record.SessionId}", PeriodKind.Life, default));
        }
        return names;
    }
}

public readonly record struct CellDelta(CellName Cell, NanoUsd Delta);

/// <summary>An org's counters at one instant.</summary>
/// <param name="At">Later than the time of admission of every hold so far, by their own clocks.</param>
/// <param name="Number">Tells this mark from a later one of the same org.</param>
/// <param name="Live">Holds not ended.</param>
/// <param name="Unrecorded">Ended holds that the ledger was not yet seen to have.</param>
public sealed record CounterMark(
    string OrgId, long Number, DateTimeOffset At, IReadOnlyDictionary<CellName, NanoUsd> Spent, IReadOnlyList<RequestId> Live, IReadOnlyList<UsageRecord> Unrecorded)
{
    /// <summary>Most holds remembered between a mark and its adjustment.</summary>
    public const int MaxCaptured = 200_000;
}

public sealed record CounterHealth(bool Connected, double LatencyMs, long LiveHolds, DateTimeOffset? LastWrite);
