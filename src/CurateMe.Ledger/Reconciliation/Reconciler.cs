using System.Collections.Concurrent;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Configuration;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;

namespace CurateMe.Ledger.Reconciliation;

/// <summary>One counter beside what it should be.</summary>
/// <param name="Ledger">What the ledger says, records still on their way to it included.</param>
/// <param name="Reset">What an operator's reset takes off in this period.</param>
public sealed record ReconciledCell(string Field, PeriodKind Period, DateOnly Start, NanoUsd Before, NanoUsd After, NanoUsd Ledger, NanoUsd Unrecorded, NanoUsd Reset)
{
    public bool Changed => Before != After;
}

public sealed record ReconcileReport(string OrgId, DateOnly Day, IReadOnlyList<ReconciledCell> Cells)
{
    public bool ResetInForce => Cells.Any(static c => c.Reset != NanoUsd.Zero);
}

/// <summary>
/// Makes an org's counters equal to the ledger again, exactly and under live traffic (I6):
/// <list type="number">
/// <item>Mark the counters: what is spent now, which holds are live, which ended ones the ledger may lack.</item>
/// <item>Sum the ledger, leaving out those holds and all admitted since the mark: what is left cannot change any more.</item>
/// <item>If a hold with an earlier time came in meanwhile, sum again without it too.</item>
/// <item>Add the sum of the ended ones, take off a reset in force, and give the counters the differences. Live holds will settle by themselves.</item>
/// </list>
/// </summary>
public sealed class Reconciler(ICounterStore counters, IUsageLedger ledger, CounterResets resets, TimeProvider time) : IDisposable
{
    const int MostTries = 20;

    /// <summary>Ended holds looked up in the ledger at once; if there are more, that is done before it is summed, since a sum that leaves out so many is slow.</summary>
    const int Many = 1000;

    /// <summary>How long ago those ended that are looked up after a comparison: younger ones are on their way.</summary>
    static readonly TimeSpan Late = TimeSpan.FromMinutes(1);

    /// <summary>An ended hold that the ledger lacks for longer, though it answers, is brought to it from here; should its own gateway bring it yet, nothing changes.</summary>
    static readonly TimeSpan Lost = TimeSpan.FromMinutes(10);

    readonly ConcurrentDictionary<string, SemaphoreSlim> turns = new(StringComparer.Ordinal);

    /// <summary>Reconciles a day, its month and the org's sessions.</summary>
    public async Task<ReconcileReport> RunAsync(string orgId, DateOnly day, bool apply, CancellationToken ct)
    {
        var turn = await TurnAsync(orgId, ct).ConfigureAwait(false);
        try
        {
            var mark = await MarkAsync(orgId, ct).ConfigureAwait(false);
            return await MarkedAsync(mark, day, apply, ct).ConfigureAwait(false);
        }
        finally
        {
            turn.Release();
        }
    }

