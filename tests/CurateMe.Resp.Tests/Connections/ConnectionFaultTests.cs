using Xunit;

namespace CurateMe.Resp.Tests.Connections;

public sealed class ConnectionFaultTests
{
    [Fact]
    public async Task Reply_CutShortByClose_IsOutcomeUnknown()
    {
        await using var server = ScriptedServer.Greeting(static async (peer, _) =>
        {
            await peer.ReceiveAsync();
            await peer.SendAsync("$10\r\nhal");
        });
        await using var client = await RespClient.ConnectAsync(server.Options);
        var error = await Assert.ThrowsAsync<RespOutcomeUnknownException>(async () => await client.ExecuteAsync(["INCR", "k"]));
        Assert.True(error.MayHaveRun);
    }

    [Fact]
    public async Task Reply_CutShortByReset_IsOutcomeUnknown()
    {
        await using var server = ScriptedServer.Greeting(static async (peer, _) =>
        {
            await peer.ReceiveAsync();
            await peer.SendAsync(":");
            peer.Reset();
        });
        await using var client = await RespClient.ConnectAsync(server.Options);
        await Assert.ThrowsAsync<RespOutcomeUnknownException>(async () => await client.ExecuteAsync(["INCR", "k"]));
    }

    [Fact]
    public async Task Reply_ThatNeverComes_IsOutcomeUnknownAndDoesNotShiftTheOthers()
    {
        var release = new TaskCompletionSource();
        await using var server = ScriptedServer.Greeting(async (peer, _) =>
        {
            await peer.ReceiveAsync();
            await release.Task;
            await peer.SendAsync("+late\r\n");
            while (await peer.ReceiveAsync() is var words)
                await peer.SendAsync($"+{words[1]}\r\n");
        });
        await using var client = await RespClient.ConnectAsync(server.Options with { CommandTimeout = TimeSpan.FromMilliseconds(100) });
        await Assert.ThrowsAsync<RespOutcomeUnknownException>(async () => await client.ExecuteAsync(["ECHO", "first"]));
        release.SetResult();
        // The late reply belongs to the command that was given up, not to the next one.
        Assert.Equal("second", (await Eventually.AnswerAsync(client, "ECHO", "second")).AsString());
        Assert.Equal("third", (await Eventually.AnswerAsync(client, "ECHO", "third")).AsString());
        Assert.Equal(1, server.Connections);
    }

    [Fact]
    public async Task Server_ThatStalls_IsGivenUpAndDialledAgain()
    {
        await using var server = ScriptedServer.Greeting(static async (peer, number) =>
        {
            if (number == 0)
                await peer.HearOutAsync();
            while (await peer.ReceiveAsync() is not null)
                await peer.SendAsync("+PONG\r\n");
        });
        await using var client = await RespClient.ConnectAsync(server.Options with { CommandTimeout = TimeSpan.FromMilliseconds(50), StallTimeout = TimeSpan.FromMilliseconds(200) });
        await Assert.ThrowsAsync<RespOutcomeUnknownException>(async () => await client.ExecuteAsync(["PING"]));
        Assert.Equal("PONG", (await Eventually.AnswerAsync(client, "PING")).AsString());
        Assert.True(server.Connections >= 2);
    }

    [Fact]
    public async Task Server_ThatStaysAReplica_IsNotDialledForEachWrite()
    {
        await using var server = ScriptedServer.Greeting(static async (peer, _) =>
        {
            while (await peer.ReceiveAsync() is not null)
                await peer.SendAsync("-READONLY You can't write against a read only replica.\r\n");
        });
        await using var client = await RespClient.ConnectAsync(server.Options with { MaxReconnectDelay = TimeSpan.FromHours(1) });
        for (var i = 0; i < 50; i++)
            Assert.Equal("READONLY", (await Assert.ThrowsAsync<RespServerException>(async () => await client.ExecuteAsync(["INCR", "k"]))).Code);
        Assert.Equal(1, server.Connections);
    }

