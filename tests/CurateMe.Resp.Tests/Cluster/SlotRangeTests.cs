using System.Text;
using Xunit;

namespace CurateMe.Resp.Tests.Cluster;

public sealed class SlotRangeTests
{
    private static readonly RespAddress Asked = new("asked", 7000);

    [Theory]
    [InlineData("*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n$1\r\nh\r\n:7001\r\n$2\r\nid\r\n", "h")]
    [InlineData("*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$-1\r\n:7001\r\n", "asked")]
    [InlineData("*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$0\r\n\r\n:7001\r\n", "asked")]
    [InlineData("*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$1\r\n?\r\n:7001\r\n", "asked")]
    public void Parse_Answer_NamesTheMaster(string wire, string host) =>
        Assert.Equal([new SlotRange(0, 16383, new(host, 7001))], SlotRange.Parse(FrameBuilder.Build(Encoding.ASCII.GetBytes(wire)), Asked));

    [Theory]
    [InlineData("*0\r\n")]
    [InlineData("+OK\r\n")]
    [InlineData("*1\r\n:1\r\n")]
    [InlineData("*1\r\n*2\r\n:0\r\n:1\r\n")]
    [InlineData("*1\r\n*3\r\n:0\r\n:16384\r\n*2\r\n+h\r\n:1\r\n")]
    [InlineData("*1\r\n*3\r\n:5\r\n:4\r\n*2\r\n+h\r\n:1\r\n")]
    [InlineData("*1\r\n*3\r\n:-1\r\n:4\r\n*2\r\n+h\r\n:1\r\n")]
    [InlineData("*1\r\n*3\r\n:0\r\n:4\r\n*2\r\n+h\r\n:0\r\n")]
    [InlineData("*1\r\n*3\r\n:0\r\n:4\r\n*1\r\n+h\r\n")]
    public void Parse_Nonsense_ThrowsProtocol(string wire) =>
        Assert.Throws<RespProtocolException>(() => SlotRange.Parse(FrameBuilder.Build(Encoding.ASCII.GetBytes(wire)), Asked));
}
