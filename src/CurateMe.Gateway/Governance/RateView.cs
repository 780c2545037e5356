using CurateMe.Ledger.Budgets;

namespace CurateMe.Gateway.Governance;

/// <summary>
/// What the rate limits of a key's path said at its last hold on this gateway, and what has refilled since: for answers that took no hold, so that no counters are
/// asked for their headers. What other gateways, and other keys of the org, have taken since that hold is not in it. Thread-safe.
/// </summary>
sealed class RateView
{
    // The limit and the millisecond at which all of it is free share a word, so that they are read as they were written. 0 is "never seen".
    const int LimitBits = 24;
    const long MaxLimit = (1L << LimitBits) - 1;
    const int Minute = 60_000;

    long seen;

    /// <summary>Remembers the figures of a hold that was taken or refused; those without a limit are passed over.</summary>
    public void Saw(in RateFigures figures)
    {
        if (figures.Limit is > 0 and <= (int)MaxLimit)
        {
            Volatile.Write(ref seen, ((Environment.TickCount64 + figures.ResetMs) << LimitBits) | (uint)figures.Limit);
        }
    }

    /// <summary>The figures now; <see cref="RateFigures.Limit"/> is 0 where the path has no limit above 0.</summary>
    public RateFigures Of(BudgetPath path)
    {
        var last = Volatile.Read(ref seen);
        var lastLimit = (int)(last & MaxLimit);
        var least = 0;
        foreach (var node in path.Nodes)
        {
            if (node.RequestsPerMinute is { } limit and > 0)
            {
                if (limit == lastLimit)
                {
                    return Refilled(limit, (last >> LimitBits) - Environment.TickCount64);
                }
                least = least == 0 ? limit : Math.Min(least, limit);
            }
        }
        return new RateFigures(least, least, ResetMs: 0, RetryAfterMs: 0);
    }

    static RateFigures Refilled(int limit, long backlog)
    {
        var left = (int)Math.Clamp(backlog, 0, Minute);
        // The backlog was rounded up to the millisecond; that one must not take a request.
        return new RateFigures(limit, (int)Math.Min(limit, (Minute - left + 1L) * limit / Minute), left, RetryAfterMs: 0);
    }
}
