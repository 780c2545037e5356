using CurateMe.Client;
using CurateMe.Gateway.Governance;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;

namespace CurateMe.Gateway.Dashboard;

/// <summary>
/// Puts requests that were admitted, in their order, through another policy: model, per-request cap, approval, rate, concurrency, day and month, the first denial ending it. A
/// denied request spends nothing. What it cannot know: requests that were refused then and would pass now, and limits of teams and keys, which are no part of the policy.
/// </summary>
/// <param name="atMost">Every request counts with its hold; else one whose cap may have been the gateway's own counts with its cost.</param>
sealed class PolicyReplay(OrgPolicy policy, NanoUsd dayBefore, NanoUsd monthBefore, bool atMost)
{
    // Its callers must say how long an answer may be.
    const string EndpointWithCap = "messages";

    readonly Dictionary<string, long> _byCode = new(StringComparer.Ordinal);
    readonly PriorityQueue<long, long> _inFlight = new();
    DateOnly _day;
    NanoUsd _daySpent = dayBefore;
    NanoUsd _monthSpent = monthBefore;
    long _rateFreeAt;

    public IReadOnlyDictionary<string, long> ByCode => _byCode;
    public long Denied { get; private set; }
    public long Approvals { get; private set; }
    public NanoUsd DeniedCost { get; private set; }

    public void Add(UsageRecord record)
    {
        TurnTo(record.Day);
        var arrived = record.Timestamp.ToUnixTimeMilliseconds();
        if (Denial(record, arrived) is { } code)
        {
            _byCode[code] = _byCode.GetValueOrDefault(code) + 1;
            Denied++;
            DeniedCost += record.Cost;
            return;
        }
        _daySpent += record.Cost;
        _monthSpent += record.Cost;
        if (policy.RateLimitRpm is > 0 and var rpm)
        {
            _rateFreeAt = Math.Max(_rateFreeAt, arrived) + Step(rpm);
        }
        if (policy.MaxConcurrency is not null)
        {
            var ended = arrived + record.LatencyMs;
            _inFlight.Enqueue(ended, ended);
        }
    }

    string? Denial(UsageRecord record, long arrived)
    {
        if (!policy.Models.Allows(record.Model) && !policy.Models.Allows(record.RequestedModel))
        {
            return "model_not_allowed";
        }
        var size = atMost || !policy.ClampOutput || record.Endpoint.EndsWith(EndpointWithCap, StringComparison.Ordinal) ? NanoUsd.Max(record.Hold, record.Cost) : record.Cost;
        if (policy.MaxCostPerRequest is { } cap && size > cap)
        {
            return "cost_per_request";
        }
        if (policy.HitlThreshold is { } threshold && record.Hold >= threshold)
        {
            Approvals++;
        }
        if (!HasRate(arrived) || !HasRoom(arrived))
        {
            // Who may wait in a queue is not denied.
            return policy.QueueMaxDepth > 0 ? null : "rate_limited";
        }
        // Nothing that costs nothing is denied for want of money.
        return size == NanoUsd.Zero ? null
            : policy.DailyBudget is { } day && _daySpent + size > day ? "daily_budget"
            : policy.MonthlyBudget is { } month && _monthSpent + size > month ? "monthly_budget"
            : null;
    }

    bool HasRate(long arrived) => policy.RateLimitRpm is not { } rpm || (rpm > 0 && Math.Max(0, _rateFreeAt - arrived) <= (rpm - 1) * Step(rpm));

    bool HasRoom(long arrived)
    {
        if (policy.MaxConcurrency is not { } most)
        {
            return true;
        }
        while (_inFlight.TryPeek(out var ended, out _) && ended <= arrived)
        {
            _inFlight.Dequeue();
        }
        return _inFlight.Count < most;
    }

    void TurnTo(DateOnly day)
    {
        if (day == _day)
        {
            return;
        }
        if (_day != default)
        {
            _daySpent = NanoUsd.Zero;
            _monthSpent = (day.Year, day.Month) == (_day.Year, _day.Month) ? _monthSpent : NanoUsd.Zero;
        }
        _day = day;
    }

    static long Step(int rpm) => Math.Max(1, 60_000L / rpm);
}
