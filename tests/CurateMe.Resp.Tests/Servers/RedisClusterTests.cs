using System.Text;
using CurateMe.Testing.Redis;
using Xunit;

namespace CurateMe.Resp.Tests.Servers;

/// <summary>The client against a real Redis Cluster of three masters.</summary>
public sealed class RedisClusterTests(RedisClusterTests.Fixture fixture) : IClassFixture<RedisClusterTests.Fixture>
{
    private RedisCluster Cluster => fixture.Cluster ?? throw new InvalidOperationException();

    [Fact]
    public async Task Keys_AllOver_AreFoundAgain()
    {
        await using var client = await Connect();
        Assert.Equal(3, client.Nodes.Count);
        Assert.True(client.IsConnected);
        for (var i = 0; i < 300; i++)
            await client.ExecuteAsync(["SET", $"all:{i}", i]);
        for (var i = 0; i < 300; i++)
            Assert.Equal(i, (await client.ExecuteAsync(["GET", $"all:{i}"])).AsInt64());
        foreach (var node in client.Nodes)
            Assert.True((await client.ExecuteAtAsync(node.Address, ["DBSIZE"])).AsInt64() > 0);
    }

    [Fact]
    public async Task Scripts_AreLoadedOnEveryNode()
    {
        await using var client = await Connect();
        var script = new RespScript("tagged", "redis.call('SET', KEYS[1], ARGV[1]) redis.call('SET', KEYS[2], ARGV[1]) return redis.call('GET', KEYS[2])");
        foreach (var node in client.Nodes)
            await client.ExecuteAtAsync(node.Address, ["SCRIPT", "FLUSH"]);
        for (var i = 0; i < 50; i++)
        {
            Assert.Equal(i, (await client.EvalAsync(script, [$"x:{{org{i}}}", $"y:{{org{i}}}"], [i])).AsInt64());
            Assert.Equal(-i, (await client.EvalAsync(script, new RespWords([$"x:{{org{i}}}", $"y:{{org{i}}}"]), [-i], more: null, inline: true)).AsInt64());
        }
        foreach (var node in client.Nodes)
            Assert.Equal(1, (await client.ExecuteAtAsync(node.Address, ["SCRIPT", "EXISTS", script.Sha]))[0].AsInt64());
    }

    [Fact]
    public async Task KeysOnDifferentSlots_AreTheServersError()
    {
        await using var client = await Connect();
        Assert.Equal("CROSSSLOT", (await Assert.ThrowsAsync<RespServerException>(async () => await client.ExecuteAsync(["MGET", "a", "b"]))).Code);
    }

    [Fact]
    public async Task OneNodeAsSeed_IsEnough()
    {
        Assert.SkipUnless(RedisServer.IsInstalled, RedisServer.Missing);
        await using var client = await RespClient.ConnectAsync(Cluster.Options with { Addresses = [new("127.0.0.1", 1), Cluster.Servers[1].Address] });
        Assert.Equal(3, client.Nodes.Count);
        Assert.Equal("PONG", (await client.ExecuteAsync(["PING"])).AsString());
    }

    [Fact]
    public async Task SlotThatMoves_IsFollowedWithoutLosingACommand()
    {
        await using var client = await RespClient.ConnectAsync((await Options()) with { TopologyRefreshInterval = TimeSpan.FromHours(1) });
        foreach (var node in client.Nodes)
            await client.ExecuteAtAsync(node.Address, ["FLUSHDB"]); // a slot that holds other keys does not move
        const string key = "{moving}";
        var slot = HashSlot.Of(Encoding.ASCII.GetBytes("moving"));
        await client.ExecuteAsync(["SET", key, 0]);
        var from = await OwnerAsync(client, slot);
        var to = client.Nodes.First(n => n.Address != from).Address;
        var (fromId, toId) = (await IdAsync(client, from), await IdAsync(client, to));

        await client.ExecuteAtAsync(to, ["CLUSTER", "SETSLOT", slot, "IMPORTING", fromId]);
        await client.ExecuteAtAsync(from, ["CLUSTER", "SETSLOT", slot, "MIGRATING", toId]);
        // A key that is not on the old master any more, or not yet on the new one: ASK.
        Assert.True((await client.ExecuteAsync(["GET", "{moving}:absent"])).IsNull);
        Assert.Equal(1, (await client.ExecuteAsync(["INCR", "{moving}:new"])).AsInt64());
        Assert.Equal(1, (await client.ExecuteAsync(["INCR", key])).AsInt64());
        await client.ExecuteAtAsync(from, ["MIGRATE", "127.0.0.1", to.Port, key, 0, 5000]);
        Assert.Equal(2, (await client.ExecuteAsync(["INCR", key])).AsInt64());
        foreach (var address in (RespAddress[])[to, from])
            await client.ExecuteAtAsync(address, ["CLUSTER", "SETSLOT", slot, "NODE", toId]);
        // The client still has the old map: MOVED.
        Assert.Equal(3, (await client.ExecuteAsync(["INCR", key])).AsInt64());
        Assert.Equal(2, (await client.ExecuteAsync(["INCR", "{moving}:new"])).AsInt64());
    }

