using CurateMe.Ledger.Records;
using Xunit;

namespace CurateMe.Ledger.Tests.Records;

public sealed class SumKindTests
{
    [Fact]
    public void Numbers_AreStored_NeverChange() => Assert.Equal(
        [("Session", 0), ("Hour", 1), ("Tags", 2), ("Plain", 3), ("Model", 4), ("Key", 5), ("Runner", 6), ("HourModel", 7), ("HourTeam", 8), ("TagsAlone", 9), ("SessionAlone", 10), ("HourKey", 11)],
        Enum.GetValues<SumKind>().Select(kind => (kind.ToString(), (int)kind)));

    [Theory]
    [InlineData(SumKind.Model)]
    [InlineData(SumKind.Model, BreakdownDimension.Day, BreakdownDimension.Model)]
    [InlineData(SumKind.Key, BreakdownDimension.Team)]
    [InlineData(SumKind.Plain, BreakdownDimension.Model, BreakdownDimension.Key, BreakdownDimension.Day)]
    [InlineData(SumKind.Session, BreakdownDimension.Session, BreakdownDimension.Model)]
    [InlineData(SumKind.SessionAlone, BreakdownDimension.Session)]
    [InlineData(SumKind.SessionAlone, BreakdownDimension.Day, BreakdownDimension.Runner, BreakdownDimension.Session)]
    [InlineData(SumKind.HourTeam, BreakdownDimension.Hour, BreakdownDimension.Team)]
    [InlineData(SumKind.Hour, BreakdownDimension.Hour, BreakdownDimension.Team, BreakdownDimension.Model)]
    [InlineData(SumKind.TagsAlone, BreakdownDimension.Day, BreakdownDimension.Tag)]
    [InlineData(SumKind.Tags, BreakdownDimension.Tag, BreakdownDimension.Provider)]
    [InlineData(SumKind.HourKey, BreakdownDimension.Hour, BreakdownDimension.Key)]
    [InlineData(null, BreakdownDimension.Hour, BreakdownDimension.Key, BreakdownDimension.Model)]
    [InlineData(null, BreakdownDimension.Hour, BreakdownDimension.Tag)]
    [InlineData(null, BreakdownDimension.Tag, BreakdownDimension.Session)]
    internal void Of_Dimensions_IsTheCheapestKindThatHasThemAll(SumKind? kind, params BreakdownDimension[] by) => Assert.Equal(kind, SumKinds.Of(by, Enum.GetValues<SumKind>()));

    [Fact]
    public void Of_KindsThatAreNotKept_FallsBackToFinerOnes() => Assert.Equal(SumKind.Plain, SumKinds.Of([BreakdownDimension.Model], [SumKind.Session, SumKind.Plain]));
}
