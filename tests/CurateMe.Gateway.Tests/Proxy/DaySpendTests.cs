using CurateMe.Gateway.Proxy;
using CurateMe.Gateway.Tests.Acceptance;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;
using CurateMe.Testing;
using CurateMe.Testing.Budgets;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace CurateMe.Gateway.Tests.Proxy;

public sealed class DaySpendTests
{
    [Fact]
    public async Task Of_CountersAway_GivesNoFigureAndAsksSeldom()
    {
        var clock = new TestClock();
        await using var counters = new FaultyCounters(new InProcessCounters(clock));
        var asked = 0;
        var away = true;
        counters.Before = _ => { asked++; return away ? FaultyCounters.Away() : null; };
        var spend = new DaySpend(counters, clock);
        for (var i = 0; i < 20; i++)
        {
            Assert.Null(await spend.OfAsync("org"));
        }
        Assert.Equal(1, asked);
        away = false;
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(NanoUsd.Zero, await spend.OfAsync("org"));
        Assert.Equal(2, asked);
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task Header_CountersAway_IsLeftOutRatherThanZero(bool atEndOnly, bool stream)
    {
        await using var rig = await GatewayRig.StartAsync(services: static s =>
        {
            s.AddSingleton<AloneCounters>();
            s.AddSingleton<ICounterStore>(static p => p.GetRequiredService<AloneCounters>());
        });
        var key = await rig.KeyAsync();
        Assert.NotEqual("0", (await rig.AskAsync(key)).Header("X-CM-Daily-Cost"));
        (rig.Service<AloneCounters>().AtHold, rig.Service<AloneCounters>().AtEnd) = (!atEndOnly, true);

        var answer = await rig.AskAsync(key, Chat.Body(stream: stream));

        Assert.Equal(200, answer.Status);
        Assert.Equal(stream && atEndOnly, answer.Header("X-CM-Daily-Cost") is not null);
        Assert.NotEqual("0", answer.Header("X-CM-Daily-Cost"));
        Assert.Null(answer.Trailer("X-CM-Daily-Cost"));
        Assert.Equal("100", answer.Header("X-CM-Daily-Budget"));
        Assert.NotEqual(NanoUsd.Zero, NanoUsd.Parse(stream ? answer.Trailer("X-CM-Cost")! : answer.Header("X-CM-Cost")!));
    }

    // As counters answer while the shared store is away: they decide alone, and cannot be told the end.
    sealed class AloneCounters(TimeProvider time) : CounterShell(new InProcessCounters(time))
    {
        public bool AtHold { get; set; }
        public bool AtEnd { get; set; }

        public override async ValueTask<HoldOutcome> HoldAsync(HoldRequest request, CancellationToken ct)
        {
            var outcome = await base.HoldAsync(request, ct);
            return AtHold ? outcome with { NonAtomic = true, OrgDaySpent = NanoUsd.Zero } : outcome;
        }

        public override async ValueTask<EndOutcome> EndAsync(UsageRecord record, CancellationToken ct)
        {
            var outcome = await base.EndAsync(record, ct);
            return AtEnd ? throw FaultyCounters.Away() : outcome;
        }
    }
}
