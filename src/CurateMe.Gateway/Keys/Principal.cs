using CurateMe.Gateway.Governance;
using CurateMe.Gateway.Protection;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Money;

namespace CurateMe.Gateway.Keys;

enum KeyState : byte
{
    Active,
    Disabled,
    Rotated,
    Expired,
}

/// <summary>
/// Whoever a secret stands for, with everything that governs it. Immutable and shared by all its requests; a change to the key, its team,
/// its org or its policy makes a new one.
/// </summary>
sealed class Principal
{
    readonly KeyDocument _key;
    readonly ReplacedSecretDocument? _replaced;
    readonly bool _orgSuspended;
    readonly BudgetPath _path;
    readonly BudgetPath? _throttledPath;
    readonly TimeProvider? _time;

    /// <param name="replaced">The secret that this principal is found by, when it is not the key's own any more.</param>
    /// <param name="time">Ends a throttle; without one there is none.</param>
    public Principal(KeyDocument key, OrgDocument org, OrgPolicy policy, TeamDocument? team, ReplacedSecretDocument? replaced = null, TimeProvider? time = null)
    {
        _key = key;
        _replaced = replaced;
        _orgSuspended = org.Suspended;
        Policy = policy;
        DailyBudget = policy.DailyBudget?.ToString() ?? "unlimited";
        Models = policy.Models.And(key.ModelAllowlist);
        Ips = IpAllowlist.Of(key.IpAllowlist);
        var orgNode = new BudgetNode(NodeKind.Org, org.OrgId, policy.DailyBudget, policy.MonthlyBudget, RequestsPerMinute: policy.RateLimitRpm, MaxConcurrency: policy.MaxConcurrency);
        var keyNode = new BudgetNode(NodeKind.Key, key.KeyId, key.DailyBudget, key.MonthlyBudget, RequestsPerMinute: key.RateLimitRpm, MaxConcurrency: key.MaxConcurrency);
        _path = PathOf(keyNode);
        if (key.ThrottledUntil is not null && time is not null)
        {
            _time = time;
            _throttledPath = PathOf(keyNode with { RequestsPerMinute = Math.Min(key.ThrottleRpm ?? 0, key.RateLimitRpm ?? int.MaxValue) });
        }

        BudgetPath PathOf(BudgetNode own) => new(org.OrgId, team is null
            ? [orgNode, own]
            : [orgNode, new BudgetNode(NodeKind.Team, team.TeamId, team.DailyBudget, team.MonthlyBudget), own])
        { OnStoreLoss = (StoreLoss)policy.OnBudgetStoreLoss };
    }

    public string KeyId => _key.KeyId;
    public string OrgId => _key.OrgId;
    public string? TeamId => _key.TeamId;

    /// <summary>Set when the secret is a runner's token: every request is that runner's.</summary>
    public string? RunnerId => _key.RunnerId;

    public OrgPolicy Policy { get; }

    /// <summary>The org's dollars per day as answers tell them.</summary>
    public string DailyBudget { get; }

    /// <summary>What the key and its org both allow.</summary>
    public ModelAllowlist Models { get; }

    /// <summary>What the key does these seconds, kept by <see cref="Pulses"/>.</summary>
    public KeyPulse? Pulse { get; set; }

    /// <summary>What its rate limits said last.</summary>
    public RateView Rate { get; } = new();

    /// <summary>Null allows any address.</summary>
    public IpAllowlist? Ips { get; }

    /// <summary>Org, team if there is one, key.</summary>
    public BudgetPath Path => _throttledPath is not null && _time!.GetUtcNow() < _key.ThrottledUntil ? _throttledPath : _path;

    /// <summary>Last four characters of the key's present secret: what to name where <see cref="StateAt"/> says rotated. The key's id is still <see cref="KeyId"/>.</summary>
    public string Last4 => _key.Last4;

    public KeyState StateAt(DateTimeOffset now)
    {
        if (_key.Disabled || _orgSuspended)
        {
            return KeyState.Disabled;
        }
        // The key's own grace is that of its last rotation, which no secret before it outlives.
        if (_replaced is not null && (_replaced.GraceUntil <= now || _key.GraceUntil <= now))
        {
            return KeyState.Rotated;
        }
        return _key.ExpiresAt <= now ? KeyState.Expired : KeyState.Active;
    }

    /// <summary>The path with a runner's session at its end.</summary>
    /// <param name="limit">Dollars over the session's life; null is unlimited.</param>
    public BudgetPath PathWithSession(string? runnerId, string sessionId, NanoUsd? limit) =>
        new(OrgId, [.. Path.Nodes, new BudgetNode(NodeKind.Session, SessionNodeId(runnerId, sessionId), LifeLimit: limit)]) { OnStoreLoss = Path.OnStoreLoss };

    /// <summary>A session's node, and its id in usage records: its name within its runner, because callers choose the names.</summary>
    public static string SessionNodeId(string? runnerId, string sessionId) => runnerId is null ? sessionId : $"{runnerId}/{sessionId}";
}
