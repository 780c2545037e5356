using System.Collections.Concurrent;
using System.Text;
using CurateMe.Testing.Redis;
using Xunit;

namespace CurateMe.Resp.Tests.PubSub;

public sealed class SubscriptionTests : IAsyncLifetime
{
    private RedisServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        Assert.SkipUnless(RedisServer.IsInstalled, RedisServer.Missing);
        _server = await RedisServer.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
            await _server.DisposeAsync();
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Messages_Published_ArriveInOrder(int protocol)
    {
        // The heartbeat is short so that its answers come between the messages.
        await using var client = await RespClient.ConnectAsync(_server.Options with { Protocol = protocol, HeartbeatInterval = TimeSpan.FromMilliseconds(20) });
        var heard = new ConcurrentQueue<string>();
        using var subscription = await client.SubscribeAsync("c", m => heard.Enqueue(Encoding.UTF8.GetString(m.Span))).WaitAsync(Eventually.Limit);
        await Eventually.TrueAsync(async () => (await client.ExecuteAsync(["CLIENT", "LIST", "TYPE", "pubsub"])).AsString()!.Contains("cmd=ping", StringComparison.Ordinal), "a heartbeat");
        for (var i = 0; i < 100; i++)
            Assert.Equal(1, (await client.ExecuteAsync(["PUBLISH", "c", $"m{i}"])).AsInt64());
        await client.ExecuteAsync(["PUBLISH", "other", "x"]);
        await Eventually.TrueAsync(() => heard.Count >= 100, "all messages");
        Assert.Equal(Enumerable.Range(0, 100).Select(static i => $"m{i}"), heard);
    }

    [Fact]
    public async Task Subscription_AfterTheServerWasAway_IsRenewedAndSaysSo()
    {
        await using var client = await RespClient.ConnectAsync(_server.Options with { MaxReconnectDelay = TimeSpan.FromMilliseconds(200) });
        var active = 0;
        var heard = new ConcurrentQueue<string>();
        using var subscription = await client.SubscribeAsync("c", m => heard.Enqueue(Encoding.UTF8.GetString(m.Span)), () => Interlocked.Increment(ref active)).WaitAsync(Eventually.Limit);
        await Eventually.TrueAsync(() => Volatile.Read(ref active) == 1, "the first confirmation");
        await _server.KillAsync();
        await _server.StartAgainAsync();
        await Eventually.TrueAsync(() => Volatile.Read(ref active) == 2, "the second confirmation");
        await Eventually.AnswerAsync(client, "PUBLISH", "c", "again");
        await Eventually.TrueAsync(() => heard.Contains("again"), "the message");
    }

    [Fact]
    public async Task Subscription_MadeWhileTheServerIsAway_BecomesActive()
    {
        await _server.KillAsync();
        await using var client = RespClient.Create(_server.Options with { MaxReconnectDelay = TimeSpan.FromMilliseconds(200) });
        using var subscription = client.Subscribe("c", static _ => { });
        Assert.False(subscription.Active.IsCompleted);
        await _server.StartAgainAsync();
        await subscription.Active.WaitAsync(Eventually.Limit);
    }

    [Fact]
    public async Task Subscriptions_ToOneChannel_EndOneByOne()
    {
        await using var client = await _server.ConnectAsync();
        int first = 0, second = 0;
        var one = await client.SubscribeAsync("c", _ => Interlocked.Increment(ref first)).WaitAsync(Eventually.Limit);
        var two = await client.SubscribeAsync("c", _ => Interlocked.Increment(ref second)).WaitAsync(Eventually.Limit);
        await client.ExecuteAsync(["PUBLISH", "c", "1"]);
        await Eventually.TrueAsync(() => Volatile.Read(ref first) == 1 && Volatile.Read(ref second) == 1, "both");
        one.Dispose();
        await client.ExecuteAsync(["PUBLISH", "c", "2"]);
        await Eventually.TrueAsync(() => Volatile.Read(ref second) == 2, "the second");
        Assert.Equal(1, Volatile.Read(ref first));
        two.Dispose();
        await Eventually.TrueAsync(async () => (await client.ExecuteAsync(["PUBSUB", "NUMSUB", "c"]))[1].AsInt64() == 0, "no subscriber");
        using var three = await client.SubscribeAsync("c", static _ => { }).WaitAsync(Eventually.Limit);
        Assert.Equal(1, (await client.ExecuteAsync(["PUBSUB", "NUMSUB", "c"]))[1].AsInt64());
    }

    [Fact]
    public async Task Handler_ThatThrows_IsReportedAndTheNextMessageComes()
    {
        await using var client = await _server.ConnectAsync();
        var reported = 0;
        client.HandlerFailed += _ => Interlocked.Increment(ref reported);
        using var subscription = await client.SubscribeAsync("c", static _ => throw new InvalidOperationException("boom")).WaitAsync(Eventually.Limit);
        await client.ExecuteAsync(["PUBLISH", "c", "1"]);
        await client.ExecuteAsync(["PUBLISH", "c", "2"]);
        await Eventually.TrueAsync(() => Volatile.Read(ref reported) == 2, "two reports");
    }

    [Fact]
    public async Task Subscriptions_PastTheirMaximum_AreRefused()
    {
        await using var client = await RespClient.ConnectAsync(_server.Options with { MaxSubscriptions = 1 });
        using var one = client.Subscribe("a", static _ => { });
        using var same = client.Subscribe("a", static _ => { });
        Assert.Throws<RespNotSentException>(() => client.Subscribe("b", static _ => { }));
    }

    [Fact]
    public async Task ClosedClient_EndsWaitingSubscribers()
    {
        await _server.KillAsync();
        var client = RespClient.Create(_server.Options);
        var subscription = client.Subscribe("c", static _ => { });
        await client.DisposeAsync();
        await Assert.ThrowsAsync<RespNotSentException>(() => subscription.Active.WaitAsync(Eventually.Limit));
    }
}
