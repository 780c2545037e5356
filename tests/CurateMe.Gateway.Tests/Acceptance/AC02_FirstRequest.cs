using CurateMe.Client;
using CurateMe.Gateway.Simulator;
using CurateMe.Ledger.Money;
using CurateMe.Testing;
using Xunit;

namespace CurateMe.Gateway.Tests.Acceptance;

public sealed class AC02_FirstRequest
{
    [Theory]
    [InlineData("org")]
    [InlineData("team")]
    [InlineData("key")]
    public async Task New_FirstRequestsAtOnce_PolicyAppliesToAll(string what)
    {
        var gate = new GateClock();
        await using var rig = await GatewayRig.StartAsync(simulator: new SimulatorOptions { Time = gate });
        var hold = await AC01_ExactlyAsManyAsFit.HoldOfOneAsync(rig);
        var limit = new NanoUsd(hold.Value * 3);
        NanoUsd? At(string node) => node == what ? limit : null;
        var policy = new PolicyDocument { DailyBudget = new MoneyLimit(At("org")), MonthlyBudget = MoneyLimit.Unlimited, MaxCostPerRequest = MoneyLimit.Unlimited, ModelAllowlist = [Chat.Model] };

        var key = await rig.KeyAsync("org_a", policy, "key_a", k => k with { DailyBudget = At("key") }, AC01_ExactlyAsManyAsFit.Team("team_a", At("team"), null));
        var allowed = Enumerable.Range(0, 64).Select(i => rig.AskAsync(key, sim: "latency_ms=60000")).ToList();
        var forbidden = Enumerable.Range(0, 16).Select(i => rig.AskAsync(key, Chat.Body(model: "gpt-4o"))).ToList();
        await Poll.UntilAsync(() => allowed.Count(static t => t.IsCompleted) >= 61, "all that do not fit are refused");
        gate.Open();

        var answers = await Task.WhenAll(allowed);
        Assert.Equal(3, answers.Count(static a => a.Status == 200));
        Assert.Equal(61, answers.Count(a => a.Code == (what == "org" ? "daily_budget" : what + "_daily_budget")));
        Assert.All(await Task.WhenAll(forbidden), static a => Assert.Equal("model_not_allowed", a.Code));
        await rig.AssertBooksAsync("org_a", wholeBill: false);
    }
}
