using CurateMe.Client;
using CurateMe.Ledger.Money;

namespace CurateMe.Gateway.Governance;

/// <summary>The limits a plan gives where the policy is silent, in dollars per request, UTC day and UTC month.</summary>
/// <param name="MaxRequestBytes">Largest body of a request.</param>
/// <param name="MaxReasoningTokens">Most tokens that one answer may think with; null is unlimited.</param>
sealed record TierDefaults(Tier Tier, NanoUsd MaxCostPerRequest, NanoUsd DailyBudget, NanoUsd MonthlyBudget, int MaxRequestBytes, int? MaxReasoningTokens)
{
    static readonly TierDefaults Free = new(Tier.Free, new NanoUsd(250_000_000), NanoUsd.FromDollars(5), NanoUsd.FromDollars(50), 1 << 20, 16_384);
    static readonly TierDefaults Starter = new(Tier.Starter, new NanoUsd(500_000_000), NanoUsd.FromDollars(25), NanoUsd.FromDollars(250), 4 << 20, 32_768);
    static readonly TierDefaults Growth = new(Tier.Growth, NanoUsd.FromDollars(2), NanoUsd.FromDollars(100), NanoUsd.FromDollars(2_000), 16 << 20, 65_536);
    static readonly TierDefaults Enterprise = new(Tier.Enterprise, NanoUsd.FromDollars(10), NanoUsd.FromDollars(2_000), NanoUsd.FromDollars(50_000), 64 << 20, null);

    public static IReadOnlyList<TierDefaults> All { get; } = [Free, Starter, Growth, Enterprise];

    public static TierDefaults Of(Tier tier) => All[(int)tier];
}
