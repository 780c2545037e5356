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
}