    [Fact]
    public async Task Server_ThatSaysWithinAScriptsErrorThatItIsAReplica_IsLeft()
    {
        await using var server = ScriptedServer.Greeting(static async (peer, number) =>
        {
            while (await peer.ReceiveAsync() is not null)
                await peer.SendAsync(number == 0 ? "-ERR Error running script (call to f_1): @user_script:1: -READONLY You can't write against a read only replica.\r\n" : "+OK\r\n");
        });
        await using var client = await RespClient.ConnectAsync(server.Options with { MaxReconnectDelay = TimeSpan.FromMilliseconds(20) });
        Assert.True((await Eventually.AnswerAsync(client, "EVALSHA", "1", 1, "k")).IsOk);
    }

    [Fact]
    public async Task IdleConnection_ToASilentServer_IsFoundDeadByItsHeartbeat()
    {
        await using var server = ScriptedServer.Greeting(static (peer, _) => peer.HearOutAsync());
        await using var client = await RespClient.ConnectAsync(server.Options with
        {
            HeartbeatInterval = TimeSpan.FromMilliseconds(50),
            CommandTimeout = TimeSpan.FromMilliseconds(50),
            StallTimeout = TimeSpan.FromMilliseconds(150),
        });
        await Eventually.TrueAsync(() => server.Connections >= 2, "a second connection");
    }

    [Theory]
    [InlineData("hello\r\n")]
    [InlineData("HTTP/1.1 400 Bad Request\r\n")]
    [InlineData("$5\r\nabcdefgh\r\n")]
    [InlineData("*1000000000\r\n")]
    [InlineData("$2147483647\r\n")]
    [InlineData("\0\0\0\0")]
    public async Task Reply_Garbage_IsAProtocolErrorAndEndsTheConnection(string garbage)
    {
        await using var server = ScriptedServer.Greeting(async (peer, number) =>
        {
            await peer.ReceiveAsync();
            await peer.SendAsync(number == 0 ? garbage : "+PONG\r\n");
            await peer.HearOutAsync();
        });
        await using var client = await RespClient.ConnectAsync(server.Options);
        await Assert.ThrowsAsync<RespProtocolException>(async () => await client.ExecuteAsync(["PING"]));
        Assert.Equal("PONG", (await Eventually.AnswerAsync(client, "PING")).AsString());
    }

    [Fact]
    public async Task Reply_Garbage_LeavesTheCommandsBehindItUnknown()
    {
        await using var server = ScriptedServer.Greeting(static async (peer, _) =>
        {
            await peer.ReceiveAsync();
            await peer.ReceiveAsync();
            await peer.SendAsync("?");
        });
        await using var client = await RespClient.ConnectAsync(server.Options);
        var first = client.ExecuteAsync(["PING"]).AsTask();
        var second = client.ExecuteAsync(["PING"]).AsTask();
        await Assert.ThrowsAsync<RespProtocolException>(() => first);
        await Assert.ThrowsAsync<RespOutcomeUnknownException>(() => second);
    }

    [Fact]
    public async Task Reply_NobodyAskedFor_EndsTheConnection()
    {
        await using var server = ScriptedServer.Greeting(static async (peer, number) =>
        {
            if (number == 0)
                await peer.SendAsync("+surprise\r\n");
            await peer.HearOutAsync();
        });
        RespException? reason = null;
        await using var client = RespClient.Create(server.Options);
        client.ConnectionChanged += change => reason ??= change.Reason;
        await Eventually.TrueAsync(() => server.Connections >= 2, "a second connection");
        Assert.IsType<RespProtocolException>(reason);
    }

    [Fact]
    public async Task Push_BetweenReplies_IsNotTakenForOne()
    {
        await using var server = ScriptedServer.Greeting(static async (peer, _) =>
        {
            await peer.ReceiveAsync();
            await peer.SendAsync(">2\r\n+invalidate\r\n*1\r\n+k\r\n|1\r\n+ttl\r\n:1\r\n+PONG\r\n");
            await peer.HearOutAsync();
        });
        await using var client = await RespClient.ConnectAsync(server.Options);
        Assert.Equal("PONG", (await client.ExecuteAsync(["PING"])).AsString());
    }

