using System.Collections.Concurrent;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;

namespace CurateMe.Ledger.Budgets;

/// <summary>
/// The counter store of one process: one lock per org, so that a hold over all its nodes and periods is one step and orgs do not wait
/// for each other. Nothing here outlives the process; at start the totals are rebuilt from ledger and journal.
/// </summary>
public sealed class InProcessCounters(TimeProvider time) : ICounterStore
{
    /// <summary>Most ended records remembered until the ledger has them, of all orgs together: about 40 MB.</summary>
    public const int MaxUnrecorded = 50_000;

    readonly ConcurrentDictionary<string, OrgCounters> orgs = new(StringComparer.Ordinal);
    readonly UnrecordedRecords memory = new(MaxUnrecorded);
    long lastWrite;

    /// <inheritdoc />
    public ValueTask<HoldOutcome> HoldAsync(HoldRequest request, CancellationToken ct) =>
        new(Org(request.Path.OrgId).Hold(in request, time.GetTimestamp(), time.TimestampFrequency));

    /// <inheritdoc />
    public ValueTask<EndOutcome> EndAsync(UsageRecord record, CancellationToken ct)
    {
        Volatile.Write(ref lastWrite, time.GetUtcNow().UtcTicks);
        return new(Org(record.OrgId).End(record));
    }

    /// <inheritdoc />
    public ValueTask<IReadOnlyList<UsageRecord>> ExpireAsync(int max, CancellationToken ct)
    {
        var (now, timestamp) = (time.GetUtcNow(), time.GetTimestamp());
        List<UsageRecord>? expired = null;
        foreach (var org in orgs.Values)
        {
            org.Expire(now, timestamp, max - (expired?.Count ?? 0), ref expired);
            if (expired?.Count >= max)
            {
                break;
            }
        }
        return new((IReadOnlyList<UsageRecord>?)expired ?? []);
    }

    /// <inheritdoc />
    public ValueTask<IReadOnlyList<CellTotals>> SnapshotAsync(string orgId, DateOnly day, CancellationToken ct) => new(Org(orgId).Snapshot(day));

    /// <inheritdoc />
    public ValueTask ConfirmAsync(IReadOnlyList<UsageRecord> recorded, CancellationToken ct)
    {
        for (var i = 0; i < recorded.Count; i++)
        {
            Org(recorded[i].OrgId).Confirm(recorded[i]);
        }
        return default;
    }

    /// <inheritdoc />
    public ValueTask<CounterMark> MarkAsync(string orgId, CancellationToken ct) => new(Org(orgId).Mark(orgId, time.GetUtcNow()));

    /// <inheritdoc />
    public ValueTask<IReadOnlyList<RequestId>> CapturedAsync(CounterMark mark, CancellationToken ct) => new(Org(mark.OrgId).Captured(mark));

    /// <inheritdoc />
    public ValueTask AdjustAsync(CounterMark mark, IReadOnlyList<CellDelta> deltas, CancellationToken ct)
    {
        Org(mark.OrgId).Adjust(mark, deltas, time.GetTimestamp());
        return default;
    }

    /// <inheritdoc />
    public ValueTask<CounterHealth> CheckAsync(CancellationToken ct)
    {
        var live = 0L;
        foreach (var org in orgs.Values)
        {
            live += org.LiveCount;
        }
        var ticks = Volatile.Read(ref lastWrite);
        return new(new CounterHealth(Connected: true, LatencyMs: 0, live, ticks == 0 ? null : new DateTimeOffset(ticks, TimeSpan.Zero)));
    }

    /// <inheritdoc />
    public ValueTask DisposeAsync() => default;

    /// <summary>Forgets periods that are over, by the clock and by how long they were not used, and sessions unused for <see cref="OrgCounters.SessionMemory"/>; call it about once an hour.</summary>
    public void Trim()
    {
        foreach (var org in orgs.Values)
        {
            org.Trim(time);
        }
    }

    /// <summary>Ended records that were too many to be remembered and that the ledger may still lack; 0 when there are none. Give it back to <see cref="CatchUp"/>.</summary>
    public long Skipped => memory.Skipped == memory.CaughtUp ? 0 : memory.Skipped;

    /// <summary>Says that the ledger has everything that had ended when <see cref="Skipped"/> was read: the orgs can be compared with it again.</summary>
    public void CatchUp(long skipped) => memory.CatchUp(skipped);

    OrgCounters Org(string orgId) => orgs.TryGetValue(orgId, out var org) ? org : orgs.GetOrAdd(orgId, _ => new OrgCounters(memory));
}
