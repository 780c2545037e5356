using System.Net;
using System.Net.Sockets;
using CurateMe.Testing.Redis;
using Xunit;

namespace CurateMe.Resp.Tests.Servers;

public sealed class RedisFailoverTests
{
    [Fact]
    public async Task MasterThatDies_IsReplacedByItsReplicaWithoutANewClient()
    {
        Assert.SkipUnless(RedisServer.IsInstalled, RedisServer.Missing);
        await using var cluster = await RedisCluster.StartAsync(masters: 3, replicas: 1);
        await using var client = await RespClient.ConnectAsync(cluster.Options with { MaxReconnectDelay = TimeSpan.FromMilliseconds(500) });
        var renewed = 0;
        using var subscription = await client.SubscribeAsync("c", static _ => { }, () => Interlocked.Increment(ref renewed)).WaitAsync(Eventually.Limit);
        var (dying, heir) = (cluster.Servers[0], cluster.Servers[3]);
        for (var i = 0; i < 60; i++)
            await client.ExecuteAsync(["SET", $"k{i}", i]);
        await client.ExecuteAtAsync(dying.Address, ["WAIT", 1, 10_000]);

        await dying.KillAsync();
        for (var i = 0; i < 60; i++)
            Assert.Equal(i, (await Eventually.AnswerAsync(client, "GET", $"k{i}")).AsInt64());
        Assert.Contains(client.Nodes, n => n.Address == heir.Address);
        await Eventually.TrueAsync(() => client.IsConnected && client.Nodes.All(n => n.Address != dying.Address), "a map without the dead master");

        await Eventually.AnswerAsync(client, "PUBLISH", "c", "x");
        await Eventually.TrueAsync(() => Volatile.Read(ref renewed) >= 1 && subscription.Active.IsCompletedSuccessfully, "the subscription");
    }

    [Theory]
    [InlineData("SET", "k", "2")]
    [InlineData("EVAL", "return redis.call('SET', KEYS[1], 2)", "1", "k")]
    public async Task PrimaryThatBecomesAReplica_IsLeftForWhoeverHasItsAddressNow(params string[] write)
    {
        Assert.SkipUnless(RedisServer.IsInstalled, RedisServer.Missing);
        await using var former = await RedisServer.StartAsync();
        await using var heir = await RedisServer.StartAsync();
        await using var address = new MovingAddress(former.Port);
        await using var client = await RespClient.ConnectAsync(new RespOptions { Addresses = [address.Address], MaxReconnectDelay = TimeSpan.FromMilliseconds(100) });
        Assert.True((await client.ExecuteAsync(["SET", "k", 1])).IsOk);

        await using var direct = await former.ConnectAsync();
        address.MoveTo(heir.Port);
        await direct.ExecuteAsync(["REPLICAOF", "127.0.0.1", heir.Port]);

        Assert.True((await Eventually.AnswerAsync(client, [.. write.Select(static word => (RespArg)word)])).IsOk);
        await using var there = await heir.ConnectAsync();
        Assert.Equal(2, (await there.ExecuteAsync(["GET", "k"])).AsInt64());
    }

    /// <summary>One address for whichever server is the primary, as a name or a balancer gives; connections stay where they were made.</summary>
    private sealed class MovingAddress : IAsyncDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly Task _accepting;
        private volatile int _port;

        public MovingAddress(int port)
        {
            _port = port;
            _listener.Start();
            _accepting = AcceptAsync();
        }

        public RespAddress Address => new("127.0.0.1", ((IPEndPoint)_listener.LocalEndpoint).Port);

        public void MoveTo(int port) => _port = port;

        public async ValueTask DisposeAsync()
        {
            _listener.Stop();
            await _accepting;
        }

        private async Task AcceptAsync()
        {
            try
            {
                while (true)
                    _ = RelayAsync(await _listener.AcceptTcpClientAsync());
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException or InvalidOperationException)
            {
                return; // stopped
            }
        }

        private async Task RelayAsync(TcpClient client)
        {
            using var server = new TcpClient();
            using (client)
                try
                {
                    await server.ConnectAsync(IPAddress.Loopback, _port);
                    await Task.WhenAny(client.GetStream().CopyToAsync(server.GetStream()), server.GetStream().CopyToAsync(client.GetStream()));
                }
                catch (SocketException)
                {
                    return; // nobody is there
                }
        }
    }
}
