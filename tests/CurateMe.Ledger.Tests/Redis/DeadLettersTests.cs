using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Journal;
using CurateMe.Ledger.Records;
using CurateMe.Ledger.Redis;
using CurateMe.Resp;
using CurateMe.Testing;
using CurateMe.Testing.Budgets;
using CurateMe.Testing.Records;
using CurateMe.Testing.Redis;
using Xunit;

namespace CurateMe.Ledger.Tests.Redis;

public sealed class DeadLettersTests : IAsyncLifetime
{
    readonly MemoryLedger _ledger = new();
    readonly InProcessCounters _counters = new(TimeProvider.System);
    readonly TemporaryDirectory _directory = new();
    readonly Wishes _ask = new("org_dlq", () => TimeProvider.System.GetUtcNow());
    RedisServer? _server;
    RespClient? _client;

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    DeadLetters Letters => new(_client!, _ledger, _counters);

    public async ValueTask InitializeAsync()
    {
        Assert.SkipUnless(RedisServer.IsInstalled, RedisServer.Missing);
        _server = await RedisServer.StartAsync(new RedisServerSetup { Arguments = ["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"] });
        _client = await _server.ConnectAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_client is not null) await _client.DisposeAsync();
        if (_server is not null) await _server.DisposeAsync();
        _directory.Dispose();
    }

    [Fact]
    public async Task I5_LedgerRefusesForLong_BatchesAreSetAsideAndComeBackByThemselves()
    {
        await using var journal = JournalFile.Open(new JournalOptions { Directory = _directory.Path, SegmentBytes = 1 << 20 });
        var options = new RecorderOptions
        {
            Workers = 1,
            BatchSize = 2,
            TriesBeforeDeadLetter = 2,
            Linger = TimeSpan.FromMilliseconds(1),
            RetryFrom = TimeSpan.FromMilliseconds(1),
            RetryTo = TimeSpan.FromMilliseconds(20),
        };
        await using var recorder = new Recorder(journal, _ledger, _counters, options, TimeProvider.System) { DeadLetters = Letters.AddAsync };
        _ledger.BeforeRecord = static _ => throw new LedgerUnavailableException("away");
        for (var i = 0; i < 7; i++)
        {
            var record = _ask.Record(_ask.Whole());
            await journal.AppendHoldAsync(record);
            await journal.AppendEndAsync(Wishes.Settled(record, 10));
        }
        recorder.Start();
        for (var depth = 0L; depth < 7; depth = await Letters.DepthAsync(Ct) ?? 0) await Task.Delay(10, Ct);
        Assert.Equal(7, recorder.Figures.QueueDepth);

        // Losing the list loses nothing: the journal has its own.
        await _client!.ExecuteAsync(["FLUSHALL"], Ct);
        _ledger.BeforeRecord = null;
        await recorder.DrainAsync(Ct);

        Assert.Equal(7, _ledger.Count);
        Assert.Equal(0, recorder.Figures.QueueDepth);
    }

    [Fact]
    public async Task I8_Replay_DiesInTheMiddle_RepeatsNothingAndLosesNothing()
    {
        var records = Enumerable.Range(0, 250).Select(_ => Wishes.Settled(_ask.Record(_ask.Whole()), 10)).ToList();
        await Letters.AddAsync(records, Ct);
        var batches = 0;
        _ledger.AfterRecord = _ => ++batches == 2 ? throw new LedgerUnavailableException("died after the write") : Task.CompletedTask;

        await Assert.ThrowsAsync<LedgerUnavailableException>(() => Letters.ReplayAsync(Ct));
        Assert.Equal(150, await Letters.DepthAsync(Ct));
        var replayed = await Letters.ReplayAsync(Ct);

        Assert.Equal((150, 50, 0), replayed);
        Assert.Equal(250, _ledger.Count);
        Assert.Equal(0, await Letters.DepthAsync(Ct));
    }

    [Fact]
    public async Task Replay_OfWhatIsNoRecord_SetsItAsideAndBringsTheRest()
    {
        var records = Enumerable.Range(0, 3).Select(_ => Wishes.Settled(_ask.Record(_ask.Whole()), 10)).ToList();
        var bytes = new byte[RecordCodec.MaxBytes];
        var whole = bytes[..RecordCodec.Write(records[0], bytes)];
        byte[][] junk = [[], "junk"u8.ToArray(), [255, .. whole.AsSpan(1)], whole[..20], whole[..^3]];
        await Letters.AddAsync(records[..1], Ct);
        foreach (var entry in junk)
        {
            await _client!.ExecuteAsync(["RPUSH", DeadLetters.Key, entry], Ct);
        }
        await Letters.AddAsync(records[1..], Ct);
        Assert.Equal(records.Select(static r => r.Id), (await Letters.ListAsync(0, 20, Ct)).Select(static r => r.Id));

        Assert.Equal((3, 3, junk.Length), await Letters.ReplayAsync(Ct));

        Assert.Equal(3, _ledger.Count);
        Assert.Equal(0, await Letters.DepthAsync(Ct));
        var aside = await _client!.ExecuteAsync(["LRANGE", DeadLetters.UnreadableKey, 0, -1], Ct);
        Assert.Equal(junk, Enumerable.Range(0, aside.Count).Select(i => aside[i].AsSpan().ToArray()));
    }

    [Fact]
    public async Task Replay_TriedWhileTheLedgerIsAway_SetsTheUnreadableAsideOnce()
    {
        await _client!.ExecuteAsync(["RPUSH", DeadLetters.Key, "junk"], Ct);
        await Letters.AddAsync([Wishes.Settled(_ask.Record(_ask.Whole()), 10)], Ct);
        _ledger.BeforeRecord = static _ => throw new LedgerUnavailableException("away");
        for (var i = 0; i < 3; i++) await Assert.ThrowsAsync<LedgerUnavailableException>(() => Letters.ReplayAsync(Ct));
        Assert.Equal(2, await Letters.DepthAsync(Ct));
        _ledger.BeforeRecord = null;

        Assert.Equal((1, 1, 1), await Letters.ReplayAsync(Ct));

        Assert.Equal(1, (await _client.ExecuteAsync(["LLEN", DeadLetters.UnreadableKey], Ct)).AsInt64());
    }

    [Fact]
    public async Task ServerState_EvictingServerWithoutAof_IsNamed()
    {
        var state = Assert.Single(await RedisServerState.ReadAsync(_client!, Ct));

        Assert.True(state.Evicts);
        Assert.Equal(("allkeys-lru", false, 100 << 20, "master"), (state.EvictionPolicy, state.Aof, state.MaxMemory, state.Role));
        Assert.Equal(2, state.Warnings.Count);
        Assert.Null(state.ClusterState);
        Assert.Null(state.Fault);
    }

    [Fact]
    public async Task List_FromAPlaceOn_GivesTheRecordsInOrder()
    {
        var records = new RandomRecords(5, DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddDays(1)).Make(7);
        await Letters.AddAsync(records, Ct);
        Assert.Equal(records.Skip(2).Take(3).Select(r => r.Id), (await Letters.ListAsync(2, 3, Ct)).Select(r => r.Id));
        Assert.Empty(await Letters.ListAsync(7, 3, Ct));
    }

    [Theory]
    [InlineData("master", null, null, 0)]
    [InlineData("slave", null, null, 1)]
    [InlineData("master", "aof_last_write_status is err", null, 1)]
    [InlineData("master", null, "fail", 1)]
    [InlineData("master", null, "ok", 0)]
    public void ServerState_WhatAnOperatorMustMend_IsSaid(string role, string? fault, string? cluster, int warnings) =>
        Assert.Equal(warnings, new RedisServerState("r:1", "noeviction", Aof: true, Snapshots: true, fault, 10, 100, role, 1, cluster).Warnings.Count);
}
