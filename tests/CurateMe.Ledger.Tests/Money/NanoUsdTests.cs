using System.Globalization;
using System.Numerics;
using System.Text;
using CurateMe.Ledger.Money;
using Xunit;

namespace CurateMe.Ledger.Tests.Money;

public sealed class NanoUsdTests
{
    [Theory]
    [InlineData("0", 0)]
    [InlineData("-0", 0)]
    [InlineData("0.000", 0)]
    [InlineData("0e999999999999", 0)]
    [InlineData("24.5", 24_500_000_000)]
    [InlineData("24.50", 24_500_000_000)]
    [InlineData("1e-9", 1)]
    [InlineData("0.000000001", 1)]
    [InlineData("0.0000000010000000000000000000000000000", 1)]
    [InlineData("10e-10", 1)]
    [InlineData("1E+3", 1_000_000_000_000)]
    [InlineData("-0.000000001", -1)]
    [InlineData("0.1", 100_000_000)]
    [InlineData("9007199.254740993", 9_007_199_254_740_993)]
    [InlineData("9223372036.854775807", long.MaxValue)]
    [InlineData("-9223372036.854775808", long.MinValue)]
    [InlineData("922337203685477580700000e-14", long.MaxValue)]
    public void TryParse_WholeNanoDollars_Exact(string text, long nano)
    {
        Assert.True(NanoUsd.TryParse(Encoding.UTF8.GetBytes(text), out var amount, out var error), error.ToString());
        Assert.Equal(nano, amount.Value);
    }

