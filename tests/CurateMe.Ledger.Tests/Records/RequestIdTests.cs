using CurateMe.Ledger.Records;
using Xunit;

namespace CurateMe.Ledger.Tests.Records;

public sealed class RequestIdTests
{
    static readonly DateTimeOffset At = new(2026, 8, 6, 12, 34, 56, 789, TimeSpan.Zero);

    [Fact]
    public void New_Ids_DifferAndSayWhenTheyWereMade()
    {
        var ids = Enumerable.Range(0, 1000).Select(_ => RequestId.New(At)).ToHashSet();

        Assert.Equal(1000, ids.Count);
        Assert.All(ids, id => Assert.Equal(At, id.Made));
    }

    [Fact]
    public void ToString_SortsLikeTime()
    {
        var texts = Enumerable.Range(0, 50).Select(i => RequestId.New(At.AddMilliseconds(i * 977)).ToString()).ToList();

        Assert.Equal(texts.Order(StringComparer.Ordinal), texts);
        Assert.All(texts, text => Assert.Matches("^gw_[0-9A-HJKMNP-TV-Z]{26}$", text));
    }

    [Fact]
    public void TryParse_WrittenForm_GivesTheId()
    {
        foreach (var id in (RequestId[])[RequestId.New(At), new(UInt128.MinValue), new(UInt128.MaxValue)])
        {
            Assert.True(RequestId.TryParse(id.ToString(), out var read));
            Assert.Equal(id, read);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("gw_")]
    [InlineData("gw_0123456789ABCDEFGHJKMNPQR")]
    [InlineData("gw_0123456789ABCDEFGHJKMNPQRSX")]
    [InlineData("xx_0123456789ABCDEFGHJKMNPQRS")]
    [InlineData("gw_0123456789ABCDEFGHJKMNPQRU")]
    [InlineData("gw_Z123456789ABCDEFGHJKMNPQRS")]
    [InlineData("gw_8ZZZZZZZZZZZZZZZZZZZZZZZZZ")]
    public void TryParse_AnythingElse_IsRefused(string text) => Assert.False(RequestId.TryParse(text, out _));
}
