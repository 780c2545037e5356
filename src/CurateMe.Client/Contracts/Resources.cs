using System.Text.Json.Serialization;
using CurateMe.Ledger.Money;

namespace CurateMe.Client;

/// <summary>A page of a list.</summary>
/// <param name="NextCursor">Sent back as <c>cursor</c> for the next page; null on the last.</param>
public sealed record Page<T>(IReadOnlyList<T> Data, string? NextCursor);

/// <summary>A tenant.</summary>
public sealed record Org
{
    public required string OrgId { get; init; }
    public required string Name { get; init; }
    public required Tier Tier { get; init; }

    /// <summary>While true no key of the org is accepted.</summary>
    public bool Suspended { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
}

/// <summary>Makes an org.</summary>
public sealed record OrgCreate
{
    /// <summary>1 to 64 letters, digits, <c>_</c>, <c>-</c>, <c>.</c>; made up when absent.</summary>
    public string? OrgId { get; init; }

    /// <summary>1 to 200 characters; the id when absent.</summary>
    public string? Name { get; init; }

    /// <summary>Default: free.</summary>
    public Tier? Tier { get; init; }
}

/// <summary>Changes an org (RFC 7396).</summary>
public sealed record OrgPatch
{
    public string? Name { get; init; }
    public Tier? Tier { get; init; }
    public bool? Suspended { get; init; }
}

/// <summary>A part of an org with limits of its own.</summary>
public sealed record Team
{
    public required string TeamId { get; init; }
    public required string OrgId { get; init; }
    public required string Name { get; init; }
    public NanoUsd? DailyBudget { get; init; }
    public NanoUsd? MonthlyBudget { get; init; }
    public long? DailyBudgetNanoUsd => DailyBudget?.Value;
    public long? MonthlyBudgetNanoUsd => MonthlyBudget?.Value;
    public required DateTimeOffset CreatedAt { get; init; }
}

/// <summary>Makes a team. Budgets are dollars per UTC day and month; null is unlimited, 0 denies everything that costs.</summary>
public sealed record TeamCreate
{
    /// <summary>The org, unless <c>X-Org-ID</c> says it.</summary>
    public string? OrgId { get; init; }

    /// <summary>1 to 64 letters, digits, <c>_</c>, <c>-</c>, <c>.</c>; made up when absent.</summary>
    public string? TeamId { get; init; }

    /// <summary>1 to 200 characters; the id when absent.</summary>
    public string? Name { get; init; }
    public NanoUsd? DailyBudget { get; init; }
    public NanoUsd? MonthlyBudget { get; init; }
}

/// <summary>Changes a team (RFC 7396); a budget of null is unlimited.</summary>
public sealed record TeamPatch
{
    public string? Name { get; init; }
    public NanoUsd? DailyBudget { get; init; }
    public NanoUsd? MonthlyBudget { get; init; }
}

/// <summary>An API key as operators see it; the secret is never shown again.</summary>
public sealed record ApiKey
{
    public required string KeyId { get; init; }
    public required string OrgId { get; init; }
    public string? TeamId { get; init; }

    /// <summary>The runner whose token this is; null for an ordinary key.</summary>
    public string? RunnerId { get; init; }
    public required string Name { get; init; }

    /// <summary><c>active</c>, <c>disabled</c> or <c>expired</c>.</summary>
    public required string Status { get; init; }

    /// <summary>The secret's last four characters.</summary>
    public required string Last4 { get; init; }
    public NanoUsd? DailyBudget { get; init; }
    public NanoUsd? MonthlyBudget { get; init; }
    public long? DailyBudgetNanoUsd => DailyBudget?.Value;
    public long? MonthlyBudgetNanoUsd => MonthlyBudget?.Value;
    public int? RateLimitRpm { get; init; }
    public int? MaxConcurrency { get; init; }
    public IReadOnlyList<string>? ModelAllowlist { get; init; }
    public IReadOnlyList<string>? IpAllowlist { get; init; }
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>When the secret was last replaced.</summary>
    public DateTimeOffset? RotatedAt { get; init; }

