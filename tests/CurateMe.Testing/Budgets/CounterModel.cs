using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;

namespace CurateMe.Testing.Budgets;

/// <summary>
/// What counters of one org should say: nothing is kept but the list of everything that happened, and each figure is summed from it anew.
/// Slow, and easy to believe.
/// </summary>
internal sealed class CounterModel
{
    readonly List<Entry> _entries = [];
    readonly List<CellDelta> _adjustments = [];

    internal IEnumerable<UsageRecord> Live => _entries.Where(entry => entry.Ended is null).Select(entry => entry.Record);

    internal IEnumerable<UsageRecord> Unrecorded => _entries.Where(entry => entry is { Ended.Status: not RecordStatus.Held, Confirmed: false }).Select(entry => entry.Ended!);

    internal IEnumerable<UsageRecord> Due(TimeSpan life) => _entries.Where(entry => entry.Ended is null && entry.Life <= life).Select(entry => entry.Record);

    /// <summary>What should be granted; null when it should be denied, then <paramref name="blocker"/> says by whom.</summary>
    internal long? Hold(HoldRequest request, out (BudgetNode Node, PeriodKind Period)? blocker)
    {
        blocker = null;
        if (_entries.Find(entry => entry.Record.Id == request.Record.Id && entry.Ended is null) is { } before)
        {
            return before.Amount;
        }
        var amount = (Int128)request.Desired.Value;
        foreach (var (node, cell, limit) in Cells(request.Path, request.Record.Day))
        {
            if (request.Desired == NanoUsd.Zero || limit is null) continue;
            var left = (Int128)limit.Value.Value - Spent(cell) - Held(cell);
            if (left < request.Minimum.Value)
            {
                blocker = (node, cell.Period);
                return null;
            }
            amount = Int128.Min(amount, left);
        }
        _entries.Add(new Entry(request.Record, [.. Cells(request.Path, request.Record.Day).Select(c => c.Cell)], (long)amount, request.TimeToLive));
        return (long)amount;
    }

    /// <summary>Whether the end should take effect.</summary>
    internal bool End(UsageRecord record)
    {
        if (_entries.Find(entry => entry.Record.Id == record.Id && entry.Ended is null) is not { } live) return false;
        live.Ended = record;
        return true;
    }

    internal void Confirm(UsageRecord stored)
    {
        if (_entries.Find(entry => entry.Record.Id == stored.Id) is not { Confirmed: false, Ended: not { Status: RecordStatus.Held } } entry) return;
        entry.Ended = stored;
        entry.Confirmed = true;
    }

    internal void Adjust(CellDelta delta) => _adjustments.Add(delta);

    internal Int128 Spent(CellName cell)
    {
        Int128 sum = 0;
        foreach (var entry in _entries)
        {
            if (entry.Ended is not null && entry.Cells.Contains(cell)) sum += entry.Ended.Cost.Value;
        }
        foreach (var adjustment in _adjustments)
        {
            if (adjustment.Cell == cell) sum += adjustment.Delta.Value;
        }
        return sum;
    }

    internal Int128 Held(CellName cell)
    {
        Int128 sum = 0;
        foreach (var entry in _entries)
        {
            if (entry.Ended is null && entry.Cells.Contains(cell)) sum += entry.Amount;
        }
        return sum;
    }

    internal static IEnumerable<(BudgetNode Node, CellName Cell, NanoUsd? Limit)> Cells(BudgetPath path, DateOnly day)
    {
        foreach (var node in path.Nodes)
        {
            if (node.Kind == NodeKind.Session)
            {
                yield return (node, new CellName(node.Field, PeriodKind.Life, default), node.LifeLimit);
                continue;
            }
            yield return (node, new CellName(node.Field, PeriodKind.Day, day), node.DailyLimit);
            yield return (node, new CellName(node.Field, PeriodKind.Month, new DateOnly(day.Year, day.Month, 1)), node.MonthlyLimit);
        }
    }

    sealed class Entry(UsageRecord record, CellName[] cells, long amount, TimeSpan life)
    {
        internal UsageRecord Record { get; } = record;
        internal CellName[] Cells { get; } = cells;
        internal long Amount { get; } = amount;
        internal TimeSpan Life { get; } = life;
        internal UsageRecord? Ended { get; set; }
        internal bool Confirmed { get; set; }
    }
}