    /// <summary>
    /// Sets an org's live daily counters of today to zero; ledger, month and audit stay. Recorded before it is done, so that a crash keeps it.
    /// </summary>
    /// <returns>What each counter stood at.</returns>
    public async Task<IReadOnlyDictionary<string, NanoUsd>> ResetDayAsync(string orgId, Func<IReadOnlyDictionary<string, NanoUsd>, AuditDraft> audit, CancellationToken ct)
    {
        var day = DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);
        var turn = await TurnAsync(orgId, ct).ConfigureAwait(false);
        try
        {
            var mark = await MarkAsync(orgId, ct).ConfigureAwait(false);
            return await EndingAsync(mark, async () =>
            {
                var cells = (await CompareAsync(mark, day, ct).ConfigureAwait(false)).Where(static c => c.Period == PeriodKind.Day).ToList();
                var stood = Amounts(cells, static c => c.Before);
                // What is taken off is what the ledger says, not what a counter that drifted says: else a later rebuild would end below zero.
                await resets.AddAsync(orgId, day, Amounts(cells, static c => c.After), audit(stood), ct).ConfigureAwait(false);
                return (stood, stood.Select(c => new CellDelta(new CellName(c.Key, PeriodKind.Day, day), -c.Value)).ToList());
            }).ConfigureAwait(false);
        }
        finally
        {
            turn.Release();
        }
    }

    /// <summary>As <see cref="RunAsync"/>, for counters that may know nothing of what the ledger has.</summary>
    public async Task RebuildAsync(string orgId, DateOnly day, CancellationToken ct)
    {
        var turn = await TurnAsync(orgId, ct).ConfigureAwait(false);
        try
        {
            var mark = await MarkAsync(orgId, ct).ConfigureAwait(false);
            await MarkedAsync(await AfterLedgerAsync(mark, ct).ConfigureAwait(false), day, apply: true, ct).ConfigureAwait(false);
        }
        finally
        {
            turn.Release();
        }
    }

    /// <summary>
    /// Rebuilds every org that the ledger knows of around a day. For the start, before anyone is admitted and after the ledger has all that
    /// the journal had. The clock of a machine that was just started may yet be set: the day before is rebuilt too, and a later one that the ledger has records of.
    /// </summary>
    public async Task RebuildAllAsync(DateOnly day, CancellationToken ct)
    {
        foreach (var org in await OrgsAroundAsync(day, ct).ConfigureAwait(false))
        {
            await RebuildAsync(org, day.AddDays(-1), ct).ConfigureAwait(false);
            await RebuildAsync(org, day, ct).ConfigureAwait(false);
            if (await NewestAsync(org, ct).ConfigureAwait(false) is { } newest && newest.Day > day)
            {
                await RebuildAsync(org, newest.Day, ct).ConfigureAwait(false);
            }
        }
    }

    /// <inheritdoc />
    public void Dispose()
    {
        foreach (var turn in turns.Values)
        {
            turn.Dispose();
        }
    }

    async Task<IReadOnlyCollection<string>> OrgsAroundAsync(DateOnly day, CancellationToken ct)
    {
        HashSet<string> orgs = new(StringComparer.Ordinal);
        foreach (var month in new[] { day.AddDays(-1), day, day.AddDays(1) }.Select(SpendPeriod.OfMonth).Distinct())
        {
            orgs.UnionWith((await ledger.SpendAsync(orgId: null, month, except: null, before: null, ct).ConfigureAwait(false)).Select(static s => s.OrgId));
        }
        orgs.UnionWith((await ledger.SessionSpendAsync(orgId: null, time.GetUtcNow() - SessionLife.Memory, except: null, before: null, ct).ConfigureAwait(false)).Select(static s => s.OrgId));
        return orgs;
    }

    // One at a time for each org; whoever has the turn releases it.
    async Task<SemaphoreSlim> TurnAsync(string orgId, CancellationToken ct)
    {
        var turn = turns.GetOrAdd(orgId, static _ => new SemaphoreSlim(1, 1));
        await turn.WaitAsync(ct).ConfigureAwait(false);
        return turn;
    }

    async Task<CounterMark> MarkAsync(string orgId, CancellationToken ct)
    {
        var mark = await counters.MarkAsync(orgId, ct).ConfigureAwait(false);
        if (mark.Unrecorded.Count <= Many)
        {
            return mark;
        }
        try
        {
            await ConfirmAsync(mark.OrgId, [.. mark.Unrecorded], ct).ConfigureAwait(false);
        }
        catch
        {
            await ForgetAsync(mark).ConfigureAwait(false);
            throw;
        }
        return await counters.MarkAsync(orgId, ct).ConfigureAwait(false);
    }

    // New counters know nothing of the times in the ledger, and the clock may have been set back since.
    async Task<CounterMark> AfterLedgerAsync(CounterMark mark, CancellationToken ct)
    {
        var newest = await NewestAsync(mark.OrgId, ct).ConfigureAwait(false);
        return newest is not null && newest.Timestamp >= mark.At ? mark with { At = newest.Timestamp.AddMilliseconds(1) } : mark;
    }

    async Task<UsageRecord?> NewestAsync(string orgId, CancellationToken ct) =>
        (await ledger.QueryAsync(new UsageQuery { OrgId = orgId, Limit = 1, Sort = UsageSort.TimeDesc }, ct).ConfigureAwait(false)).Records is [var newest] ? newest : null;

    async Task<ReconcileReport> MarkedAsync(CounterMark mark, DateOnly day, bool apply, CancellationToken ct)
    {
        var report = await EndingAsync(mark, async () =>
        {
            var cells = await CompareAsync(mark, day, ct).ConfigureAwait(false);
            var deltas = cells.Where(c => apply && c.Changed).Select(static c => new CellDelta(new CellName(c.Field, c.Period, c.Start), c.After - c.Before)).ToList();
            return (new ReconcileReport(mark.OrgId, day, cells), deltas);
        }).ConfigureAwait(false);
        await ConfirmLateAsync(mark, ct).ConfigureAwait(false);
        return report;
    }

    // A mark costs the counters memory until it is ended, so it ends by any exit.
    async Task<T> EndingAsync<T>(CounterMark mark, Func<Task<(T Result, List<CellDelta> Deltas)>> work)
    {
        (T Result, List<CellDelta> Deltas) done;
        try
        {
            done = await work().ConfigureAwait(false);
        }
        catch
        {
            await ForgetAsync(mark).ConfigureAwait(false);
            throw;
        }
        await counters.AdjustAsync(mark, done.Deltas, CancellationToken.None).ConfigureAwait(false);
        return done.Result;
    }

    async Task ForgetAsync(CounterMark mark)
    {
        try
        {
            await counters.AdjustAsync(mark, [], CancellationToken.None).ConfigureAwait(false);
        }
        catch (Exception e) when (e is InvalidOperationException or CounterStoreUnavailableException)
        {
            // Replaced by another, or the next one replaces it; what went wrong first is what the caller hears.
        }
    }

    // The recorder could not tell the counters, or died before it did, or with its disk before the ledger had the record: then the counters' copy is the only one.
    async Task ConfirmLateAsync(CounterMark mark, CancellationToken ct)
    {
        var now = time.GetUtcNow();
        var late = mark.Unrecorded.Where(r => Ended(r) + Late < now).ToList();
        var found = await ConfirmAsync(mark.OrgId, late, ct).ConfigureAwait(false);
        foreach (var batch in late.Where(r => Ended(r) + Lost < now && !found.Contains(r.Id)).Chunk(Many))
        {
            await ledger.RecordAsync(batch, ct).ConfigureAwait(false);
            // Its own gateway may have been quicker, with another cost.
            await counters.ConfirmAsync(await ledger.StoredAsync(batch, ct).ConfigureAwait(false), ct).ConfigureAwait(false);
        }
    }

    // Tells the counters which of these the ledger has.
    async Task<HashSet<RequestId>> ConfirmAsync(string orgId, List<UsageRecord> ended, CancellationToken ct)
    {
        HashSet<RequestId> found = [];
        foreach (var some in ended.Chunk(Many))
        {
            var stored = await ledger.FindManyAsync(orgId, [.. some.Select(static r => r.Id)], ct).ConfigureAwait(false);
            if (stored.Count > 0)
            {
                await counters.ConfirmAsync(stored, ct).ConfigureAwait(false);
                found.UnionWith(stored.Select(static r => r.Id));
            }
        }
        return found;
    }

    static DateTimeOffset Ended(UsageRecord record) => record.Timestamp.AddMilliseconds(record.LatencyMs);

    static Dictionary<string, NanoUsd> Amounts(IEnumerable<ReconciledCell> cells, Func<ReconciledCell, NanoUsd> amount) =>
        cells.Where(c => amount(c) != NanoUsd.Zero).ToDictionary(static c => c.Field, amount, StringComparer.Ordinal);

    async Task<List<ReconciledCell>> CompareAsync(CounterMark mark, DateOnly day, CancellationToken ct)
    {
        var sums = await SumAsync(mark, day, ct).ConfigureAwait(false);
        return Compare(mark, sums, await resets.InForceAsync(mark.OrgId, day, ct).ConfigureAwait(false), day);
    }

    async Task<LedgerSums> SumAsync(CounterMark mark, DateOnly day, CancellationToken ct)
    {
        var except = new HashSet<RequestId>(mark.Live);
        except.UnionWith(mark.Unrecorded.Select(static r => r.Id));
        for (var tries = 0; tries < MostTries; tries++)
        {
            except.UnionWith(await EarlyAsync(mark, ct).ConfigureAwait(false));
            var sums = await LedgerSums.ReadAsync(ledger, mark, day, time.GetUtcNow() - SessionLife.Memory, except, ct).ConfigureAwait(false);
            if (except.IsSupersetOf(await EarlyAsync(mark, ct).ConfigureAwait(false)))
            {
                return sums;
            }
        }
        throw new InvalidOperationException($"The counters of {mark.OrgId} would not hold still: a replica's clock is behind the others. Set the clocks and run it again.");
    }

    // Holds taken after the mark that carry an earlier time: the ledger sum would count them, the marked counters do not.
    async Task<IEnumerable<RequestId>> EarlyAsync(CounterMark mark, CancellationToken ct) =>
        (await counters.CapturedAsync(mark, ct).ConfigureAwait(false)).Where(id => id.Made < mark.At);

    static List<ReconciledCell> Compare(CounterMark mark, LedgerSums sums, IReadOnlyDictionary<string, NanoUsd> taken, DateOnly day)
    {
        var month = new DateOnly(day.Year, day.Month, 1);
        var names = new HashSet<CellName>(sums.ByCell.Keys);
        names.UnionWith(mark.Spent.Keys.Where(n => n.Period switch
        {
            PeriodKind.Day => n.Start == day,
            PeriodKind.Month => n.Start == month,
            _ => true,
        }));
        var unrecorded = LedgerSums.OfUnrecorded(mark.Unrecorded);
        names.UnionWith(unrecorded.Keys.Where(n => n.Period == PeriodKind.Life || n.Start == (n.Period == PeriodKind.Day ? day : month)));
        List<ReconciledCell> cells = [];
        foreach (var name in names.OrderBy(static n => n.Period).ThenBy(static n => n.Field, StringComparer.Ordinal))
        {
            var before = mark.Spent.GetValueOrDefault(name);
            var late = unrecorded.GetValueOrDefault(name);
            var total = sums.ByCell.GetValueOrDefault(name) + late;
            var reset = name.Period == PeriodKind.Day ? taken.GetValueOrDefault(name.Field) : NanoUsd.Zero;
            cells.Add(new ReconciledCell(name.Field, name.Period, name.Start, before, total - reset, total, late, reset));
        }
        return cells;
    }
}
