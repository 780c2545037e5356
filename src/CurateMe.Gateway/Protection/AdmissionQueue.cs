using System.Diagnostics.Metrics;
using CurateMe.Gateway.Governance;
using CurateMe.Gateway.Keys;
using CurateMe.Gateway.Proxy;
using CurateMe.Gateway.Telemetry;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Holds;

namespace CurateMe.Gateway.Protection;

/// <summary>Lets a request that is over a rate or concurrency limit wait, as the policy's <c>queue</c> says, instead of refusing it at once.</summary>
sealed class AdmissionQueue
{
    readonly HoldDesk desk;
    readonly WaitingRooms rooms;
    readonly TimeProvider time;

    public AdmissionQueue(HoldDesk desk, WaitingRooms rooms, IMeterFactory meters, TimeProvider time)
    {
        (this.desk, this.rooms, this.time) = (desk, rooms, time);
        meters.Create(RequestMetrics.MeterName).CreateObservableGauge("gateway.requests.waiting", () => rooms.Count, "{request}", "Requests that wait for a rate or concurrency limit.");
    }

    /// <summary>Longest between two tries: what other replicas free is not heard of.</summary>
    static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(100);

    /// <summary>Whether requests wait before this one.</summary>
    public bool MustWait(Principal principal) => principal.Policy.QueueMaxDepth > 0 && rooms.Waits(principal.OrgId, principal.KeyId);

    /// <summary>Whether what was refused may wait.</summary>
    public static bool MayWait(OrgPolicy policy, in HoldOutcome outcome) =>
        policy.QueueMaxDepth > 0 && outcome.Verdict is HoldVerdict.RateLimited or HoldVerdict.ConcurrencyLimited;

    /// <summary>A request with a queue has ended.</summary>
    public void OnEnded(Principal principal)
    {
        if (principal.Policy.QueueMaxDepth > 0)
        {
            rooms.OnEnded(principal.OrgId);
        }
    }

    /// <summary>Waits and tries until the hold is taken, is refused for another reason, or the time is over; then the last refusal is the outcome.</summary>
    /// <param name="request">Makes the wish anew for each try, by what governs the key at that moment; what it throws ends the wait.</param>
    /// <exception cref="RefusedException">The room is full.</exception>
    public async ValueTask<(Hold? Hold, HoldOutcome Outcome)> WaitAsync(Principal principal, Func<ValueTask<HoldRequest>> request, CancellationToken ct)
    {
        var policy = principal.Policy;
        var place = rooms.Enter(principal.OrgId, principal.KeyId, policy.QueueMaxDepth) ?? throw Full(policy);
        var began = time.GetTimestamp();
        try
        {
            HoldOutcome? last = null;
            for (var wait = TimeSpan.Zero; ;)
            {
                var left = policy.QueueMaxWait - time.GetElapsedTime(began);
                if (left <= TimeSpan.Zero && last is { } refused)
                {
                    return (null, refused);
                }
                if (wait > TimeSpan.Zero)
                {
                    await place.OfferedAsync(wait < left ? wait : left > TimeSpan.Zero ? left : TimeSpan.Zero, ct);
                }
                if (!place.IsFront && time.GetElapsedTime(began) < policy.QueueMaxWait)
                {
                    // Whoever leaves before it says so.
                    wait = policy.QueueMaxWait;
                    continue;
                }
                var (hold, outcome) = await desk.TakeAsync(await request(), ct);
                if (hold is not null || !MayWait(policy, in outcome))
                {
                    return (hold, outcome);
                }
                last = outcome;
                wait = outcome.Verdict == HoldVerdict.RateLimited ? TimeSpan.FromMilliseconds(Math.Max(1, outcome.Rate.RetryAfterMs)) : LookAgain;
                if (wait > policy.QueueMaxWait - time.GetElapsedTime(began) && outcome.Verdict == HoldVerdict.RateLimited)
                {
                    // Its turn comes after its time: it need not wait to hear so.
                    return (null, outcome);
                }
            }
        }
        finally
        {
            rooms.Leave(place);
        }
    }

    static RefusedException Full(OrgPolicy policy) => new(
        ErrorCode.RateLimited, $"The queue is full: {policy.QueueMaxDepth} requests wait already.", "Wait as long as Retry-After says, send less at once, or ask for a larger queue.max_depth.")
    { RetryAfterMs = 1000 };
}
