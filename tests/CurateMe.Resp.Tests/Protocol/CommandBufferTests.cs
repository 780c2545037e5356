using System.Text;
using Xunit;

namespace CurateMe.Resp.Tests.Protocol;

public sealed class CommandBufferTests
{
    [Fact]
    public void Write_EveryKindOfArgument_IsABulkString()
    {
        CommandBuffer buffer = default;
        buffer.Write("ключ");
        buffer.Write(new byte[] { 0, 255 });
        buffer.Write(new ReadOnlyMemory<byte>([1, 2, 3, 4], 1, 2));
        buffer.Write(long.MinValue);
        buffer.Write("");
        byte[] expected = [.. "$8\r\nключ\r\n$2\r\n"u8, 0, 255, .. "\r\n$2\r\n"u8, 2, 3, .. "\r\n$20\r\n-9223372036854775808\r\n$0\r\n\r\n"u8];
        Assert.Equal(expected, buffer.Written.ToArray());
    }

    [Fact]
    public void Write_TellsWhereTheTextIs()
    {
        CommandBuffer buffer = default;
        buffer.Write("x");
        var (start, length) = buffer.Write("key");
        Assert.Equal("key"u8.ToArray(), buffer.Slice(start, length).ToArray());
    }

    [Fact]
    public void Write_PastTheFirstArray_KeepsWhatWasWritten()
    {
        CommandBuffer buffer = default;
        StringBuilder expected = new();
        for (var i = 0; i < 500; i++)
        {
            var text = new string((char)('a' + i % 26), i);
            buffer.Write(text);
            expected.Append($"${i}\r\n{text}\r\n");
        }
        Assert.Equal(expected.ToString(), Encoding.ASCII.GetString(buffer.Written));
    }

    [Fact]
    public void FallBackToSource_KeepsKeysAndArguments()
    {
        var script = new RespScript("test", "return 1");
        CommandBuffer expected = default;
        expected.WriteHeader((byte)'*', 6);
        foreach (RespArg word in (RespArg[])["EVAL", "return 1", 2, "k1", "k2", "a"])
            expected.Write(word);
        var request = new RespRequest();
        using var client = new UnusedClient();
        request.Encode(client.Client, script, ["k1", "k2"], ["a"]);
        request.FallBackToSource();
        Assert.Equal(Encoding.ASCII.GetString(expected.Written), Encoding.ASCII.GetString(request.Command));
        Assert.Null(request.Script);
    }

    /// <summary>A client of a port where nobody listens.</summary>
    private sealed class UnusedClient : IDisposable
    {
        public RespClient Client { get; } = RespClient.Create(RespOptions.Parse("redis://127.0.0.1:1"));

        public void Dispose() => Client.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }
}
