using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Errors;
using CurateMe.Ledger.Holds;
using CurateMe.Ledger.Journal;
using CurateMe.Ledger.Reconciliation;
using CurateMe.Ledger.Records;
using CurateMe.Ledger.Redis;
using CurateMe.Resp;
using CurateMe.Testing;
using CurateMe.Testing.Configuration;
using CurateMe.Testing.Holds;
using CurateMe.Testing.Records;

namespace CurateMe.Ledger.Tests.Redis;

/// <summary>The money side of one replica of several: its own journal, one Redis and one ledger for all.</summary>
sealed class RedisRig : IAsyncDisposable
{
    readonly TemporaryDirectory? _own;
    readonly RespClient _client;

    RedisRig(RespClient client, IUsageLedger ledger, int maxUnrecorded, string? directory, Func<RedisCounterOptions, RedisCounterOptions>? tune)
    {
        _client = client;
        _own = directory is null ? new TemporaryDirectory() : null;
        Journal = JournalFile.Open(new JournalOptions { Directory = directory ?? _own!.Path, SegmentBytes = 1 << 20 });
        Store = new RedisStore(client, Journal, ledger, new CounterResets(new MemoryConfigStore()), Events, TimeProvider.System, o => (tune ?? (static o => o))(o with
        {
            Inline = true,
            MaxUnrecorded = maxUnrecorded,
            SkipLife = TimeSpan.FromSeconds(3),
            FullSweepEvery = TimeSpan.FromSeconds(1),
            RebuildWait = TimeSpan.FromSeconds(20),
        }));
        Counters = new ResilientCounters(Store, Events, Clock);
        Desk = new HoldDesk(Counters, Journal, TimeProvider.System);
        Recorder = new Recorder(Journal, ledger, Counters, LedgerRig.Quick, TimeProvider.System);
    }

    /// <summary>Of what this replica remembers; its timers stay the system's.</summary>
    internal AheadClock Clock { get; } = new();
    internal ErrorEvents Events { get; } = new(TimeProvider.System);
    internal JournalFile Journal { get; }
    internal RedisStore Store { get; }
    internal ResilientCounters Counters { get; }
    internal HoldDesk Desk { get; }
    internal Recorder Recorder { get; }

    /// <param name="directory">Of an earlier life, stays the caller's; null for one of its own.</param>
    internal static async Task<RedisRig> StartAsync(
        RespOptions options, IUsageLedger ledger, CancellationToken ct, int maxUnrecorded = InProcessCounters.MaxUnrecorded, string? directory = null,
        Func<RedisCounterOptions, RedisCounterOptions>? tune = null)
    {
        var client = await RespClient.ConnectAsync(options with { CommandTimeout = TimeSpan.FromSeconds(1), MaxReconnectDelay = TimeSpan.FromMilliseconds(200) }, ct);
        var rig = new RedisRig(client, ledger, maxUnrecorded, directory, tune);
        await rig.Desk.RecoverAsync();
        rig.Store.NoteRecovered();
        await rig.Store.Replicas.StartAsync(ct);
        rig.Recorder.Start();
        return rig;
    }

    internal static async Task<RedisRig[]> StartManyAsync(int count, RespOptions options, IUsageLedger ledger, CancellationToken ct, int maxUnrecorded = InProcessCounters.MaxUnrecorded)
    {
        var rigs = await Task.WhenAll(Enumerable.Range(0, count).Select(_ => StartAsync(options, ledger, ct, maxUnrecorded)));
        await Poll.UntilAsync(() => rigs.All(rig => rig.Store.Replicas.Alive.Count == count), "all replicas see each other");
        return rigs;
    }

    /// <summary>Ends are told, records are in the ledger, and what came late is reconciled.</summary>
    internal async Task SettleDownAsync(CancellationToken ct)
    {
        await Poll.UntilAsync(() => Counters.OrgsAway == 0, "the counters are back");
        for (var started = TimeProvider.System.GetTimestamp(); ;)
        {
            await Desk.ExpireAsync(ct);
            if (Desk.Untold == 0) break;
            if (TimeProvider.System.GetElapsedTime(started) > TimeSpan.FromSeconds(30)) throw new TimeoutException($"{Desk.Untold} ends are untold");
            await Task.Delay(20, ct);
        }
        await Recorder.DrainAsync(ct);
        await Store.CatchUpAsync(ct);
        await Store.CatchUpAsync(ct);
        foreach (var org in Store.TakeLate()) await Store.Reconciler.RunAsync(org, DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().UtcDateTime), apply: true, ct);
    }

    public async ValueTask DisposeAsync()
    {
        await Recorder.DisposeAsync();
        await Counters.DisposeAsync();
        await Store.DisposeAsync();
        await Journal.DisposeAsync();
        await _client.DisposeAsync();
        _own?.Dispose();
    }
}

/// <summary>The system's clock, whose timestamps can be moved forward.</summary>
sealed class AheadClock : TimeProvider
{
    long _ahead;

    internal void Advance(TimeSpan by) => Interlocked.Add(ref _ahead, (long)(by.TotalSeconds * TimestampFrequency));

    public override long GetTimestamp() => base.GetTimestamp() + Interlocked.Read(ref _ahead);
}
