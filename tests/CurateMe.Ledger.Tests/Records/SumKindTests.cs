using CurateMe.Ledger.Records;
using Xunit;

namespace CurateMe.Ledger.Tests.Records;

public sealed class SumKindTests
{
    [Fact]
    public void Numbers_AreStored_NeverChange() =>
        Assert.Equal([("Session", 0), ("Hour", 1), ("Tags", 2), ("Plain", 3)], Enum.GetValues<SumKind>().Select(kind => (kind.ToString(), (int)kind)));

    [Theory]
    [InlineData(SumKind.Plain)]
    [InlineData(SumKind.Plain, BreakdownDimension.Model, BreakdownDimension.Key, BreakdownDimension.Day)]
    [InlineData(SumKind.Session, BreakdownDimension.Session, BreakdownDimension.Model)]
    [InlineData(SumKind.Hour, BreakdownDimension.Hour, BreakdownDimension.Team)]
    [InlineData(SumKind.Tags, BreakdownDimension.Day, BreakdownDimension.Tag)]
    [InlineData(null, BreakdownDimension.Hour, BreakdownDimension.Key)]
    [InlineData(null, BreakdownDimension.Hour, BreakdownDimension.Tag)]
    [InlineData(null, BreakdownDimension.Tag, BreakdownDimension.Session)]
    internal void Of_Dimensions_IsTheKindThatHasThemAll(SumKind? kind, params BreakdownDimension[] by) => Assert.Equal(kind, SumKinds.Of(by));
}
