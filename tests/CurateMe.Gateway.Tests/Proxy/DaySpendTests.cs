using CurateMe.Gateway.Proxy;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Money;
using CurateMe.Testing;
using CurateMe.Testing.Budgets;
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
}
