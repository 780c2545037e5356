using CurateMe.Resp.Tests.Connections;
using Xunit;

namespace CurateMe.Resp.Tests.Cluster;

/// <summary>Clusters that misbehave, played by scripted servers.</summary>
public sealed class RedirectionTests
{
    [Fact]
    public async Task MovedInACircle_EndsAfterMaxRedirections()
    {
        var asked = 0;
        await using var server = Node((words, own) =>
        {
            Interlocked.Increment(ref asked);
            return $"-MOVED {HashSlot.Of("k"u8)} {own}\r\n";
        });
        await using var client = await RespClient.ConnectAsync(server.Options with { Cluster = true, MaxRedirections = 5 });
        var error = await Assert.ThrowsAsync<RespServerException>(async () => await client.ExecuteAsync(["GET", "k"]));
        Assert.Equal("MOVED", error.Code);
        Assert.False(error.MayHaveRun);
        Assert.Equal(6, Volatile.Read(ref asked));
    }

    [Theory]
    [InlineData("-TRYAGAIN Multiple keys request during rehashing of slot")]
    [InlineData("-CLUSTERDOWN The cluster is down")]
    public async Task ErrorThatPasses_IsRetried(string error)
    {
        var asked = 0;
        await using var server = Node((words, own) => Interlocked.Increment(ref asked) <= 3 ? error + "\r\n" : "$1\r\nv\r\n");
        await using var client = await RespClient.ConnectAsync(server.Options with { Cluster = true });
        Assert.Equal("v", (await client.ExecuteAsync(["GET", "k"])).AsString());
        Assert.Equal(4, Volatile.Read(ref asked));
    }

    [Fact]
    public async Task ErrorThatStays_EndsAfterMaxRedirections()
    {
        await using var server = Node(static (words, own) => "-CLUSTERDOWN Hash slot not served\r\n");
        await using var client = await RespClient.ConnectAsync(server.Options with { Cluster = true, MaxRedirections = 3 });
        Assert.Equal("CLUSTERDOWN", (await Assert.ThrowsAsync<RespServerException>(async () => await client.ExecuteAsync(["GET", "k"]))).Code);
    }

    [Fact]
    public async Task MovedToNobody_IsNotSent()
    {
        await using var server = Node(static (words, own) => $"-MOVED {HashSlot.Of("k"u8)} 127.0.0.1:1\r\n");
        await using var client = await RespClient.ConnectAsync(server.Options with { Cluster = true, CommandTimeout = TimeSpan.FromMilliseconds(200) });
        await Assert.ThrowsAsync<RespNotSentException>(async () => await client.ExecuteAsync(["GET", "k"]));
    }

    [Theory]
    [InlineData("-MOVED")]
    [InlineData("-MOVED x 127.0.0.1:1")]
    [InlineData("-MOVED 16384 127.0.0.1:1")]
    [InlineData("-MOVED 1 nowhere")]
    [InlineData("-ASK 1 127.0.0.1:99999")]
    public async Task MalformedRedirection_IsTheCallersError(string error)
    {
        await using var server = Node((words, own) => error + "\r\n");
        await using var client = await RespClient.ConnectAsync(server.Options with { Cluster = true });
        await Assert.ThrowsAsync<RespServerException>(async () => await client.ExecuteAsync(["GET", "k"]));
    }

    [Fact]
    public async Task Asked_SendsAskingBeforeTheCommand()
    {
        List<string> heard = [];
        await using var target = ScriptedServer.Greeting(async (peer, _) =>
        {
            while (await peer.ReceiveAsync() is var words)
            {
                lock (heard)
                    heard.Add(string.Join(' ', words));
                await peer.SendAsync(words[0] == "ASKING" ? "+OK\r\n" : "$1\r\nv\r\n");
            }
        });
        await using var server = Node((words, own) => $"-ASK {HashSlot.Of("k"u8)} {target.Options.Addresses[0]}\r\n");
        await using var client = await RespClient.ConnectAsync(server.Options with { Cluster = true });
        Assert.Equal("v", (await client.ExecuteAsync(["GET", "k"])).AsString());
        Assert.Equal("v", (await client.ExecuteAsync(["GET", "k"])).AsString());
        Assert.Equal(["ASKING", "GET k", "ASKING", "GET k"], heard);
    }

    [Fact]
    public async Task NodeThatIsNoCluster_CannotBeConnectedTo()
    {
        await using var server = ScriptedServer.Greeting(static async (peer, _) =>
        {
            while (await peer.ReceiveAsync() is not null)
                await peer.SendAsync("-ERR This instance has cluster support disabled\r\n");
        });
        await Assert.ThrowsAsync<RespServerException>(() => RespClient.ConnectAsync(server.Options with { Cluster = true }));
    }

    /// <summary>A master of all slots that answers every other command as told.</summary>
    private static ScriptedServer Node(Func<string[], RespAddress, string> answer)
    {
        ScriptedServer? server = null;
        server = ScriptedServer.Greeting(async (peer, _) =>
        {
            while (await peer.ReceiveAsync() is var words)
            {
                var own = server!.Options.Addresses[0];
                await peer.SendAsync(words[0] == "CLUSTER" ? $"*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:{own.Port}\r\n" : answer(words, own));
            }
        });
        return server;
    }
}
