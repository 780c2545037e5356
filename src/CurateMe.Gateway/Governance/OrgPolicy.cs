using CurateMe.Client;
using CurateMe.Gateway.Protection;
using CurateMe.Ledger.Money;

namespace CurateMe.Gateway.Governance;

/// <summary>What holds for an org: its policy document over its tier's defaults. Immutable; null limits are unlimited.</summary>
sealed record OrgPolicy
{
    /// <summary>Tokens of output that a request without a cap is given, unless the model or the budget allows fewer.</summary>
    public const int StandardMaxOutputTokens = 16_384;

    /// <summary>Least output worth forwarding a request for.</summary>
    public const int StandardMinOutputTokens = 16;

    /// <summary>Longest a queued request waits where the policy is silent.</summary>
    public const int StandardQueueWaitMs = 10_000;

    public required Tier Tier { get; init; }

    /// <summary>Dollars per UTC day.</summary>
    public required NanoUsd? DailyBudget { get; init; }

    /// <summary>Dollars per UTC month.</summary>
    public required NanoUsd? MonthlyBudget { get; init; }

    /// <summary>Most a request may cost at worst.</summary>
    public required NanoUsd? MaxCostPerRequest { get; init; }

    /// <summary>A quote at or above this waits for a person; null asks nobody.</summary>
    public NanoUsd? HitlThreshold { get; init; }
    public ModelAllowlist Models { get; init; } = ModelAllowlist.All;
    public int? RateLimitRpm { get; init; }
    public int? MaxConcurrency { get; init; }

    /// <summary>Requests that may wait for a rate or concurrency limit; 0 refuses at once.</summary>
    public int QueueMaxDepth { get; init; }
    public TimeSpan QueueMaxWait { get; init; } = TimeSpan.FromMilliseconds(StandardQueueWaitMs);
    public ProtectionPolicy Protection { get; init; } = ProtectionPolicy.Standard;
    public OnBudgetStoreLoss OnBudgetStoreLoss { get; init; }
    public OnMissingUsage OnMissingUsage { get; init; }
    public OnUnpricedModel OnUnpricedModel { get; init; }
    public int DefaultMaxOutputTokens { get; init; } = StandardMaxOutputTokens;
    public int MinOutputTokens { get; init; } = StandardMinOutputTokens;

    /// <summary>Whether a request without a cap gets what the budget affords, down to <see cref="MinOutputTokens"/>.</summary>
    public bool ClampOutput { get; init; } = true;

    /// <summary>Largest body of a request.</summary>
    public int MaxRequestBytes { get; init; } = int.MaxValue;

    /// <summary>Most tokens that one answer may think with; null is unlimited.</summary>
    public int? MaxReasoningTokens { get; init; }

    /// <summary>Callers' names of models; compared without regard to case.</summary>
    public IReadOnlyDictionary<string, string> ModelAliases { get; init; } = NoAliases;

    /// <summary>Models to try after a model, in order; compared without regard to case.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>> Fallbacks { get; init; } = NoFallbacks;

    static readonly Dictionary<string, string> NoAliases = new(StringComparer.OrdinalIgnoreCase);
    static readonly Dictionary<string, IReadOnlyList<string>> NoFallbacks = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>The policy of an org that has never changed anything, or what its document makes of it.</summary>
    public static OrgPolicy Resolve(Tier tier, PolicyDocument? document = null)
    {
        var defaults = TierDefaults.Of(tier);
        document ??= new PolicyDocument();
        return new OrgPolicy
        {
            Tier = tier,
            DailyBudget = document.DailyBudget is { } daily ? daily.Amount : defaults.DailyBudget,
            MonthlyBudget = document.MonthlyBudget is { } monthly ? monthly.Amount : defaults.MonthlyBudget,
            MaxCostPerRequest = document.MaxCostPerRequest is { } request ? request.Amount : defaults.MaxCostPerRequest,
            HitlThreshold = document.HitlThreshold?.Amount,
            Models = ModelAllowlist.Of(document.ModelAllowlist),
            RateLimitRpm = document.RateLimitRpm?.Count,
            MaxConcurrency = document.MaxConcurrency?.Count,
            QueueMaxDepth = document.Queue?.MaxDepth ?? 0,
            QueueMaxWait = TimeSpan.FromMilliseconds(document.Queue?.MaxWaitMs ?? StandardQueueWaitMs),
            Protection = document.Protection is null ? ProtectionPolicy.Standard : ProtectionPolicy.Resolve(document.Protection),
            OnBudgetStoreLoss = document.OnBudgetStoreLoss ?? OnBudgetStoreLoss.Bounded,
            OnMissingUsage = document.OnMissingUsage ?? OnMissingUsage.Estimate,
            OnUnpricedModel = document.OnUnpricedModel ?? OnUnpricedModel.Deny,
            DefaultMaxOutputTokens = document.DefaultMaxOutputTokens ?? StandardMaxOutputTokens,
            MinOutputTokens = document.MinOutputTokens ?? StandardMinOutputTokens,
            ClampOutput = document.ClampOutput ?? true,
            MaxRequestBytes = document.MaxRequestBytes ?? defaults.MaxRequestBytes,
            MaxReasoningTokens = document.MaxReasoningTokens is { } reasoning ? reasoning.Count : defaults.MaxReasoningTokens,
            ModelAliases = document.ModelAliases is { } aliases ? new Dictionary<string, string>(aliases, StringComparer.OrdinalIgnoreCase) : NoAliases,
            Fallbacks = document.Fallbacks is { } fallbacks ? new Dictionary<string, IReadOnlyList<string>>(fallbacks, StringComparer.OrdinalIgnoreCase) : NoFallbacks,
        };
    }
}
