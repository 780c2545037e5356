using System.Text.Json.Serialization;
using CurateMe.Client;
using CurateMe.Gateway.Admin;
using CurateMe.Gateway.Alerts;
using CurateMe.Gateway.Approvals;
using CurateMe.Gateway.Dashboard;
using CurateMe.Ledger.Money;

namespace CurateMe.Gateway.Governance;

/// <summary>Names of the collections of the configuration store.</summary>
static class Collections
{
    public const string Orgs = "orgs";
    public const string Teams = "teams";
    public const string Keys = "keys";
    public const string ReplacedSecrets = "replaced_secrets";
    public const string Policies = "policies";
    public const string Runners = "runners";
    public const string StoppedSessions = "stopped_sessions";
    public const string Approvals = "approvals";
    public const string AdminTokens = "admin_tokens";
    public const string ProviderKeys = "provider_keys";
    public const string DashboardSessions = "dashboard_sessions";
    public const string Webhooks = "webhooks";
    public const string LinkKeys = "link_keys";
}

sealed record OrgDocument
{
    public required string OrgId { get; init; }
    public required string Name { get; init; }
    public required Tier Tier { get; init; }
    public bool Suspended { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
}

sealed record TeamDocument
{
    public required string TeamId { get; init; }
    public required string OrgId { get; init; }
    public required string Name { get; init; }
    public NanoUsd? DailyBudget { get; init; }
    public NanoUsd? MonthlyBudget { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
}

/// <summary>A key without its secret: the store keeps the secret's hash beside the document, as its lookup.</summary>
sealed record KeyDocument
{
    public required string KeyId { get; init; }
    public required string OrgId { get; init; }
    public string? TeamId { get; init; }
    public string? RunnerId { get; init; }
    public required string Name { get; init; }
    public required string Last4 { get; init; }
    public NanoUsd? DailyBudget { get; init; }
    public NanoUsd? MonthlyBudget { get; init; }
    public int? RateLimitRpm { get; init; }
    public int? MaxConcurrency { get; init; }
    public IReadOnlyList<string>? ModelAllowlist { get; init; }
    public IReadOnlyList<string>? IpAllowlist { get; init; }
    public DateTimeOffset? ExpiresAt { get; init; }
    public bool Disabled { get; init; }

    /// <summary>Until when no more than <see cref="ThrottleRpm"/> requests a minute are let through, because spending ran away.</summary>
    public DateTimeOffset? ThrottledUntil { get; init; }
    public int? ThrottleRpm { get; init; }

    /// <summary>When the secret was last replaced.</summary>
    public DateTimeOffset? RotatedAt { get; init; }

    /// <summary>Until when a secret before this one is accepted at the latest; null when there was none.</summary>
    public DateTimeOffset? GraceUntil { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
}

/// <summary>
/// A secret that a key no longer has. Its hash is the document's id and lookup. The key keeps its id when its secret is replaced, so that its
/// spend, its limits and its history stay in one place.
/// </summary>
sealed record ReplacedSecretDocument
{
    public required string KeyId { get; init; }
    public required string Last4 { get; init; }
    public required DateTimeOffset GraceUntil { get; init; }
}

/// <summary>A runner's settings; the document's id is org and runner.</summary>
sealed record RunnerDocument
{
    public required string RunnerId { get; init; }
    public required string OrgId { get; init; }
    public required string Name { get; init; }
    public NanoUsd? SessionBudgetLimit { get; init; }
    public string? KeyId { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
}

/// <summary>A session that was stopped; the document's id is org, runner and session.</summary>
sealed record StoppedSessionDocument
{
    public required string RunnerId { get; init; }
    public required string SessionId { get; init; }
    public required DateTimeOffset StoppedAt { get; init; }
}

/// <summary>A key at a provider; without an org it is the platform's.</summary>
sealed record ProviderKeyDocument
{
    public required string ProviderKeyId { get; init; }
    public required string Provider { get; init; }
    public string? OrgId { get; init; }
    public required string Name { get; init; }
    public required string Last4 { get; init; }

    /// <summary>The key, encrypted by the master key.</summary>
    public required string Sealed { get; init; }
    public bool Disabled { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
}

/// <summary>How documents are written into the store; what they may hold is checked before.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip,
    Converters = [typeof(Rfc3339Converter)])]
[JsonSerializable(typeof(OrgDocument))]
[JsonSerializable(typeof(TeamDocument))]
[JsonSerializable(typeof(KeyDocument))]
[JsonSerializable(typeof(PolicyDocument))]
[JsonSerializable(typeof(ReplacedSecretDocument))]
[JsonSerializable(typeof(AdminTokenDocument))]
[JsonSerializable(typeof(RunnerDocument))]
[JsonSerializable(typeof(StoppedSessionDocument))]
[JsonSerializable(typeof(ApprovalDocument))]
[JsonSerializable(typeof(ProviderKeyDocument))]
[JsonSerializable(typeof(SessionDocument))]
[JsonSerializable(typeof(WebhookDocument))]
[JsonSerializable(typeof(LinkKeyDocument))]
sealed partial class DocumentJson : JsonSerializerContext;
