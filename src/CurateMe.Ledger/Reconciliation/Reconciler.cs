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

    readonly SemaphoreSlim one = new(1, 1);

    /// <summary>Reconciles a day, its month and the org's sessions.</summary>
    public async Task<ReconcileReport> RunAsync(string orgId, DateOnly day, bool apply, CancellationToken ct)
    {
        await one.WaitAsync(ct).ConfigureAwait(false);
        try
        {
            var mark = await counters.MarkAsync(orgId, ct).ConfigureAwait(false);
            var sums = await SumAsync(mark, day, ct).ConfigureAwait(false);
            var taken = await resets.InForceAsync(orgId, day, ct).ConfigureAwait(false);
            var cells = Compare(mark, sums, taken, day);
            var deltas = apply
                ? cells.Where(static c => c.Changed).Select(static c => new CellDelta(new CellName(c.Field, c.Period, c.Start), c.After - c.Before)).ToList()
                : [];
            await counters.AdjustAsync(mark, deltas, ct).ConfigureAwait(false);
            return new ReconcileReport(orgId, day, cells);
        }
        finally
        {
            one.Release();
        }
    }

    /// <summary>
    /// Sets an org's live daily counters of today to zero; ledger, month and audit stay. Recorded before it is done, so that a crash keeps it.
    /// </summary>
    /// <returns>What each counter stood at.</returns>
    public async Task<IReadOnlyDictionary<string, NanoUsd>> ResetDayAsync(string orgId, Func<IReadOnlyDictionary<string, NanoUsd>, AuditDraft> audit, CancellationToken ct)
    {
        var day = DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);
        await one.WaitAsync(ct).ConfigureAwait(false);
        try
        {
            var mark = await counters.MarkAsync(orgId, ct).ConfigureAwait(false);
            var spent = mark.Spent.Where(c => c.Key.Period == PeriodKind.Day && c.Key.Start == day && c.Value != NanoUsd.Zero)
                .ToDictionary(static c => c.Key.Field, static c => c.Value, StringComparer.Ordinal);
            await resets.AddAsync(orgId, day, spent, audit(spent), ct).ConfigureAwait(false);
            await counters.AdjustAsync(mark, [.. spent.Select(c => new CellDelta(new CellName(c.Key, PeriodKind.Day, day), -c.Value))], ct).ConfigureAwait(false);
            return spent;
        }
        finally
        {
            one.Release();
        }
    }

    /// <summary>Rebuilds every org that the ledger knows of in the day's month. For the start, when nothing is in flight.</summary>
    public async Task RebuildAllAsync(DateOnly day, CancellationToken ct)
    {
        var orgs = await ledger.SpendAsync(orgId: null, SpendPeriod.OfMonth(day), except: null, before: null, ct).ConfigureAwait(false);
        var sessions = await ledger.SessionSpendAsync(orgId: null, time.GetUtcNow() - SessionLife.Memory, except: null, before: null, ct).ConfigureAwait(false);
        foreach (var org in orgs.Select(static s => s.OrgId).Concat(sessions.Select(static s => s.OrgId)).Distinct(StringComparer.Ordinal))
        {
            await RunAsync(org, day, apply: true, ct).ConfigureAwait(false);
        }
    }

    /// <inheritdoc />
    public void Dispose() => one.Dispose();

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