    [Fact]
    public async Task KilledMaster_FailsItsSlotsOnlyAndIsFoundAgain()
    {
        await using var client = await RespClient.ConnectAsync((await Options()) with { MaxReconnectDelay = TimeSpan.FromMilliseconds(200), CommandTimeout = TimeSpan.FromSeconds(10) });
        var killed = Cluster.Servers[2];
        await killed.KillAsync();
        await Eventually.TrueAsync(() => !client.IsConnected, "the loss");
        var outcomes = new HashSet<string>();
        for (var i = 0; i < 40; i++)
            try
            {
                await client.ExecuteAsync(["SET", $"killed:{i}", i]);
                outcomes.Add("stored");
            }
            catch (RespException e)
            {
                Assert.False(e.MayHaveRun);
                outcomes.Add("refused");
            }
        Assert.Contains("refused", outcomes);
        await killed.StartAgainAsync();
        for (var i = 0; i < 40; i++)
            Assert.True((await Eventually.AnswerAsync(client, "SET", $"killed:{i}", i)).IsOk);
        Assert.True(client.IsConnected);
    }

    [Fact]
    public async Task Messages_ReachSubscribersOnAnyNode()
    {
        await using var client = await Connect();
        var heard = new TaskCompletionSource<string>();
        using var subscription = await client.SubscribeAsync("news", m => heard.TrySetResult(Encoding.UTF8.GetString(m.Span))).WaitAsync(Eventually.Limit);
        foreach (var node in client.Nodes)
            await client.ExecuteAtAsync(node.Address, ["PUBLISH", "news", "hello"]);
        Assert.Equal("hello", await heard.Task.WaitAsync(Eventually.Limit));
    }

    [Fact]
    public async Task SingleClient_OfAClusterNode_SeesMovedAsAnError()
    {
        Assert.SkipUnless(RedisServer.IsInstalled, RedisServer.Missing);
        await using var client = await Cluster.Servers[0].ConnectAsync();
        var codes = new HashSet<string>();
        for (var i = 0; i < 50; i++)
            try
            {
                await client.ExecuteAsync(["GET", $"k{i}"]);
            }
            catch (RespServerException e)
            {
                codes.Add(e.Code);
            }
        Assert.Equal(["MOVED"], codes);
    }

    private async Task<RespOptions> Options()
    {
        Assert.SkipUnless(RedisServer.IsInstalled, RedisServer.Missing);
        await Task.CompletedTask;
        return Cluster.Options;
    }

    private async Task<RespClient> Connect() => await RespClient.ConnectAsync(await Options());

    private static async Task<string> IdAsync(RespClient client, RespAddress address) => (await client.ExecuteAtAsync(address, ["CLUSTER", "MYID"])).AsString()!;

    private static async Task<RespAddress> OwnerAsync(RespClient client, int slot) =>
        SlotRange.Parse(await client.ExecuteAsync(["CLUSTER", "SLOTS"]), default).First(r => r.First <= slot && slot <= r.Last).Master;

    public sealed class Fixture : IAsyncLifetime
    {
        public RedisCluster? Cluster { get; private set; }

        public async ValueTask InitializeAsync()
        {
            if (RedisServer.IsInstalled)
                Cluster = await RedisCluster.StartAsync();
        }

        public async ValueTask DisposeAsync()
        {
            if (Cluster is not null)
                await Cluster.DisposeAsync();
        }
    }
}
