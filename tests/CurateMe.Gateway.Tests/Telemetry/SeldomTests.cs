using CurateMe.Gateway.Telemetry;
using CurateMe.Testing;
using Xunit;

namespace CurateMe.Gateway.Tests.Telemetry;

public sealed class SeldomTests
{
    [Fact]
    public void Pass_InAFlood_LetsOneThroughInAWhileAndCountsTheRest()
    {
        var clock = new TestClock();
        var seldom = new Seldom(clock, TimeSpan.FromSeconds(5));
        Assert.True(seldom.Pass(out var first));
        for (var i = 0; i < 40; i++)
        {
            Assert.False(seldom.Pass(out _));
        }
        clock.Advance(TimeSpan.FromSeconds(5));
        Assert.True(seldom.Pass(out var second));
        clock.Advance(TimeSpan.FromSeconds(5));
        Assert.True(seldom.Pass(out var third));
        Assert.Equal((0L, 40L, 0L), (first, second, third));
    }
}
