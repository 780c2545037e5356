using CurateMe.Client;
using CurateMe.Ledger.Money;
using Xunit;

namespace CurateMe.Gateway.Tests.Acceptance;

public sealed class AC03_Edges
{
    [Fact]
    public async Task Limit_AtBelowAndAboveTheQuote_EqualityPasses()
    {
        await using var rig = await GatewayRig.StartAsync();
        var hold = await AC01_ExactlyAsManyAsFit.HoldOfOneAsync(rig);

        await rig.AssertRefusedAsync(await AskAsync(rig, "org_0", new MoneyLimit(NanoUsd.Zero)), 403, "daily_budget", org: "org_0");
        await rig.AssertRefusedAsync(await AskAsync(rig, "org_1", new MoneyLimit(hold - new NanoUsd(1))), 403, "daily_budget", org: "org_1");
        Assert.Equal(200, (await AskAsync(rig, "org_2", new MoneyLimit(hold))).Status);
        Assert.Equal(200, (await AskAsync(rig, "org_3", MoneyLimit.Unlimited)).Status);
    }

    [Fact]
    public async Task Spent_EqualsTheLimit_WhatCostsIsRefused()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();
        Assert.Equal(200, (await rig.AskAsync(key)).Status);
        var first = await rig.RecordAsync();
        var next = first.Hold;

        await rig.PolicyAsync("org_test", new PolicyDocument { DailyBudget = new MoneyLimit(first.Cost) });
        await rig.AssertRefusedAsync(await rig.AskAsync(key), 403, "daily_budget");

        await rig.PolicyAsync("org_test", new PolicyDocument { DailyBudget = new MoneyLimit(first.Cost + next - new NanoUsd(1)) });
        await rig.AssertRefusedAsync(await rig.AskAsync(key), 403, "daily_budget");

        await rig.PolicyAsync("org_test", new PolicyDocument { DailyBudget = new MoneyLimit(first.Cost + next) });
        var answer = await rig.AskAsync(key);
        Assert.Equal(200, answer.Status);
        Assert.Equal((first.Cost + next).ToString(), answer.Header("X-CM-Daily-Budget"));
        await rig.AssertBooksAsync();
    }

    [Fact]
    public async Task Unlimited_HeaderSaysSo()
    {
        await using var rig = await GatewayRig.StartAsync();
        Assert.Equal("unlimited", (await AskAsync(rig, "org_test", MoneyLimit.Unlimited)).Header("X-CM-Daily-Budget"));
    }

    static async Task<Answer> AskAsync(GatewayRig rig, string org, MoneyLimit daily) =>
        await rig.AskAsync(await rig.KeyAsync(org, new PolicyDocument { DailyBudget = daily, MonthlyBudget = MoneyLimit.Unlimited, MaxCostPerRequest = MoneyLimit.Unlimited }, "key_" + org));
}