    [Fact]
    public async Task Reply_InPieces_IsAwaitedWhole()
    {
        await using var server = ScriptedServer.Greeting(static async (peer, _) =>
        {
            await peer.ReceiveAsync();
            foreach (var letter in "*2\r\n$3\r\nabc\r\n:12\r\n")
            {
                await peer.SendAsync($"{letter}");
                await Task.Yield();
            }
            await peer.HearOutAsync();
        });
        await using var client = await RespClient.ConnectAsync(server.Options);
        var reply = await client.ExecuteAsync(["X"]);
        Assert.Equal("abc", reply[0].AsString());
        Assert.Equal(12, reply[1].AsInt64());
    }

    [Fact]
    public async Task Command_PastMaxPendingCommands_IsNotSent()
    {
        await using var server = ScriptedServer.Greeting(static (peer, _) => peer.HearOutAsync());
        await using var client = await RespClient.ConnectAsync(server.Options with { MaxPendingCommands = 3 });
        var pending = Enumerable.Range(0, 3).Select(_ => client.ExecuteAsync(["PING"]).AsTask()).ToArray();
        var error = await Assert.ThrowsAsync<RespNotSentException>(async () => await client.ExecuteAsync(["PING"]));
        Assert.Contains("MaxPendingCommands = 3", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(pending, static task => task.IsCompleted);
        await client.DisposeAsync();
        foreach (var task in pending)
            await Assert.ThrowsAnyAsync<RespException>(() => task);
    }

    [Fact]
    public async Task Command_PastMaxPendingBytes_IsNotSent()
    {
        await using var server = ScriptedServer.Greeting(static (peer, _) => peer.HearOutAsync());
        await using var client = await RespClient.ConnectAsync(server.Options with { MaxPendingBytes = 2000 });
        await Assert.ThrowsAsync<RespNotSentException>(async () => await client.ExecuteAsync(["SET", "k", new byte[3000]]));
    }

    [Fact]
    public async Task Command_StillInTheBufferWhenTheConnectionIsLost_IsNotSent()
    {
        var lose = new TaskCompletionSource();
        await using var server = ScriptedServer.Greeting(async (peer, _) =>
        {
            await lose.Task; // reads nothing: the socket's buffers fill up
            peer.Reset();
        });
        await using var client = await RespClient.ConnectAsync(server.Options);
        var big = client.ExecuteAsync(["SET", "k", new byte[40 << 20]]).AsTask();
        var behind = client.ExecuteAsync(["INCR", "k"]).AsTask();
        lose.SetResult();
        await Assert.ThrowsAnyAsync<RespException>(() => big);
        var error = await Assert.ThrowsAsync<RespNotSentException>(() => behind);
        Assert.False(error.MayHaveRun);
    }

    [Fact]
    public async Task Caller_ThatCancels_StopsWaitingAndOthersAreAnswered()
    {
        var release = new TaskCompletionSource();
        await using var server = ScriptedServer.Greeting(async (peer, _) =>
        {
            await peer.ReceiveAsync();
            await peer.ReceiveAsync();
            await release.Task;
            await peer.SendAsync("+first\r\n+second\r\n");
            await peer.HearOutAsync();
        });
        await using var client = await RespClient.ConnectAsync(server.Options);
        using var cancel = new CancellationTokenSource();
        var first = client.ExecuteAsync(["A"], cancel.Token).AsTask();
        var second = client.ExecuteAsync(["B"]).AsTask();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        release.SetResult();
        Assert.Equal("second", (await second).AsString());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await client.ExecuteAsync(["C"], cancel.Token));
    }

