using System.Buffers;
using System.Text.Json;
using CurateMe.Ledger.Money;
using Xunit;

namespace CurateMe.Ledger.Tests.Money;

public sealed class NanoUsdJsonConverterTests
{
    sealed record Budget(NanoUsd DailyBudget, NanoUsd? MonthlyBudget);

    [Theory]
    [InlineData("0", 0)]
    [InlineData("0.85", 850_000_000)]
    [InlineData("24.500000000", 24_500_000_000)]
    [InlineData("2.5e1", 25_000_000_000)]
    [InlineData("9007199.254740993", 9_007_199_254_740_993)]
    [InlineData("9223372036.854775807", long.MaxValue)]
    [InlineData("-1.01", -1_010_000_000)]
    public void Read_Number_Exact(string json, long nano) => Assert.Equal(nano, JsonSerializer.Deserialize<NanoUsd>(json).Value);

    [Theory]
    [InlineData("1e308", "out of range")]
    [InlineData("9223372036.854775808", "out of range")]
    [InlineData("0.0000000001", "finer than a nano-dollar")]
    [InlineData("\"1.5\"", "without quotes")]
    [InlineData("\"NaN\"", "without quotes")]
    [InlineData("true", "not a number")]
    [InlineData("{}", "not a number")]
    [InlineData("[1]", "not a number")]
    public void AC14_Read_NotAnAmount_RefusedWithTheProblem(string json, string problem)
    {
        var thrown = Assert.Throws<JsonException>(() => JsonSerializer.Deserialize<Budget>($$"""{"DailyBudget":{{json}}}"""));
        Assert.Contains(problem, thrown.Message, StringComparison.Ordinal);
        Assert.Equal("$.DailyBudget", thrown.Path);
    }

    [Theory]
    [InlineData("NaN")]
    [InlineData("Infinity")]
    [InlineData("-Infinity")]
    public void AC14_Read_BareNonFinite_Refused(string json) => Assert.Throws<JsonException>(() => JsonSerializer.Deserialize<NanoUsd>(json));

    [Fact]
    public void Read_Null_IsNullOnlyWhereAllowed()
    {
        Assert.Null(JsonSerializer.Deserialize<Budget>("""{"DailyBudget":1,"MonthlyBudget":null}""")!.MonthlyBudget);
        Assert.Throws<JsonException>(() => JsonSerializer.Deserialize<Budget>("""{"DailyBudget":null}"""));
    }

    [Fact]
    public void Read_NumberSplitOverBuffers_Exact()
    {
        var first = new Segment("[12345"u8.ToArray(), null);
        var last = new Segment("67.123456789]"u8.ToArray(), first);
        var reader = new Utf8JsonReader(new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length));
        Assert.Equal(1_234_567_123_456_789, JsonSerializer.Deserialize<NanoUsd[]>(ref reader)![0].Value);
    }

    [Fact]
    public void Write_RandomAmounts_NumberThatReadsBackToTheSameInteger()
    {
        const int seed = 20260808;
        var random = new Random(seed);
        for (var round = 0; round < 5_000; round++)
        {
            var amount = new NanoUsd(random.NextInt64(long.MinValue, long.MaxValue) >> random.Next(64));
            var json = JsonSerializer.Serialize(new Budget(amount, null));
            Assert.True(JsonSerializer.Deserialize<Budget>(json)!.DailyBudget == amount, $"seed {seed}, round {round}: {json}");
            using var document = JsonDocument.Parse(json);
            var written = document.RootElement.GetProperty("DailyBudget");
            Assert.Equal(JsonValueKind.Number, written.ValueKind);
            Assert.Equal(amount.ToString(), written.GetRawText());
        }
    }

    sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        internal Segment(byte[] bytes, Segment? before)
        {
            Memory = bytes;
            if (before is null) return;
            before.Next = this;
            RunningIndex = before.RunningIndex + before.Memory.Length;
        }
    }
}
