using CurateMe.Testing.Redis;
using Xunit;

namespace CurateMe.Resp.Tests.Servers;

/// <summary>The client against a real redis-server, one per class.</summary>
public sealed class RedisServerTests : IAsyncLifetime
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
    public async Task Commands_InBothProtocols_ReadAlike(int protocol)
    {
        await using var client = await RespClient.ConnectAsync(_server.Options with { Protocol = protocol, ClientName = "reader", Database = 3 });
        Assert.True((await client.ExecuteAsync(["SET", "k", "välue"])).IsOk);
        Assert.Equal("välue", (await client.ExecuteAsync(["GET", "k"])).AsString());
        Assert.True((await client.ExecuteAsync(["GET", "none"])).IsNull);
        Assert.Equal(long.MaxValue, (await client.ExecuteAsync(["INCRBY", "n", long.MaxValue])).AsInt64());
        await client.ExecuteAsync(["HSET", "h", "a", 1, "b", 2]);
        Assert.Equal(4, (await client.ExecuteAsync(["HGETALL", "h"])).Count);
        await client.ExecuteAsync(["ZADD", "z", "1.5", "m"]);
        Assert.Equal(1.5, (await client.ExecuteAsync(["ZSCORE", "z", "m"])).AsDouble());
        Assert.Equal("reader", (await client.ExecuteAsync(["CLIENT", "GETNAME"])).AsString());
        Assert.Contains("db=3", (await client.ExecuteAsync(["CLIENT", "INFO"])).AsString(), StringComparison.Ordinal);
        var error = await Assert.ThrowsAsync<RespServerException>(async () => await client.ExecuteAsync(["LPUSH", "k", "x"]));
        Assert.Equal("WRONGTYPE", error.Code);
    }

    [Fact]
    public async Task ManyCallers_OnOneConnection_EachGetTheirOwnReply()
    {
        await using var client = await _server.ConnectAsync();
        await Task.WhenAll(Enumerable.Range(0, 64).Select(caller => Task.Run(async () =>
        {
            for (var i = 0; i < 200; i++)
            {
                var text = $"{caller}:{i}:{new string('x', (caller * 31 + i) % 300)}";
                Assert.Equal(text, (await client.ExecuteAsync(["ECHO", text])).AsString());
            }
        })));
        var clients = (await client.ExecuteAsync(["CLIENT", "LIST", "TYPE", "normal"])).AsString()!;
        Assert.Single(clients.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public async Task ManyCallers_SomeCancelling_NeverGetAnothersReply()
    {
        var seed = Environment.TickCount;
        await using var client = await RespClient.ConnectAsync(_server.Options with { ConnectionsPerNode = 2 });
        await Task.WhenAll(Enumerable.Range(0, 32).Select(caller => Task.Run(async () =>
        {
            var random = new Random(seed + caller);
            for (var i = 0; i < 300; i++)
            {
                using var cancel = new CancellationTokenSource();
                var text = $"{caller}:{i}";
                var reply = client.ExecuteAsync(["ECHO", text], cancel.Token);
                if (random.Next(3) == 0)
                    await cancel.CancelAsync();
                try
                {
                    Assert.True((await reply).AsString() == text, $"seed {seed}");
                }
                catch (OperationCanceledException)
                {
                    // as asked
                }
            }
        })));
    }

    [Fact]
    public async Task LargeValue_GoesThereAndBack()
    {
        await using var client = await _server.ConnectAsync();
        var value = new byte[5 << 20];
        new Random(3).NextBytes(value);
        await client.ExecuteAsync(["SET", "large", value]);
        Assert.True((await client.ExecuteAsync(["GET", "large"])).AsSpan().SequenceEqual(value));
    }

    [Fact]
    public async Task Script_FlushedFromTheServer_IsLoadedAgain()
    {
        await using var client = await _server.ConnectAsync();
        var script = new RespScript("sum", "return redis.call('INCRBY', KEYS[1], ARGV[1] + ARGV[2])");
        Assert.Equal(5, (await client.EvalAsync(script, ["s"], [2, 3])).AsInt64());
        Assert.Equal(10, (await client.EvalAsync(script, ["s"], [2, 3])).AsInt64());
        await client.ExecuteAsync(["SCRIPT", "FLUSH"]);
        var all = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => client.EvalAsync(script, ["s"], [1, 0]).AsTask()));
        Assert.Equal(Enumerable.Range(11, 50).Select(static n => (long)n), all.Select(static r => r.AsInt64()).Order());
        Assert.Equal(1, (await client.ExecuteAsync(["SCRIPT", "EXISTS", script.Sha]))[0].AsInt64());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Script_WordsEncodedBefore_ArriveWhereTheOthersWould(bool inline)
    {
        await using var client = await _server.ConnectAsync();
        var script = new RespScript($"words{inline}", $"return {{#KEYS, KEYS[1], KEYS[2], #ARGV, ARGV[1], ARGV[2], ARGV[3], '{inline}'}}");
        var keys = new RespWords(["k:{a}", "l:{a}"]);
        var more = new RespWords(["", 7]);

        // The first call finds the script missing and is asked again with its source.
        for (var i = 0; i < 3; i++)
        {
            var reply = await client.EvalAsync(script, keys, ["é"], more, inline);
            Assert.Equal(["2", "k:{a}", "l:{a}", "3", "é", "", "7"], Enumerable.Range(0, 7).Select(at => reply[at].AsString()));
        }
        Assert.Equal(1, (await client.EvalAsync(new RespScript("few", "return #ARGV + 1"), keys, [], more: null, inline)).AsInt64());
    }

    [Fact]
    public async Task Script_Inline_ManyAtOnce_EachGetsItsOwnReplyAndMaySendAtOnce()
    {
        await using var client = await _server.ConnectAsync();
        var script = new RespScript("echo", "return ARGV[1]");
        var keys = new RespWords(["k"]);

        await Task.WhenAll(Enumerable.Range(0, 200).Select(async caller =>
        {
            for (var i = 0; i < 20; i++)
            {
                Assert.Equal((caller * 1000) + i, (await client.EvalAsync(script, keys, [(caller * 1000) + i], more: null, inline: true)).AsInt64());
            }
        }));
    }

    [Fact]
    public async Task Script_WithAMistake_SaysWhich()
    {
        await using var client = await _server.ConnectAsync();
        var error = await Assert.ThrowsAsync<RespServerException>(async () => await client.EvalAsync(new RespScript("bad", "return ("), [], []));
        Assert.Contains("compiling script", error.Message, StringComparison.Ordinal);
        error = await Assert.ThrowsAsync<RespServerException>(async () => await client.EvalAsync(new RespScript("fails", "return redis.error_reply('MYCODE some text')"), [], []));
        Assert.Equal("MYCODE", error.Code);
    }

    [Fact]
    public async Task Script_RepliesNested_AreRead()
    {
        await using var client = await _server.ConnectAsync();
        var reply = await client.EvalAsync(new RespScript("nested", "return {1, 'two', {3, {'four', false}}, {}}"), [], []);
        Assert.Equal(4, reply.Count);
        Assert.Equal("two", reply[1].AsString());
        Assert.Equal("four", reply[2][1][0].AsString());
        Assert.True(reply[2][1][1].IsNull);
        Assert.Equal(0, reply[3].Count);
    }

    [Fact]
    public async Task PausedServer_IsOutcomeUnknownAndTheCommandRunsLater()
    {
        await using var client = await RespClient.ConnectAsync(_server.Options with { CommandTimeout = TimeSpan.FromMilliseconds(200) });
        await using var other = await _server.ConnectAsync();
        await client.ExecuteAsync(["PING"]);
        await other.ExecuteAsync(["CLIENT", "PAUSE", 1000, "ALL"]);
        await Assert.ThrowsAsync<RespOutcomeUnknownException>(async () => await client.ExecuteAsync(["SET", "paused", "1"]));
        // It was sent, so it may run: here it does, when the pause ends.
        await Eventually.TrueAsync(async () => (await Eventually.AnswerAsync(client, "EXISTS", "paused")).AsInt64() == 1, "the command that was given up");
    }

    [Fact]
    public async Task KilledServer_FailsFastThenIsFoundAgain()
    {
        await using var client = await RespClient.ConnectAsync(_server.Options with { MaxReconnectDelay = TimeSpan.FromMilliseconds(200) });
        List<RespConnectionChange> changes = [];
        client.ConnectionChanged += change =>
        {
            lock (changes)
                changes.Add(change);
        };
        var script = new RespScript("one", "return 1");
        await client.EvalAsync(script, [], []);
        await _server.KillAsync();
        await Eventually.TrueAsync(() => !client.IsConnected, "the loss");
        await Assert.ThrowsAsync<RespNotSentException>(async () => await client.ExecuteAsync(["PING"]));
        await _server.StartAgainAsync();
        await client.WaitForConnectionAsync().WaitAsync(Eventually.Limit);
        Assert.Equal(1, (await client.EvalAsync(script, [], [])).AsInt64());
        await Eventually.TrueAsync(() => { lock (changes) return changes.Any(static c => c.State == RespConnectionState.Connected); }, "the event");
        lock (changes)
        {
            Assert.Contains(changes, static c => c.State == RespConnectionState.Lost && c.Reason is not null);
            Assert.Equal(RespConnectionState.Connected, changes[^1].State);
        }
    }

    [Fact]
    public async Task KilledServer_UnderLoad_EndsEveryCommandByTheRules()
    {
        await using var client = await RespClient.ConnectAsync(_server.Options with { MaxReconnectDelay = TimeSpan.FromMilliseconds(100) });
        var stop = new CancellationTokenSource();
        var answered = 0;
        var callers = Enumerable.Range(0, 16).Select(_ => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
                try
                {
                    await client.ExecuteAsync(["PING"]);
                    Interlocked.Increment(ref answered);
                }
                catch (RespException e) when (e is RespNotSentException or RespOutcomeUnknownException or RespServerException { Code: "LOADING" })
                {
                    await Task.Delay(5);
                }
        })).ToArray();
        for (var round = 0; round < 3; round++)
        {
            var before = Volatile.Read(ref answered);
            await Eventually.TrueAsync(() => Volatile.Read(ref answered) > before + 100, "answers");
            await _server.KillAsync();
            await _server.StartAgainAsync();
        }
        var last = Volatile.Read(ref answered);
        await Eventually.TrueAsync(() => Volatile.Read(ref answered) > last + 100, "answers at the end");
        await stop.CancelAsync();
        await Task.WhenAll(callers).WaitAsync(Eventually.Limit);
    }

    [Theory]
    [InlineData("MULTI")]
    [InlineData("select 1")]
    [InlineData("BLPOP k 0")]
    [InlineData("SUBSCRIBE c")]
    [InlineData("client reply off")]
    public async Task Command_ThatWouldDisturbOtherCallers_IsRefused(string command)
    {
        await using var client = await _server.ConnectAsync();
        await Assert.ThrowsAsync<ArgumentException>(async () => await client.ExecuteAsync(Array.ConvertAll(command.Split(' '), static word => (RespArg)word)));
    }

    [Fact]
    public async Task BusyServer_SaysThatItDidNotBegin()
    {
        await using var client = await RespClient.ConnectAsync(_server.Options with { CommandTimeout = TimeSpan.FromSeconds(30), StallTimeout = TimeSpan.FromSeconds(60) });
        await using var other = await _server.ConnectAsync();
        await client.ExecuteAsync(["CONFIG", "SET", "busy-reply-threshold", 50]);
        var endless = client.EvalAsync(new RespScript("endless", "while true do end"), [], []).AsTask();
        RespServerException? busy = null;
        await Eventually.TrueAsync(async () =>
        {
            try
            {
                await other.ExecuteAsync(["GET", "k"]);
            }
            catch (RespServerException e) when (e.Code == "BUSY")
            {
                busy = e;
            }
            catch (RespOutcomeUnknownException)
            {
                // before it is past the threshold
            }
            return busy is not null;
        }, "BUSY");
        Assert.False(busy!.MayHaveRun);
        await other.ExecuteAsync(["SCRIPT", "KILL"]);
        await Assert.ThrowsAsync<RespServerException>(() => endless);
    }

    [Fact]
    public async Task DisposedClient_RefusesCommands()
    {
        var client = await _server.ConnectAsync();
        await client.DisposeAsync();
        await client.DisposeAsync();
        await Assert.ThrowsAsync<RespNotSentException>(async () => await client.ExecuteAsync(["PING"]));
    }
}
