using CurateMe.Client;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;
using CurateMe.Testing;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace CurateMe.Gateway.Tests.Acceptance;

public sealed class AC13_Clocks
{
    [Theory]
    [InlineData("2026-03-14T23:59:59.999Z")]
    [InlineData("2026-01-31T23:59:59.999Z")]
    [InlineData("2028-02-28T23:59:59.999Z")]
    [InlineData("2028-02-29T23:59:59.999Z")]
    [InlineData("2026-12-31T23:59:59.999Z")]
    public async Task Held_BeforeMidnight_SettledAfterIt_CountsOnTheDayOfTheHold(string instant)
    {
        var clock = new TestClock(DateTimeOffset.Parse(instant, System.Globalization.CultureInfo.InvariantCulture));
        await using var rig = await GatewayRig.StartAsync(services: s => s.AddSingleton<TimeProvider>(clock));
        var key = await rig.KeyAsync();
        var day = rig.Today;
        var call = rig.AskAsync(key, sim: "latency_ms=400");
        await Poll.UntilAsync(() => rig.Simulator.Simulator.Waiting == 1, "the call is with the provider");
        clock.Advance(TimeSpan.FromMilliseconds(1));
        Assert.NotEqual(day, rig.Today);

        Assert.Equal(200, (await call).Status);

        await rig.QuietAsync();
        var record = await rig.RecordAsync();
        Assert.Equal(day, record.Day);
        Assert.Equal((record.Cost, NanoUsd.Zero), await AtAsync(rig, day, PeriodKind.Day));
        Assert.Equal((record.Cost, NanoUsd.Zero), await AtAsync(rig, day, PeriodKind.Month));
        Assert.Equal((NanoUsd.Zero, NanoUsd.Zero), await AtAsync(rig, rig.Today, PeriodKind.Day));
        if (rig.Today.Month != day.Month)
        {
            Assert.Equal((NanoUsd.Zero, NanoUsd.Zero), await AtAsync(rig, rig.Today, PeriodKind.Month));
        }
        // The new day has its whole budget.
        Assert.Equal(200, (await rig.AskAsync(key)).Status);
        await rig.AssertBooksAsync();
    }

    [Fact]
    public async Task Clock_SetBackAndForth_LosesNothingAndGoesBelowZeroNowhere()
    {
        var clock = new TestClock();
        await using var rig = await GatewayRig.StartAsync(services: s => s.AddSingleton<TimeProvider>(clock));
        var key = await rig.KeyAsync();
        var start = clock.Now;
        foreach (var hours in new[] { 0, -30, 5, -1, 26, 0 })
        {
            clock.Set(start.AddHours(hours));
            Assert.Equal(200, (await rig.AskAsync(key, Chat.Body(stream: hours < 0))).Status);
        }
        await rig.QuietAsync();
        var records = await rig.RecordsAsync();
        Assert.Equal(6, records.Count);
        Assert.Equal(rig.Bill(), new NanoUsd(records.Sum(static r => r.Cost.Value)));
        foreach (var day in records.GroupBy(static r => r.Day))
        {
            Assert.Equal((new NanoUsd(day.Sum(static r => r.Cost.Value)), NanoUsd.Zero), await AtAsync(rig, day.Key, PeriodKind.Day));
        }
        Assert.All(records, static r => Assert.InRange(r.LatencyMs, 0, 60_000));
    }

    [Fact]
    public async Task Limit_RaisedLoweredAndSetToZeroWithHoldsOut_NothingIsLost()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();
        var call = rig.AskAsync(key, sim: "latency_ms=1500");
        await Poll.UntilAsync(() => rig.Simulator.Simulator.Waiting == 1, "the call is with the provider");

        await rig.PolicyAsync("org_test", new PolicyDocument { DailyBudget = new MoneyLimit(NanoUsd.Zero) });
        Assert.Equal("daily_budget", (await rig.AskAsync(key)).Code);
        await rig.PolicyAsync("org_test", new PolicyDocument { DailyBudget = new MoneyLimit(new NanoUsd(1)) });
        Assert.Equal("daily_budget", (await rig.AskAsync(key)).Code);
        await rig.PolicyAsync("org_test", new PolicyDocument { DailyBudget = MoneyLimit.FromDollars(5) });
        Assert.Equal(200, (await rig.AskAsync(key)).Status);

        Assert.Equal(200, (await call).Status);
        Assert.Equal(2, (await rig.AssertBooksAsync()).Count);
    }

    static async Task<(NanoUsd Spent, NanoUsd Held)> AtAsync(GatewayRig rig, DateOnly day, PeriodKind period)
    {
        var cell = (await rig.Service<ICounterStore>().SnapshotAsync("org_test", day, default)).FirstOrDefault(c => c.Field == "org" && c.Period == period);
        return (cell?.Spent ?? NanoUsd.Zero, cell?.Held ?? NanoUsd.Zero);
    }
}
