using CurateMe.Resp.Tests.Connections;
using Xunit;

namespace CurateMe.Resp.Tests.PubSub;

public sealed class SubscriptionFaultTests
{
    [Fact]
    public async Task Connection_LostBeforeTheConfirmation_IsReplacedAndAsksAgain()
    {
        var asked = 0;
        await using var server = Subscribed(async (peer, channel) =>
        {
            if (Interlocked.Increment(ref asked) > 2)
                await peer.SendAsync($">3\r\n$9\r\nsubscribe\r\n${channel.Length}\r\n{channel}\r\n:1\r\n>3\r\n$7\r\nmessage\r\n${channel.Length}\r\n{channel}\r\n$1\r\nx\r\n");
            else
                peer.Dispose();
        });
        await using var client = await RespClient.ConnectAsync(server.Options);
        var heard = new TaskCompletionSource();
        using var subscription = await client.SubscribeAsync("c", _ => heard.TrySetResult()).WaitAsync(Eventually.Limit);
        await heard.Task.WaitAsync(Eventually.Limit);
        Assert.Equal(3, Volatile.Read(ref asked));
        using var another = await client.SubscribeAsync("d", static _ => { }).WaitAsync(Eventually.Limit);
        Assert.Equal(4, Volatile.Read(ref asked));
    }

    [Fact]
    public async Task Confirmation_OfWhatWasNotAsked_EndsTheConnection()
    {
        var asked = 0;
        await using var server = Subscribed(async (peer, channel) =>
            await peer.SendAsync($">3\r\n$9\r\nsubscribe\r\n$1\r\n{(Interlocked.Increment(ref asked) == 1 ? "z" : channel)}\r\n:1\r\n"));
        await using var client = await RespClient.ConnectAsync(server.Options);
        RespException? reason = null;
        client.ConnectionChanged += change => reason ??= change.IsSubscriber ? change.Reason : null;
        using var subscription = await client.SubscribeAsync("c", static _ => { }).WaitAsync(Eventually.Limit);
        Assert.IsType<RespProtocolException>(reason);
    }

    /// <summary>Plays every SUBSCRIBE as told, and hears everything else out.</summary>
    private static ScriptedServer Subscribed(Func<ScriptedPeer, string, Task> play) => ScriptedServer.Greeting(async (peer, _) =>
    {
        while (await peer.ReceiveAsync() is var words)
            if (words[0] == "SUBSCRIBE")
                await play(peer, words[1]);
    });
}