    [Fact]
    public async Task Connect_NobodyListens_SaysSo()
    {
        RespOptions options;
        await using (var server = ScriptedServer.Greeting(static (peer, _) => peer.HearOutAsync()))
            options = server.Options;
        await Assert.ThrowsAsync<RespNotSentException>(() => RespClient.ConnectAsync(options));
    }

    [Fact]
    public async Task Connect_ServerNeverGreets_EndsAtTheTimeout()
    {
        await using var server = new ScriptedServer(static (peer, _) => peer.HearOutAsync());
        var error = await Assert.ThrowsAsync<RespNotSentException>(() => RespClient.ConnectAsync(server.Options with { ConnectTimeout = TimeSpan.FromMilliseconds(100) }));
        Assert.Contains("0.1 s", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Connect_ServerWithoutHello_SpeaksResp2()
    {
        List<string> heard = [];
        await using var server = new ScriptedServer(async (peer, _) =>
        {
            while (await peer.ReceiveAsync() is var words)
            {
                lock (heard)
                    heard.Add(string.Join(' ', words));
                await peer.SendAsync(words[0] == "HELLO" ? "-ERR unknown command `HELLO`, with args beginning with: `3`\r\n" : "+OK\r\n");
            }
        });
        await using var client = await RespClient.ConnectAsync(server.Options with { Password = "pw", ClientName = "me", Database = 2 });
        await client.ExecuteAsync(["GET", "k"]);
        Assert.Equal(["HELLO 3 AUTH default pw SETNAME me", "AUTH pw", "CLIENT SETNAME me", "PING", "SELECT 2", "GET k"], heard);
    }

    [Fact]
    public async Task Client_BeforeItsServer_ConnectsWhenItComes()
    {
        await using var server = new ScriptedServer(static async (peer, number) =>
        {
            if (number < 3)
                return;
            await peer.GreetAsync();
            while (await peer.ReceiveAsync() is not null)
                await peer.SendAsync("+PONG\r\n");
        });
        List<RespConnectionState> states = [];
        await using var client = RespClient.Create(server.Options);
        client.ConnectionChanged += change =>
        {
            lock (states)
                states.Add(change.State);
        };
        Assert.False(client.IsConnected);
        await Assert.ThrowsAsync<RespNotSentException>(async () => await client.ExecuteAsync(["PING"]));
        await client.WaitForConnectionAsync().WaitAsync(Eventually.Limit);
        Assert.True(client.IsConnected);
        Assert.Equal("PONG", (await client.ExecuteAsync(["PING"])).AsString());
        Assert.True(client.LastLatency > TimeSpan.Zero);
        await Eventually.TrueAsync(() => { lock (states) return states.Contains(RespConnectionState.Connected); }, "the event of the connection");
    }

    [Fact]
    public async Task EventHandler_ThatThrows_IsReportedAndDoesNoHarm()
    {
        await using var server = ScriptedServer.Greeting(static async (peer, number) =>
        {
            while (number > 0 && await peer.ReceiveAsync() is not null)
                await peer.SendAsync("+PONG\r\n");
        });
        Exception? reported = null;
        await using var client = RespClient.Create(server.Options);
        client.HandlerFailed += e => reported = e;
        client.ConnectionChanged += static _ => throw new InvalidOperationException("boom");
        Assert.Equal("PONG", (await Eventually.AnswerAsync(client, "PING")).AsString());
        await Eventually.TrueAsync(() => reported is InvalidOperationException, "the report");
    }

    [Fact]
    public void Backoff_Doubles_UpToItsMaximum()
    {
        var backoff = new Backoff(TimeSpan.FromMilliseconds(50), TimeSpan.FromMilliseconds(300), new Random(1));
        foreach (var full in (int[])[50, 100, 200, 300, 300, 300])
            Assert.InRange(backoff.Next().TotalMilliseconds, full / 2.0, full);
        backoff.Reset();
        Assert.InRange(backoff.Next().TotalMilliseconds, 25, 50);
    }
}
