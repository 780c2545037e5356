using System.Text.Json.Nodes;
using CurateMe.Client;
using CurateMe.Gateway.Alerts;
using CurateMe.Gateway.Governance;
using CurateMe.Gateway.Tests.Acceptance;
using CurateMe.Ledger.Alerts;
using CurateMe.Ledger.Money;
using CurateMe.Testing;
using Xunit;

namespace CurateMe.Gateway.Tests.Alerts;

/// <summary>Budgets reached or used up between two looks, when the day or the gateway ends before the next one.</summary>
public sealed class BudgetWatchTests
{
    static readonly DateTimeOffset LastSecond = new(2026, 3, 31, 23, 59, 59, TimeSpan.Zero);
    static readonly AlertOptions Seldom = new() { SweepEvery = TimeSpan.FromHours(1), WatchEvery = TimeSpan.FromHours(1) };

    static PolicyDocument Charging(NanoUsd? daily = null) =>
        new() { OnMissingUsage = OnMissingUsage.Hold, DailyBudget = daily is { } budget ? new MoneyLimit(budget) : MoneyLimit.Unlimited, MonthlyBudget = MoneyLimit.Unlimited };

    static async Task<IReadOnlyList<(string Kind, string Start)>> ToldAsync(GatewayRig rig, string type, int count)
    {
        var alerts = await AlertRig.UntilAsync(async () => (await rig.Admin("org_test").ListAlertsAsync(type)).Data, a => a.Count >= count, $"{count} of {type}");
        return [.. alerts.Select(a => ($"{a.Subject} {(decimal?)a.Data["threshold"]}", (string)a.Data["period_start"]!)).Order()];
    }

    [Fact]
    public async Task Denial_BeforeMidnight_IsToldOfItsDay_AndTheNextDaysAgain()
    {
        var time = new TestClock(LastSecond);
        await using var rig = await AlertRig.StartAsync(Seldom, time: time);
        var key = await rig.KeyAsync(policy: Charging(NanoUsd.Zero));
        Assert.Equal("daily_budget", (await rig.AskAsync(key)).Code);
        time.Advance(TimeSpan.FromSeconds(2));
        await rig.Service<BudgetWatch>().LookAsync(default);
        Assert.Equal(("org ", "2026-03-31"), Assert.Single(await ToldAsync(rig, "budget_exceeded", 1)));
        Assert.Equal("daily_budget", (await rig.AskAsync(key)).Code);
        await rig.Service<BudgetWatch>().LookAsync(default);
        Assert.Equal([("org ", "2026-03-31"), ("org ", "2026-04-01")], await ToldAsync(rig, "budget_exceeded", 2));
    }

    [Fact]
    public async Task Spending_BeforeMidnight_IsComparedWithItsDay()
    {
        var time = new TestClock(LastSecond - TimeSpan.FromDays(1));
        await using var rig = await AlertRig.StartAsync(Seldom, time: time);
        var key = await rig.KeyAsync(policy: Charging());
        var cost = (await rig.AskAsync(key, sim: "usage=absent")).Cost;
        time.Advance(TimeSpan.FromDays(1));
        await rig.PolicyAsync("org_test", Charging(new NanoUsd(cost.Value * 3 / 2)) with { MonthlyBudget = new MoneyLimit(new NanoUsd(cost.Value * 5 / 2)) });
        Assert.Equal(200, (await rig.AskAsync(key, sim: "usage=absent")).Status);
        await rig.QuietAsync();
        time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(200, (await rig.AskAsync(key, sim: "usage=absent")).Status);
        await rig.QuietAsync();
        await rig.Service<BudgetWatch>().LookAsync(default);
        Assert.Equal([("org 0.5", "2026-03-01"), ("org 0.5", "2026-03-31"), ("org 0.5", "2026-04-01"), ("org 0.75", "2026-03-01")], await ToldAsync(rig, "budget_warning", 4));
    }

    [Fact]
    public async Task Denials_OfTwoSessionsBetweenTwoLooks_AreBothTold()
    {
        await using var rig = await AlertRig.StartAsync(Seldom);
        var key = await rig.KeyAsync(policy: Charging());
        var client = rig.Admin("org_test");
        await client.CreateRunnerAsync(new RunnerCreate { RunnerId = "r1" });
        await client.ConfigureRunnerAsync("r1", new JsonObject { ["session_budget_limit"] = 0 });
        foreach (var session in (string[])["s1", "s2", "s1", "s2"])
        {
            Assert.Equal("session_budget", (await rig.AskAsync(key, session: session, headers: ("X-CM-Runner-ID", "r1"))).Code);
        }
        Assert.Equal(2, rig.Service<BudgetSignals>().TakeDenied().Count);
        foreach (var session in (string[])["s1", "s2"])
        {
            Assert.Equal("session_budget", (await rig.AskAsync(key, session: session, headers: ("X-CM-Runner-ID", "r1"))).Code);
        }
        await rig.Service<BudgetWatch>().LookAsync(default);
        var told = await AlertRig.UntilAsync(async () => (await client.ListAlertsAsync("budget_exceeded")).Data, a => a.Count >= 2, "both denials");
        Assert.Equal(["session:r1/s1", "session:r1/s2"], told.Select(a => a.Subject).Order());
    }

    [Fact]
    public async Task Stop_BeforeTheNextLook_LooksOnceMore()
    {
        using var data = new TemporaryDirectory();
        await using (var rig = await AlertRig.StartAsync(Seldom, data))
        {
            var key = await rig.KeyAsync(policy: Charging());
            var cost = (await rig.AskAsync(key, sim: "usage=absent")).Cost;
            await rig.PolicyAsync("org_test", Charging(new NanoUsd(cost.Value * 5 / 2)));
            Assert.Equal(200, (await rig.AskAsync(key, sim: "usage=absent")).Status);
            Assert.Equal("daily_budget", (await rig.AskAsync(key, sim: "usage=absent")).Code);
        }
        await using var store = Ledger.Sqlite.SqliteAlertStore.Open(data.Path);
        var told = await store.EventsAsync(new AlertQuery("org_test"), default);
        Assert.Equal(["budget_exceeded", "budget_warning", "budget_warning"], told.Select(e => e.Type).Order());
    }
}