    [Theory]
    [InlineData("", MoneyError.Empty)]
    [InlineData("NaN", MoneyError.NotFinite)]
    [InlineData("nan", MoneyError.NotFinite)]
    [InlineData("Infinity", MoneyError.NotFinite)]
    [InlineData("-Infinity", MoneyError.NotFinite)]
    [InlineData("inf", MoneyError.NotFinite)]
    [InlineData("∞", MoneyError.NotFinite)]
    [InlineData("1e308", MoneyError.OutOfRange)]
    [InlineData("-1e308", MoneyError.OutOfRange)]
    [InlineData("1e99999999999999999999", MoneyError.OutOfRange)]
    [InlineData("9223372036.854775808", MoneyError.OutOfRange)]
    [InlineData("-9223372036.854775809", MoneyError.OutOfRange)]
    [InlineData("100000000000000000000000000000000000000000000000", MoneyError.OutOfRange)]
    [InlineData("0.0000000001", MoneyError.TooFine)]
    [InlineData("1.5e-9", MoneyError.TooFine)]
    [InlineData("1e-400", MoneyError.TooFine)]
    [InlineData("1e-99999999999999999999", MoneyError.TooFine)]
    [InlineData("0.12345678901234567890123456789012345678901234567890", MoneyError.TooFine)]
    [InlineData("1,5", MoneyError.NotANumber)]
    [InlineData("$1", MoneyError.NotANumber)]
    [InlineData(" 1", MoneyError.NotANumber)]
    [InlineData("1 ", MoneyError.NotANumber)]
    [InlineData("+1", MoneyError.NotANumber)]
    [InlineData(".5", MoneyError.NotANumber)]
    [InlineData("5.", MoneyError.NotANumber)]
    [InlineData("05", MoneyError.NotANumber)]
    [InlineData("-", MoneyError.NotANumber)]
    [InlineData("1e", MoneyError.NotANumber)]
    [InlineData("1e+", MoneyError.NotANumber)]
    [InlineData("1e1.5", MoneyError.NotANumber)]
    [InlineData("0x10", MoneyError.NotANumber)]
    [InlineData("1_000", MoneyError.NotANumber)]
    [InlineData("١", MoneyError.NotANumber)]
    public void AC14_TryParse_NotAnAmount_RefusedWithAReason(string text, MoneyError expected)
    {
        Assert.False(NanoUsd.TryParse(Encoding.UTF8.GetBytes(text), out var amount, out var error));
        Assert.Equal(expected, error);
        Assert.Equal(NanoUsd.Zero, amount);
        var thrown = Assert.Throws<FormatException>(() => NanoUsd.Parse(text));
        Assert.Contains(expected.Message(), thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TryParse_TextLongerThanTheLimit_Refused()
    {
        var longest = "0." + new string('0', 126);
        Assert.True(NanoUsd.TryParse(longest, out _, out _));
        Assert.False(NanoUsd.TryParse(longest + "0", out _, out var error));
        Assert.Equal(MoneyError.TooLong, error);
    }

    [Theory]
    [InlineData(0, "0", "0.00")]
    [InlineData(24_500_000_000, "24.5", "24.50")]
    [InlineData(25_000_000_000, "25", "25.00")]
    [InlineData(123_000, "0.000123", "0.000123")]
    [InlineData(1, "0.000000001", "0.000000001")]
    [InlineData(-1_010_000_000, "-1.01", "-1.01")]
    [InlineData(long.MaxValue, "9223372036.854775807", "9223372036.854775807")]
    [InlineData(long.MinValue, "-9223372036.854775808", "-9223372036.854775808")]
    public void ToString_AnyAmount_PlainDecimal(long nano, string text, string display)
    {
        var amount = new NanoUsd(nano);
        Assert.Equal(text, amount.ToString());
        Assert.Equal(display, amount.ToDisplay());
        Assert.Equal(text, $"{amount}");
    }

    [Fact]
    public void ParseAndFormat_RandomAmounts_RoundTripAndMatchBigInteger()
    {
        const int seed = 20260806;
        var random = new Random(seed);
        for (var i = 0; i < 20_000; i++)
        {
            var nano = random.NextInt64(long.MinValue, long.MaxValue) >> random.Next(64);
            var amount = new NanoUsd(nano);
            var (whole, rest) = BigInteger.DivRem(BigInteger.Abs(nano), 1_000_000_000);
            var reference = (nano < 0 ? "-" : "") + whole.ToString(CultureInfo.InvariantCulture) + "." + rest.ToString("D9", CultureInfo.InvariantCulture);
            Assert.True(NanoUsd.TryParse(reference, out var parsed, out _) && parsed == amount, $"seed {seed}, round {i}: {reference}");
            Assert.True(NanoUsd.Parse(amount.ToString()) == amount, $"seed {seed}, round {i}: {amount}");
            Assert.True(NanoUsd.Parse(amount.ToDisplay()) == amount, $"seed {seed}, round {i}: {amount}");
            Assert.True(NanoUsd.Parse($"{nano}e-9") == amount, $"seed {seed}, round {i}: {amount}");
        }
    }

    [Fact]
    public void TryFormat_BufferTooSmallOrLargeEnough_SaysSo()
    {
        var amount = new NanoUsd(24_500_000_000);
        Span<byte> bytes = stackalloc byte[4];
        Span<char> chars = stackalloc char[4];
        Assert.True(amount.TryFormat(bytes, out var written));
        Assert.Equal("24.5"u8, bytes[..written]);
        Assert.True(amount.TryFormat(chars, out written));
        Assert.Equal("24.5", chars[..written]);
        Assert.False(amount.TryFormat(bytes[..3], out written));
        Assert.Equal(0, written);
        Assert.False(amount.TryFormat(chars[..3], out written));
        Assert.Equal(0, written);
    }

    [Fact]
    public void TryFormat_Called_DoesNotAllocate()
    {
        var amount = new NanoUsd(long.MinValue);
        Span<byte> bytes = stackalloc byte[NanoUsd.MaxTextLength];
        Span<char> chars = stackalloc char[NanoUsd.MaxTextLength];
        amount.TryFormat(bytes, out _);
        amount.TryFormat(chars, out _);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
        {
            amount.TryFormat(bytes, out _);
            amount.TryFormat(chars, out _);
            Assert.True(NanoUsd.TryParse("24.5"u8, out _, out _));
        }
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Fact]
    public void Arithmetic_LeavingTheRange_Throws()
    {
        var one = new NanoUsd(1);
        Assert.Equal(new NanoUsd(3), one + new NanoUsd(2));
        Assert.Equal(new NanoUsd(-1), one - new NanoUsd(2));
        Assert.Throws<OverflowException>(() => NanoUsd.MaxValue + one);
        Assert.Throws<OverflowException>(() => -NanoUsd.MaxValue - one - one);
        Assert.Throws<OverflowException>(() => -new NanoUsd(long.MinValue));
        Assert.Throws<OverflowException>(() => NanoUsd.FromDollars(9_223_372_037));
    }

    [Fact]
    public void Comparison_Amounts_OrderedByValue()
    {
        NanoUsd small = new(1), large = new(2), same = new(1);
        Assert.True(small < large && large > small && small <= same && small >= same && !(small < same) && !(large <= small));
        Assert.Equal([small, large], new[] { large, small }.Order());
        Assert.Equal(small, NanoUsd.Min(small, large));
        Assert.Equal(large, NanoUsd.Max(small, large));
    }
}
