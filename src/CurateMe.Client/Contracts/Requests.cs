using CurateMe.Ledger.Money;

namespace CurateMe.Client;

/// <summary>One request as the request log shows it: what was forwarded, from the ledger, and what was refused, from this gateway's own log. No prompt, no completion, no key.</summary>
public sealed record RequestLogEntry
{
    public required DateTimeOffset Ts { get; init; }
    public required string RequestId { get; init; }

    /// <summary>Null when the key was unknown.</summary>
    public string? OrgId { get; init; }
    public string? TeamId { get; init; }
    public string? KeyId { get; init; }

    /// <summary>What was shown of an unknown key: its first 10 characters.</summary>
    public string? KeyPrefix { get; init; }
    public string? RunnerId { get; init; }
    public string? SessionId { get; init; }

    /// <summary>Address of the caller as the gateway saw it.</summary>
    public string? ClientIp { get; init; }

    /// <summary><c>refused</c>, or the usage record's status.</summary>
    public required string Outcome { get; init; }

    /// <summary>Why it was refused, e.g. <c>daily_budget</c>; null when it was forwarded.</summary>
    public string? Code { get; init; }

    /// <summary>HTTP status: the gateway's for a refusal, else the provider's; 0 when unknown.</summary>
    public int StatusCode { get; init; }
    public string? Provider { get; init; }
    public string? Model { get; init; }
    public required string Endpoint { get; init; }
    public long PromptTokens { get; init; }
    public long CompletionTokens { get; init; }
    public NanoUsd CostUsd { get; init; }
    public long CostNanoUsd => CostUsd.Value;
    public int LatencyMs { get; init; }
}