    /// <summary>Until when a secret before this one is accepted at the latest.</summary>
    public DateTimeOffset? GraceUntil { get; init; }

    /// <summary>Until when the key is throttled, because its spending ran away; enabling it ends that.</summary>
    public DateTimeOffset? ThrottledUntil { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>The secret; only in the answer that made it.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Key { get; init; }
}

/// <summary>Makes a key. Budgets are dollars per UTC day and month; null is unlimited, 0 denies everything that costs.</summary>
public sealed record KeyCreate
{
    /// <summary>The org, unless <c>X-Org-ID</c> says it.</summary>
    public string? OrgId { get; init; }

    /// <summary>A team of the org; null for a key directly under the org.</summary>
    public string? TeamId { get; init; }

    /// <summary>1 to 200 characters; the id when absent.</summary>
    public string? Name { get; init; }
    public NanoUsd? DailyBudget { get; init; }
    public NanoUsd? MonthlyBudget { get; init; }

    /// <summary>Requests per minute, 0 to 10,000,000; null is unlimited.</summary>
    public int? RateLimitRpm { get; init; }

    /// <summary>Requests in flight at once, 0 to 1,000,000; null is unlimited.</summary>
    public int? MaxConcurrency { get; init; }

    /// <summary>Models, a trailing <c>*</c> stands for any ending, at most 500; null allows what the org allows.</summary>
    public IReadOnlyList<string>? ModelAllowlist { get; init; }

    /// <summary>Addresses or CIDR ranges, at most 100; null allows any.</summary>
    public IReadOnlyList<string>? IpAllowlist { get; init; }

    /// <summary>RFC 3339, in the future; null never expires.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }
}

/// <summary>Changes a key (RFC 7396); null takes a limit away.</summary>
public sealed record KeyPatch
{
    public string? TeamId { get; init; }
    public string? Name { get; init; }
    public NanoUsd? DailyBudget { get; init; }
    public NanoUsd? MonthlyBudget { get; init; }
    public int? RateLimitRpm { get; init; }
    public int? MaxConcurrency { get; init; }
    public IReadOnlyList<string>? ModelAllowlist { get; init; }
    public IReadOnlyList<string>? IpAllowlist { get; init; }
    public DateTimeOffset? ExpiresAt { get; init; }
}

/// <summary>Replaces a key's secret. The key keeps its id, its limits and its spend.</summary>
public sealed record KeyRotate
{
    /// <summary>Seconds that the old secret is still accepted, 0 to 2,592,000 (30 days). Default: 0.</summary>
    public int? GraceSeconds { get; init; }
}

/// <summary>A key at a provider as operators see it; the key itself is never shown.</summary>
public sealed record ProviderKey
{
    public required string ProviderKeyId { get; init; }
    public required string Provider { get; init; }

    /// <summary>The org whose requests use it; null for the platform's, which all orgs use that have none of their own.</summary>
    public string? OrgId { get; init; }
    public required string Name { get; init; }

    /// <summary>The key's last four characters.</summary>
    public required string Last4 { get; init; }

    /// <summary>Kept, but not used.</summary>
    public bool Disabled { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
}

/// <summary>Stores a key at a provider, encrypted. Several of one provider take turns, and one that the provider refuses rests.</summary>
public sealed record ProviderKeyCreate
{
    /// <summary>A configured provider, e.g. <c>openai</c>.</summary>
    public string? Provider { get; init; }

    /// <summary>The provider's key, 8 to 4,096 visible ASCII characters.</summary>
    public string? Key { get; init; }

    /// <summary>1 to 200 characters; the id when absent.</summary>
    public string? Name { get; init; }

    /// <summary>The org, unless <c>X-Org-ID</c> says it; without either it is the platform's.</summary>
    public string? OrgId { get; init; }
}

/// <summary>Changes a stored provider key (RFC 7396).</summary>
public sealed record ProviderKeyPatch
{
    public string? Name { get; init; }
    public bool? Disabled { get; init; }
}
