using System.Collections.Concurrent;
using CurateMe.Ledger.Budgets;

namespace CurateMe.Gateway.Alerts;

/// <summary>A denial for want of budget.</summary>
readonly record struct BudgetDenial(BudgetPath Path, HoldOutcome Outcome, string KeyId);

/// <summary>
/// What requests leave behind for the watch of budgets: the paths on which money was spent, and denials. A path says each of it once until the watch has
/// looked, so a request costs a look at its path's marks.
/// </summary>
sealed class BudgetSignals
{
    /// <summary>Most paths that wait for the watch; of further ones the next request tells.</summary>
    public const int MaxWaiting = 20_000;

    const int Spent = 1;

    readonly ConcurrentQueue<BudgetPath> spent = new();
    readonly ConcurrentQueue<(BudgetDenial Denial, int Mark)> denied = new();

    /// <summary>Money was spent at every node of the path.</summary>
    public void OnSettled(BudgetPath path)
    {
        if (!path.TryMark(Spent))
        {
            return;
        }
        if (spent.Count < MaxWaiting)
        {
            spent.Enqueue(path);
        }
        else
        {
            path.Unmark(Spent);
        }
    }

    /// <summary>A request was denied; only what is for want of budget is kept.</summary>
    public void OnDenied(BudgetPath path, in HoldOutcome outcome, string keyId)
    {
        if (outcome.Verdict != HoldVerdict.BudgetExceeded || outcome.BlockedAt is not { } node)
        {
            return;
        }
        var mark = 1 << (1 + (3 * (int)node.Kind) + (int)outcome.BlockedPeriod);
        if (!path.TryMark(mark))
        {
            return;
        }
        if (denied.Count < MaxWaiting)
        {
            denied.Enqueue((new BudgetDenial(path, outcome, keyId), mark));
        }
        else
        {
            path.Unmark(mark);
        }
    }

    /// <summary>The paths on which money was spent since the last call.</summary>
    public IReadOnlyList<BudgetPath> TakeSpent()
    {
        List<BudgetPath> taken = [];
        for (var rest = spent.Count; rest > 0 && spent.TryDequeue(out var path); rest--)
        {
            path.Unmark(Spent);
            taken.Add(path);
        }
        return taken;
    }

    /// <summary>The denials since the last call.</summary>
    public IReadOnlyList<BudgetDenial> TakeDenied()
    {
        List<BudgetDenial> taken = [];
        for (var rest = denied.Count; rest > 0 && denied.TryDequeue(out var found); rest--)
        {
            found.Denial.Path.Unmark(found.Mark);
            taken.Add(found.Denial);
        }
        return taken;
    }
}
