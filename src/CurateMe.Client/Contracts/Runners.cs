using System.Text.Json.Serialization;
using CurateMe.Ledger.Money;

namespace CurateMe.Client;

/// <summary>A runner: an agent of a fleet, whose sessions have a budget of their own.</summary>
public sealed record Runner
{
    public required string RunnerId { get; init; }
    public required string OrgId { get; init; }
    public required string Name { get; init; }

    /// <summary>Dollars over the life of each session; null is unlimited.</summary>
    public NanoUsd? SessionBudgetLimit { get; init; }
    public long? SessionBudgetLimitNanoUsd => SessionBudgetLimit?.Value;

    /// <summary>The key behind the runner's token; null for a runner that is only a name in <c>X-CM-Runner-ID</c>.</summary>
    public string? KeyId { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>The token; only in the answer that made it.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Token { get; init; }
}

/// <summary>Registers a runner and makes its token.</summary>
public sealed record RunnerCreate
{
    /// <summary>The org, unless <c>X-Org-ID</c> says it.</summary>
    public string? OrgId { get; init; }

    /// <summary>1 to 64 letters, digits, <c>_</c>, <c>-</c>, <c>.</c>; made up when absent.</summary>
    public string? RunnerId { get; init; }

    /// <summary>1 to 200 characters; the id when absent.</summary>
    public string? Name { get; init; }
    public string? TeamId { get; init; }

    /// <summary>Dollars over the life of each session; null is unlimited.</summary>
    public NanoUsd? SessionBudgetLimit { get; init; }

    /// <summary>Dollars per UTC day for all sessions together; null is unlimited.</summary>
    public NanoUsd? DailyBudget { get; init; }

    /// <summary>Dollars per UTC month for all sessions together; null is unlimited.</summary>
    public NanoUsd? MonthlyBudget { get; init; }
    public IReadOnlyList<string>? ModelAllowlist { get; init; }
}

/// <summary>Changes a runner (RFC 7396).</summary>
public sealed record RunnerConfig
{
    /// <summary>Dollars over the life of each session, those that run included; null is unlimited.</summary>
    public NanoUsd? SessionBudgetLimit { get; init; }
    public string? Name { get; init; }
}

/// <summary>What a runner has cost since an instant, with its dearest sessions, at most 100.</summary>
public sealed record RunnerCosts
{
    /// <summary>Null for sessions without a runner.</summary>
    public string? RunnerId { get; init; }
    public NanoUsd? SessionBudgetLimit { get; init; }
    public required NanoUsd Cost { get; init; }
    public long CostNanoUsd => Cost.Value;
    public required long Requests { get; init; }

    /// <summary>Sessions with a request in the last 15 minutes that were not stopped.</summary>
    public required int ActiveSessions { get; init; }
    public required int TotalSessions { get; init; }
    public required IReadOnlyList<SessionCosts> Sessions { get; init; }
}

/// <summary>What a session has cost over its whole life.</summary>
public sealed record SessionCosts(string SessionId, NanoUsd Cost, long Requests, DateTimeOffset LastRequestAt, bool Active, bool Stopped)
{
    public long CostNanoUsd => Cost.Value;
}

/// <summary>A session that takes no more requests.</summary>
public sealed record StoppedSession(string RunnerId, string SessionId, DateTimeOffset StoppedAt);
