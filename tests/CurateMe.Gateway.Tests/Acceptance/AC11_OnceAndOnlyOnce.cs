using CurateMe.Gateway.Hosting;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Holds;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;
using CurateMe.Testing;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace CurateMe.Gateway.Tests.Acceptance;

public sealed class AC11_OnceAndOnlyOnce
{
    [Fact]
    public async Task Provider_AskedAgain_IsOneRecordWithOneCharge()
    {
        await using var rig = await GatewayRig.StartAsync(settings: AC07_FailureAtEveryStep.Quick);
        var key = await rig.KeyAsync();

        Assert.Equal(200, (await rig.AskAsync(key, sim: "status=503;attempts=2")).Status);

        Assert.Equal(rig.Bill(), Assert.Single(await rig.AssertBooksAsync()).Cost);
    }

    [Fact]
    public async Task End_OfEverySettledRequestAgain_ChangesNothing()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();
        for (var i = 0; i < 5; i++)
        {
            await rig.AskAsync(key, Chat.Body(stream: i % 2 == 0));
        }
        var before = await rig.AssertBooksAsync();
        foreach (var record in before)
        {
            await rig.Service<ICounterStore>().EndAsync(record, default);
            await rig.Service<HoldDesk>().EndAsync(record);
            Assert.Equal(0, await rig.Service<IUsageLedger>().RecordAsync([record], default));
        }
        Assert.Equal(before.Count, (await rig.AssertBooksAsync()).Count);
    }

    [Fact]
    public async Task Settle_AfterTheHoldExpired_TheLedgerHasOneRecordAndTheCountersFollowIt()
    {
        var clock = new TestClock();
        await using var rig = await GatewayRig.StartAsync(services: s => s.AddSingleton<TimeProvider>(clock));
        var key = await rig.KeyAsync();
        var call = rig.AskAsync(key, sim: "latency_ms=3000");
        await Poll.UntilAsync(() => rig.Simulator.Simulator.Waiting == 1, "the call is with the provider");

        // As after a long pause of the process: the sweep comes before the owner.
        clock.Advance(TimeSpan.FromMinutes(17));
        await rig.QuietAsync();
        var expired = await rig.RecordAsync();
        Assert.Equal((RecordStatus.Expired, UsageSource.Presumed, expired.Hold), (expired.Status, expired.Source, expired.Cost));

        Assert.Equal(200, (await call).Status);
        Assert.Equal(expired.Id, Assert.Single(await rig.AssertBooksAsync()).Id);
        Assert.Equal(expired.Cost, (await rig.CellAsync("org")).Spent);
    }

    [Fact]
    public async Task Actual_AboveTheHold_IsChargedInFullAndMarked()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();

        Assert.Equal(200, (await rig.AskAsync(key, Chat.Body(5), "usage=overstated;output_tokens=500;ignore_cap=1")).Status);

        var record = await rig.RecordAsync();
        Assert.True(record.Overage);
        Assert.Equal(record.Cost, (await rig.CellAsync("org")).Spent);
        Assert.Equal(NanoUsd.Zero, (await rig.CellAsync("org")).Held);
    }
}
