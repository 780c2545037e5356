using System.Collections.Concurrent;
using CurateMe.Ledger.Budgets;

namespace CurateMe.Gateway.Alerts;

/// <summary>Money was spent at every node of a path.</summary>
/// <param name="Day">The day it is charged to, which may be over.</param>
readonly record struct BudgetSpending(BudgetPath Path, DateOnly Day);

/// <summary>A denial for want of budget.</summary>
/// <param name="Day">When it was; the watch may look after midnight.</param>
readonly record struct BudgetDenial(BudgetPath Path, HoldOutcome Outcome, string KeyId, DateOnly Day);

/// <summary>
/// What requests leave behind for the watch of budgets: the paths on which money was spent, and denials. A path says each of it once a day until the watch has
/// looked, so a request costs a look at its path's marks.
/// </summary>
sealed class BudgetSignals
{
    /// <summary>Most paths that wait for the watch; of further ones the next request tells.</summary>
    public const int MaxWaiting = 20_000;

    // The marks of a path, for each of two neighbouring days: that money was spent, and at which kind of node over which period a request was denied.
    const int Days = 2;
    const int DenialsOfDay = 3 * BudgetPath.MaxNodes;

    readonly ConcurrentQueue<(BudgetSpending Spending, int Mark)> spent = new();
    readonly ConcurrentQueue<(BudgetDenial Denial, int Mark)> denied = new();

    // A session is no part of its key's path, so its denial leaves its mark here.
    readonly ConcurrentDictionary<(string OrgId, BudgetNode Session), bool> deniedSessions = new();

    /// <summary>Money was spent at every node of the path.</summary>
    /// <param name="day">The day that it is charged to.</param>
    public void OnSettled(BudgetPath path, DateOnly day)
    {
        var mark = 1 << (day.DayNumber % Days);
        if (!path.TryMark(mark))
        {
            return;
        }
        if (spent.Count < MaxWaiting)
        {
            spent.Enqueue((new BudgetSpending(path, day), mark));
        }
        else
        {
            path.Unmark(mark);
        }
    }

    /// <summary>A request was denied; only what is for want of budget is kept.</summary>
    /// <param name="day">When it was.</param>
    public void OnDenied(BudgetPath path, in HoldOutcome outcome, string keyId, DateOnly day)
    {
        if (outcome.Verdict != HoldVerdict.BudgetExceeded || outcome.BlockedAt is not { } node)
        {
            return;
        }
        var mark = 1 << (Days + (day.DayNumber % Days * DenialsOfDay) + (3 * (int)node.Kind) + (int)outcome.BlockedPeriod);
        if (!TryMark(path, node, mark))
        {
            return;
        }
        if (denied.Count < MaxWaiting)
        {
            denied.Enqueue((new BudgetDenial(path, outcome, keyId, day), mark));
        }
        else
        {
            Unmark(path, node, mark);
        }
    }

    /// <summary>The paths on which money was spent since the last call.</summary>
    public IReadOnlyList<BudgetSpending> TakeSpent()
    {
        List<BudgetSpending> taken = [];
        for (var rest = spent.Count; rest > 0 && spent.TryDequeue(out var found); rest--)
        {
            found.Spending.Path.Unmark(found.Mark);
            taken.Add(found.Spending);
        }
        return taken;
    }

    /// <summary>The denials since the last call.</summary>
    public IReadOnlyList<BudgetDenial> TakeDenied()
    {
        List<BudgetDenial> taken = [];
        for (var rest = denied.Count; rest > 0 && denied.TryDequeue(out var found); rest--)
        {
            Unmark(found.Denial.Path, found.Denial.Outcome.BlockedAt!, found.Mark);
            taken.Add(found.Denial);
        }
        return taken;
    }

    bool TryMark(BudgetPath path, BudgetNode node, int mark) => node.Kind == NodeKind.Session ? deniedSessions.TryAdd((path.OrgId, node), true) : path.TryMark(mark);

    void Unmark(BudgetPath path, BudgetNode node, int mark)
    {
        if (node.Kind == NodeKind.Session)
        {
            deniedSessions.TryRemove((path.OrgId, node), out _);
        }
        else
        {
            path.Unmark(mark);
        }
    }
}
