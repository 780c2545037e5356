using CurateMe.Ledger.Pricing;
using Xunit;
using static CurateMe.Ledger.Tests.Pricing.Prices;

namespace CurateMe.Ledger.Tests.Pricing;

public sealed class UsageCountsTests
{
    [Fact]
    public void Indexer_EveryUnit_KeepsItsOwnCount()
    {
        var usage = default(UsageCounts);
        foreach (var unit in Enum.GetValues<BilledUnit>()) usage[unit] = (int)unit + 1;
        foreach (var unit in Enum.GetValues<BilledUnit>()) Assert.Equal((int)unit + 1, usage[unit]);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(long.MinValue)]
    [InlineData(UsageCounts.MaxCount + 1)]
    [InlineData(long.MaxValue)]
    public void AC14_Indexer_ImpossibleCount_RefusedWithTheUnit(long count)
    {
        var usage = default(UsageCounts);
        var thrown = Assert.Throws<ArgumentOutOfRangeException>(() => usage[BilledUnit.OutputToken] = count);
        Assert.Contains("output_tokens", thrown.Message, StringComparison.Ordinal);
        Assert.False(UsageCounts.IsValid(count));
        Assert.Equal(0, usage[BilledUnit.OutputToken]);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(UsageCounts.MaxCount)]
    public void Indexer_BoundsOfACount_Accepted(long count) => Assert.Equal(count, Usage((BilledUnit.Character, count))[BilledUnit.Character]);

    [Fact]
    public void Sums_TokensOfEveryKind_PromptAndCompletion()
    {
        var usage = default(UsageCounts);
        foreach (var unit in Enum.GetValues<BilledUnit>()) usage[unit] = 1L << (int)unit;
        Assert.Equal(0b0110_1100_1111, usage.PromptTokens);
        Assert.Equal(0b1001_0011_0000, usage.CompletionTokens);
    }

    [Fact]
    public void Equality_SameCounts_Equal()
    {
        var usage = Usage((BilledUnit.InputToken, 1), (BilledUnit.Image, 2));
        var copy = usage;
        Assert.True(usage == copy && usage.Equals((object)copy) && usage.GetHashCode() == copy.GetHashCode());
        copy[BilledUnit.Image] = 3;
        Assert.True(usage != copy);
        Assert.Equal(2, usage[BilledUnit.Image]);
        Assert.False(usage.IsZero);
        Assert.True(default(UsageCounts).IsZero);
    }

    [Fact]
    public void ToString_Counts_NamesThoseThatAreNotZero() =>
        Assert.Equal("7 input_tokens, 2 images", Usage((BilledUnit.Image, 2), (BilledUnit.InputToken, 7)).ToString());
}
