using Xunit;

namespace CurateMe.Resp.Tests.Cluster;

public sealed class CommandKeysTests
{
    [Theory]
    [InlineData("GET k", 1)]
    [InlineData("hset k f v", 1)]
    [InlineData("PING", -1)]
    [InlineData("PUBLISH c m", -1)]
    [InlineData("script load x", -1)]
    [InlineData("EVAL s 1 k a", 3)]
    [InlineData("EVALSHA s 0 a", -1)]
    [InlineData("EVALSHA s", -1)]
    [InlineData("ZUNION 2 a b", 2)]
    [InlineData("OBJECT ENCODING k", 2)]
    [InlineData("XREAD COUNT 5 STREAMS s 0", 4)]
    [InlineData("XREADGROUP GROUP g c STREAMS s >", 5)]
    [InlineData("MGET a b", 1)]
    public void FirstKey_OfCommand_IsWhereTheServerLooks(string command, int expected) =>
        Assert.Equal(expected, CommandKeys.FirstKey(Array.ConvertAll(command.Split(' '), static word => (RespArg)word)));

    [Fact]
    public void FirstKey_CountAsInteger_IsUnderstood() => Assert.Equal(-1, CommandKeys.FirstKey(["EVAL", "return 1", 0, "a"]));
}
