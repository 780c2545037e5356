using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;

namespace CurateMe.Ledger.Reconciliation;

/// <summary>How long a session's total counts after its last request; a session that is silent for longer begins anew.</summary>
static class SessionLife
{
    public static readonly TimeSpan Memory = OrgCounters.SessionMemory;
}

/// <summary>What the ledger says each counter of an org should be.</summary>
sealed class LedgerSums
{
    public Dictionary<CellName, NanoUsd> ByCell { get; } = [];

    public static async Task<LedgerSums> ReadAsync(
        IUsageLedger ledger, CounterMark mark, DateOnly day, DateTimeOffset sessionsSince, IReadOnlySet<RequestId> except, CancellationToken ct)
    {
        var sums = new LedgerSums();
        foreach (var period in (SpendPeriod[])[SpendPeriod.OfDay(day), SpendPeriod.OfMonth(day)])
        {
            var kind = period.Month ? PeriodKind.Month : PeriodKind.Day;
            foreach (var leaf in await ledger.SpendAsync(mark.OrgId, period, except, mark.At, ct).ConfigureAwait(false))
            {
                sums.Add(new CellName("org", kind, period.Day), leaf.Cost);
                sums.Add(new CellName($"key:{leaf.KeyId}", kind, period.Day), leaf.Cost);
                if (leaf.TeamId is not null)
                {
                    sums.Add(new CellName($"team:{leaf.TeamId}", kind, period.Day), leaf.Cost);
                }
            }
        }
        foreach (var session in await ledger.SessionSpendAsync(mark.OrgId, sessionsSince, except, mark.At, ct).ConfigureAwait(false))
        {
            sums.Add(new CellName($"session:{session.SessionId}", PeriodKind.Life, default), session.Cost);
        }
        return sums;
    }

    /// <summary>The same sums of records that the ledger may lack.</summary>
    public static Dictionary<CellName, NanoUsd> OfUnrecorded(IReadOnlyList<UsageRecord> records)
    {
        var sums = new LedgerSums();
        foreach (var record in records)
        {
            foreach (var cell in CellName.Of(record))
            {
                sums.Add(cell, record.Cost);
            }
        }
        return sums.ByCell;
    }

    void Add(CellName cell, NanoUsd amount) => ByCell[cell] = ByCell.GetValueOrDefault(cell) + amount;
}
