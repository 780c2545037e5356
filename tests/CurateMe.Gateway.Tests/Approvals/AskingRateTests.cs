using CurateMe.Gateway.Approvals;
using CurateMe.Testing;
using Xunit;

namespace CurateMe.Gateway.Tests.Approvals;

public sealed class AskingRateTests
{
    [Fact]
    public void Take_BeyondTheHoursNumber_WaitsForTheNextOne_EachKeyByItself()
    {
        var clock = new TestClock();
        var rate = new AskingRate(clock);
        Assert.All(Enumerable.Range(0, AskingRate.PerHour), _ => Assert.Equal(TimeSpan.Zero, rate.Take("a")));
        Assert.Equal(TimeSpan.FromSeconds(12), rate.Take("a"));
        Assert.Equal(TimeSpan.Zero, rate.Take("b"));
        clock.Advance(TimeSpan.FromSeconds(12));
        Assert.Equal(TimeSpan.Zero, rate.Take("a"));
        Assert.Equal(TimeSpan.FromSeconds(12), rate.Take("a"));
        clock.Advance(TimeSpan.FromHours(5));
        Assert.Equal(AskingRate.PerHour, Enumerable.Range(0, AskingRate.PerHour * 2).Count(_ => rate.Take("a") == TimeSpan.Zero));
    }
}
