using System.Numerics;
using CurateMe.Ledger.Money;
using Xunit;

namespace CurateMe.Ledger.Tests.Money;

public sealed class PicoUsdTests
{
    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 1)]
    [InlineData(999, 1)]
    [InlineData(1_000, 1)]
    [InlineData(1_001, 2)]
    [InlineData(-1, 0)]
    [InlineData(-999, 0)]
    [InlineData(-1_000, -1)]
    [InlineData(-1_001, -1)]
    public void CeilToNano_AnyAmount_RoundsUp(long pico, long nano) => Assert.Equal(nano, new PicoUsd(pico).CeilToNano().Value);

    [Fact]
    public void CeilToNano_LargestAmount_Fits()
    {
        var largest = (Int128)long.MaxValue * 1_000;
        Assert.Equal(NanoUsd.MaxValue, new PicoUsd(largest).CeilToNano());
        Assert.Equal(NanoUsd.MaxValue, new PicoUsd(largest - 999).CeilToNano());
    }

    [Fact]
    public void AC14_CeilToNano_AboveInt64_ThrowsWithAMessage()
    {
        var thrown = Assert.Throws<OverflowException>(() => new PicoUsd((Int128)long.MaxValue * 1_000 + 1).CeilToNano());
        Assert.Contains("above 9223372036.854775807 dollars", thrown.Message, StringComparison.Ordinal);
        Assert.Throws<OverflowException>(() => new PicoUsd(Int128.MaxValue).CeilToNano());
        Assert.Throws<OverflowException>(() => new PicoUsd(Int128.MinValue).CeilToNano());
    }

    [Fact]
    public void Add_BeyondInt128_Throws() => Assert.Throws<OverflowException>(() => new PicoUsd(Int128.MaxValue) + new PicoUsd(1));

    [Theory]
    [InlineData(-1, 1)]
    [InlineData(1, -1)]
    public void AC14_Of_Negative_Refused(long units, long picoPerUnit) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => PicoUsd.Of(units, picoPerUnit));

    [Fact]
    public void SumAndRounding_RandomBills_MatchBigInteger()
    {
        const int seed = 20260807;
        var random = new Random(seed);
        for (var round = 0; round < 5_000; round++)
        {
            var sum = PicoUsd.Zero;
            var reference = BigInteger.Zero;
            for (var line = random.Next(1, 30); line > 0; line--)
            {
                var units = random.NextInt64() >> random.Next(20, 63);
                var price = random.NextInt64() >> random.Next(20, 63);
                sum += PicoUsd.Of(units, price);
                reference += new BigInteger(units) * price;
            }
            Assert.True((BigInteger)sum.Value == reference, $"seed {seed}, round {round}: {sum} is not {reference}");

            var nano = BigInteger.DivRem(reference, 1_000, out var rest) + (rest.IsZero ? 0 : 1);
            if (nano > long.MaxValue) Assert.Throws<OverflowException>(() => sum.CeilToNano());
            else Assert.True(sum.CeilToNano().Value == (long)nano, $"seed {seed}, round {round}: {sum.CeilToNano()} is not {nano}");
        }
    }

    [Fact]
    public void Comparison_Amounts_OrderedByValue()
    {
        PicoUsd small = new(1), large = new(2), same = new(1);
        Assert.True(small < large && large > small && small <= same && small >= same && small.CompareTo(large) < 0);
    }
}
