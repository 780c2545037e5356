using CurateMe.Client;
using CurateMe.Gateway.Governance;
using CurateMe.Ledger.Money;
using Xunit;

namespace CurateMe.Gateway.Tests.Governance;

public sealed class OrgPolicyTests
{
    [Theory]
    [InlineData(Tier.Free, "0.25", "5", "50")]
    [InlineData(Tier.Starter, "0.5", "25", "250")]
    [InlineData(Tier.Growth, "2", "100", "2000")]
    [InlineData(Tier.Enterprise, "10", "2000", "50000")]
    public void Resolve_NoDocument_IsTheTier(Tier tier, string request, string day, string month)
    {
        var policy = OrgPolicy.Resolve(tier);
        Assert.Equal(NanoUsd.Parse(request), policy.MaxCostPerRequest);
        Assert.Equal(NanoUsd.Parse(day), policy.DailyBudget);
        Assert.Equal(NanoUsd.Parse(month), policy.MonthlyBudget);
        Assert.Null(policy.HitlThreshold);
        Assert.True(policy.Models.AllowsAll);
        Assert.Equal(OnBudgetStoreLoss.Bounded, policy.OnBudgetStoreLoss);
        Assert.Equal(OnMissingUsage.Estimate, policy.OnMissingUsage);
        Assert.Equal(OnUnpricedModel.Deny, policy.OnUnpricedModel);
        Assert.Equal(16_384, policy.DefaultMaxOutputTokens);
        Assert.Equal(16, policy.MinOutputTokens);
        Assert.True(policy.ClampOutput);
    }

    [Fact]
    public void Resolve_ZeroUnlimitedAndAbsent_AreThreeThings()
    {
        var policy = OrgPolicy.Resolve(Tier.Free, new PolicyDocument { DailyBudget = MoneyLimit.FromDollars(0), MonthlyBudget = MoneyLimit.Unlimited });
        Assert.Equal(NanoUsd.Zero, policy.DailyBudget);
        Assert.Null(policy.MonthlyBudget);
        Assert.Equal(NanoUsd.Parse("0.25"), policy.MaxCostPerRequest);
    }

    [Theory]
    [InlineData("gpt-4o", true)]
    [InlineData("GPT-4o", true)]
    [InlineData("gpt-4o-mini", false)]
    [InlineData("claude-opus-4", true)]
    [InlineData("claude", false)]
    [InlineData("", false)]
    public void Allowlist_NamesAndEndings_Match(string model, bool allowed) =>
        Assert.Equal(allowed, ModelAllowlist.Of(["gpt-4o", "claude-*"]).Allows(model));

    [Fact]
    public void Allowlist_OfOrgAndKey_IsWhatBothAllow()
    {
        var both = ModelAllowlist.Of(["gpt-*"]).And(["gpt-4o", "claude-opus-4"]);
        Assert.True(both.Allows("gpt-4o"));
        Assert.False(both.Allows("claude-opus-4"));
        Assert.False(both.Allows("gpt-5.1"));
        Assert.True(ModelAllowlist.All.And(["gpt-4o"]).Allows("gpt-4o"));
        Assert.False(ModelAllowlist.All.And(["gpt-4o"]).Allows("gpt-5.1"));
        Assert.True(ModelAllowlist.Of(["gpt-*"]).And(["*"]).Allows("gpt-5.1"));
        Assert.False(ModelAllowlist.Of(["gpt-*"]).And(["*"]).Allows("o3"));
        Assert.False(ModelAllowlist.Of([]).And(null).Allows("gpt-4o"));
        Assert.True(ModelAllowlist.Of(["*"]).AllowsAll);
        Assert.False(both.AllowsAll);
    }
}
