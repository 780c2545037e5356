using Xunit;

namespace CurateMe.Resp.Tests.Protocol;

public sealed class RespReplyTests
{
    [Fact]
    public void AsInt64_OfDecimalText_IsExactPast53Bits() => Assert.Equal(9_007_199_254_740_993, Text("9007199254740993").AsInt64());

    [Theory]
    [InlineData("")]
    [InlineData("1.0")]
    [InlineData("1 ")]
    [InlineData("9223372036854775808")]
    [InlineData("12a")]
    public void AsInt64_OfOtherText_ThrowsProtocol(string text) => Assert.Throws<RespProtocolException>(() => Text(text).AsInt64());

    [Fact]
    public void Accessor_OfAnErrorElement_ThrowsTheServersError()
    {
        var error = FrameBuilder.Build("-WRONGTYPE no\r\n"u8);
        Assert.True(error.IsError);
        Assert.Equal("WRONGTYPE", Assert.Throws<RespServerException>(() => error.AsInt64()).Code);
        Assert.Throws<RespServerException>(() => error.AsString());
        Assert.Throws<RespServerException>(() => error.Count);
    }

    [Fact]
    public void ServerError_QuotingArguments_IsCutBeforeThem() =>
        Assert.Equal("ERR unknown command `HELLO`", FrameBuilder.Build("-ERR unknown command `HELLO`, with args beginning with: `3` `AUTH` `u` `hunter2`\r\n"u8).ToException().Message);

    [Fact]
    public void Accessor_OfAnotherKind_ThrowsProtocol()
    {
        Assert.Throws<RespProtocolException>(() => FrameBuilder.Build("*0\r\n"u8).AsInt64());
        Assert.Throws<RespProtocolException>(() => FrameBuilder.Build(":1\r\n"u8).AsArray().Length);
        Assert.Throws<RespProtocolException>(() => FrameBuilder.Build(":2\r\n"u8).AsBoolean());
    }

    [Fact]
    public void Null_ReadsAsNothing()
    {
        RespReply reply = default;
        Assert.True(reply.IsNull);
        Assert.Null(reply.AsString());
        Assert.Equal(0, reply.Count);
        Assert.Equal(0, reply.AsArray().Length);
        Assert.Throws<RespProtocolException>(() => default(RespReply).AsInt64());
    }

    [Fact]
    public void Failure_SaysWhetherTheCommandMayHaveRun()
    {
        Assert.False(new RespNotSentException("x").MayHaveRun);
        Assert.True(new RespOutcomeUnknownException("x").MayHaveRun);
        Assert.True(new RespServerException("ERR x").MayHaveRun);
        Assert.False(new RespServerException("LOADING Redis is loading the dataset in memory").MayHaveRun);
        Assert.True(new RespProtocolException("x").MayHaveRun);
    }

    [Fact]
    public void ToString_ShowsNothingOfTheContents() => Assert.DoesNotContain("secret", Text("secret").ToString(), StringComparison.Ordinal);

    private static RespReply Text(string text)
    {
        CommandBuffer buffer = default;
        buffer.Write(text);
        return FrameBuilder.Build(buffer.Written);
    }
}
