using System.Text.Json.Serialization;
using CurateMe.Ledger.Money;

namespace CurateMe.Client;

/// <summary>
/// What an org's policy says, as stored and as patched (RFC 7396). A field that is null or absent is the tier's default;
/// <c>"unlimited"</c> takes a limit away. Budgets are dollars per UTC day or month, from 0 to 1,000,000,000 with at most nine decimals.
/// </summary>
public sealed record PolicyDocument
{
    /// <summary>Dollars per UTC day. 0 denies everything that costs.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public MoneyLimit? DailyBudget { get; init; }

    /// <summary>Dollars per UTC month. 0 denies everything that costs.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public MoneyLimit? MonthlyBudget { get; init; }

    /// <summary>Most dollars that one request may cost at worst.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public MoneyLimit? MaxCostPerRequest { get; init; }

    /// <summary>A request that may cost this many dollars or more waits for a person. Default: none waits.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public MoneyLimit? HitlThreshold { get; init; }

    /// <summary>Models that may be used; a trailing <c>*</c> stands for any ending. Default: all. An empty list allows none. At most 500.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? ModelAllowlist { get; init; }

    /// <summary>Requests per minute, 0 to 10,000,000. Default: unlimited.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public CountLimit? RateLimitRpm { get; init; }

    /// <summary>Requests in flight at once, 0 to 1,000,000. Default: unlimited.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public CountLimit? MaxConcurrency { get; init; }

    /// <summary>Waiting room for requests over a rate or concurrency limit. Default: none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public QueueDocument? Queue { get; init; }

    /// <summary>What is done when spending runs away. Default: alert.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ProtectionDocument? Protection { get; init; }

    /// <summary>Default: bounded.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public OnBudgetStoreLoss? OnBudgetStoreLoss { get; init; }

    /// <summary>Default: estimate.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public OnMissingUsage? OnMissingUsage { get; init; }

    /// <summary>Default: deny.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public OnUnpricedModel? OnUnpricedModel { get; init; }

    /// <summary>Cap sent upstream when the caller set none, in tokens, 1 to 10,000,000; the model's own limit and the budget may lower it. Default: 16,384.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? DefaultMaxOutputTokens { get; init; }

    /// <summary>Least output, in tokens, worth forwarding a request for when the budget cannot afford the whole cap, 1 to 10,000,000. Default: 16.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? MinOutputTokens { get; init; }

    /// <summary>Whether a request without a cap is given what the budget affords; when false it is denied unless the whole default fits. Default: true.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public bool? ClampOutput { get; init; }

    /// <summary>Largest body of a request, in bytes, 1,024 to 268,435,456; the gateway's own <c>Forward__MaxBodyBytes</c> bounds it too. Default: the tier's.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? MaxRequestBytes { get; init; }

    /// <summary>Most tokens that one answer may think with, 0 to 10,000,000. Default: the tier's.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public CountLimit? MaxReasoningTokens { get; init; }

    /// <summary>Names that callers may use instead of a model's, at most 500.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, string>? ModelAliases { get; init; }

    /// <summary>Models tried in order when the one asked for fails before anything is billed, at most 5 each for 500 models.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, IReadOnlyList<string>>? Fallbacks { get; init; }
}

/// <summary>A bounded waiting room.</summary>
public sealed record QueueDocument
{
    /// <summary>Requests that may wait at once, 0 to 100,000. Default: 0.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? MaxDepth { get; init; }

    /// <summary>Longest wait in milliseconds, 0 to 600,000. Default: 10,000.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? MaxWaitMs { get; init; }
}

/// <summary>What holds for an org now. Null limits are unlimited; <see cref="Overrides"/> is the document that a PATCH changes.</summary>
public sealed record PolicyView
{
    public required string OrgId { get; init; }
    public required Tier Tier { get; init; }
    public NanoUsd? DailyBudget { get; init; }
    public NanoUsd? MonthlyBudget { get; init; }
    public NanoUsd? MaxCostPerRequest { get; init; }
    public NanoUsd? HitlThreshold { get; init; }
    public long? DailyBudgetNanoUsd => DailyBudget?.Value;
    public long? MonthlyBudgetNanoUsd => MonthlyBudget?.Value;
    public long? MaxCostPerRequestNanoUsd => MaxCostPerRequest?.Value;
    public long? HitlThresholdNanoUsd => HitlThreshold?.Value;
    public IReadOnlyList<string>? ModelAllowlist { get; init; }
    public int? RateLimitRpm { get; init; }
    public int? MaxConcurrency { get; init; }
    public required QueueView Queue { get; init; }
    public required ProtectionView Protection { get; init; }
    public OnBudgetStoreLoss OnBudgetStoreLoss { get; init; }
    public OnMissingUsage OnMissingUsage { get; init; }
    public OnUnpricedModel OnUnpricedModel { get; init; }
    public int DefaultMaxOutputTokens { get; init; }
    public int MinOutputTokens { get; init; }
    public bool ClampOutput { get; init; }
    public int MaxRequestBytes { get; init; }
    public int? MaxReasoningTokens { get; init; }
    public required IReadOnlyDictionary<string, string> ModelAliases { get; init; }
    public required IReadOnlyDictionary<string, IReadOnlyList<string>> Fallbacks { get; init; }

    /// <summary>What was set for this org; everything else is the tier's default.</summary>
    public required PolicyDocument Overrides { get; init; }

    /// <summary>Number of the policy's last change; 0 when it was never set.</summary>
    public long Version { get; init; }
}

/// <summary>The waiting room in force.</summary>
public sealed record QueueView(int MaxDepth, int MaxWaitMs);

/// <summary>The limits that a tier gives where the policy is silent.</summary>
public sealed record TierView
{
    public required Tier Tier { get; init; }
    public required NanoUsd MaxCostPerRequest { get; init; }
    public required NanoUsd DailyBudget { get; init; }
    public required NanoUsd MonthlyBudget { get; init; }
    public long MaxCostPerRequestNanoUsd => MaxCostPerRequest.Value;
    public long DailyBudgetNanoUsd => DailyBudget.Value;
    public long MonthlyBudgetNanoUsd => MonthlyBudget.Value;

    /// <summary>Largest body of a request, in bytes.</summary>
    public required int MaxRequestBytes { get; init; }

    /// <summary>Most tokens that one answer may think with; null is unlimited.</summary>
    public int? MaxReasoningTokens { get; init; }
}
