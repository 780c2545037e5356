using System.Runtime.CompilerServices;

namespace CurateMe.Ledger.Budgets;

/// <summary>What a node is doing now.</summary>
sealed class NodeActivity
{
    /// <summary>Live holds.</summary>
    public int Live;

    /// <summary>Timestamp at which all of its rate is free again.</summary>
    public long FreeAt;
}

/// <summary>The activities of a path's nodes, in its order.</summary>
[InlineArray(BudgetPath.MaxNodes)]
struct NodeActivities
{
    NodeActivity? first;
}

/// <summary>
/// Requests per minute as a bucket that refills evenly: a minute's worth may come at once, after that one each minute / limit.
/// Only what is admitted takes from it, so that waiting in a queue and denials cost no rate.
/// </summary>
/// <param name="now">Timestamp.</param>
/// <param name="frequency">Timestamps per second.</param>
readonly struct RateLimits(long now, long frequency)
{
    /// <summary>The node whose rate is used up, with its figures; else null, with those of the tightest limit.</summary>
    public BudgetNode? Blocker(BudgetPath path, in NodeActivities activities, out RateFigures figures)
    {
        figures = default;
        for (var i = 0; i < path.Nodes.Length; i++)
        {
            if (path.Nodes[i].RequestsPerMinute is not { } limit)
            {
                continue;
            }
            var one = Figures(Math.Max(limit, 0), activities[i]!);
            if (one.Remaining == 0)
            {
                figures = one;
                return path.Nodes[i];
            }
            figures = figures.Limit == 0 || one.Remaining < figures.Remaining ? one : figures;
        }
        return null;
    }

    /// <summary>Figures of the tightest limit.</summary>
    public RateFigures Tightest(BudgetPath path, in NodeActivities activities)
    {
        Blocker(path, in activities, out var figures);
        return figures;
    }

    /// <summary>Takes one request at every node that has a limit, and gives the figures after it.</summary>
    public RateFigures Take(BudgetPath path, in NodeActivities activities)
    {
        for (var i = 0; i < path.Nodes.Length; i++)
        {
            if (path.Nodes[i].RequestsPerMinute is { } limit and > 0)
            {
                activities[i]!.FreeAt = Math.Max(activities[i]!.FreeAt, now) + Step(limit);
            }
        }
        return Tightest(path, in activities);
    }

    RateFigures Figures(int limit, NodeActivity activity)
    {
        var step = Step(limit);
        var backlog = Math.Max(0, activity.FreeAt - now);
        var room = (limit * step) - backlog;
        return new RateFigures(
            limit,
            (int)Math.Max(0, room / step),
            Milliseconds(backlog),
            room >= step ? 0 : Milliseconds(step - room));
    }

    long Step(int limit) => Math.Max(1, 60 * frequency / Math.Max(limit, 1));

    // Rounded up: whoever waits so long is not refused again.
    int Milliseconds(long span) => (int)Math.Min(int.MaxValue, ((span * 1000) + frequency - 1) / frequency);
}
