using CurateMe.Client;
using CurateMe.Gateway.Configuration;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Errors;
using CurateMe.Ledger.Mongo;
using CurateMe.Ledger.Records;
using CurateMe.Ledger.Redis;
using CurateMe.Resp;

namespace CurateMe.Gateway.Hosting;

/// <summary>What a replica on shared stores does beside its requests.</summary>
sealed partial class SharedWork(
    SharedSettings settings, RespClient client, RedisStore store, ICounterStore counters, IUsageLedger ledger, DeadLetters letters, Recorder recorder, ErrorEvents events, TimeProvider time, ILogger<SharedWork> logger)
{
    /// <summary>Longest the start waits for Redis; without it, it goes on alone.</summary>
    static readonly TimeSpan ConnectPatience = TimeSpan.FromSeconds(10);

    /// <summary>How often the servers' settings are looked at.</summary>
    static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(10);

    long lookedAt;
    IReadOnlyList<string> warned = [];

    /// <summary>What was last found of the servers.</summary>
    public IReadOnlyList<RedisServerState> Servers { get; private set; } = [];

    /// <summary>What was last found of the ledger's server; null when it was not asked yet.</summary>
    public MongoServerState? LedgerServer { get; private set; }

    /// <summary>What an operator should change about the stores.</summary>
    public IReadOnlyList<string> Warnings => [.. Servers.SelectMany(static s => s.Warnings), .. LedgerServer?.Warnings ?? []];

    /// <summary>The same as a contract.</summary>
    public StoreServers Describe() => new(
        [.. Servers.Select(static s => new RedisServerInfo(s.Address, s.Role, s.Replicas, s.EvictionPolicy, s.Aof, s.Snapshots, s.Fault, s.UsedMemory, s.MaxMemory, s.ClusterState))],
        LedgerServer is { } mongo ? new MongoServerInfo(mongo.Kind, mongo.ReplicaSet, mongo.Members, MongoServerState.WriteConcern) : null,
        Warnings);

    /// <summary>Before the recorder starts.</summary>
    public void NoteRecovered()
    {
        recorder.DeadLetters = letters.AddAsync;
        store.NoteRecovered();
    }

    /// <exception cref="ConfigurationException">A server evicts keys, and that was not allowed.</exception>
    public async Task StartAsync(CancellationToken ct)
    {
        try
        {
            await client.WaitForConnectionAsync(ct).WaitAsync(ConnectPatience, time, ct);
            await LookAsync(ct);
        }
        catch (Exception e) when (e is TimeoutException or RespException)
        {
            events.Add("gateway", "budget_store_unavailable", e.Message);
            Log.Away(logger, e.Message);
        }
        if (!settings.AllowEviction && Servers.FirstOrDefault(static s => s.Evicts) is { } evicting)
        {
            throw new ConfigurationException(
                [$"Redis at {evicting.Address} has maxmemory-policy {evicting.EvictionPolicy}, which drops money to make room. Set it to noeviction, or set Redis__AllowEviction=true to start all the same."]);
        }
        await store.Replicas.StartAsync(ct);
    }

    /// <summary>Once a second: reconciles what came late, and brings set-aside records to a ledger that answers again.</summary>
    public async Task RunAsync(CancellationToken ct)
    {
        try
        {
            if (await store.ReleaseFormerAsync(ct) is > 0 and var released)
            {
                Log.Released(logger, released);
            }
            (counters as ResilientCounters)?.LookAtIdle();
            await store.LookAgainAsync(ct);
            var today = DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);
            foreach (var org in store.TakeLate())
            {
                await ReconcileAsync(org, today, ct);
            }
            await store.CatchUpAsync(ct);
            if (await letters.DepthAsync(ct) > 0 && recorder.Figures.LastError is null)
            {
                var (replayed, added, unreadable) = await letters.ReplayAsync(ct);
                Log.Replayed(logger, replayed, added);
                if (unreadable > 0)
                {
                    events.Add("gateway", "dlq_unreadable", $"{unreadable} entries of {DeadLetters.Key} were no records that this release can read; they are in {DeadLetters.UnreadableKey}.");
                }
            }
            if (time.GetElapsedTime(lookedAt) >= LookEvery)
            {
                await LookAsync(ct);
            }
        }
        catch (Exception e) when (e is RespException or LedgerUnavailableException or CounterStoreUnavailableException)
        {
            events.Add("gateway", "shared_store_unavailable", e.Message);
        }
    }

    async Task ReconcileAsync(string org, DateOnly day, CancellationToken ct)
    {
        try
        {
            await store.Reconciler.RunAsync(org, day, apply: true, ct);
        }
        catch (Exception e) when (e is InvalidOperationException or LedgerUnavailableException or CounterStoreUnavailableException)
        {
            // Another replica reconciles it too, or a store is away: again in a second.
            events.Add("gateway", "reconcile_put_off", $"{org}: {e.Message}");
            store.NoteLate(org);
        }
    }

    async Task LookAsync(CancellationToken ct)
    {
        lookedAt = time.GetTimestamp();
        Servers = await RedisServerState.ReadAsync(client, ct);
        await LookAtLedgerAsync(ct);
        var before = warned;
        warned = Warnings;
        foreach (var warning in warned)
        {
            events.Add(warning.StartsWith("MongoDB", StringComparison.Ordinal) ? "mongodb" : "redis", "server_settings", warning);
            if (!before.Contains(warning, StringComparer.Ordinal))
            {
                Log.Settings(logger, warning);
            }
        }
    }

    async Task LookAtLedgerAsync(CancellationToken ct)
    {
        try
        {
            LedgerServer = ledger is MongoLedger mongo ? await mongo.StateAsync(ct) : null;
        }
        catch (LedgerUnavailableException)
        {
            // Health says that it is away; its settings are as they were.
        }
    }

    static partial class Log
    {
        [LoggerMessage(2101, LogLevel.Warning, "Redis does not answer at the start, going on alone: {Reason}")]
        public static partial void Away(ILogger logger, string reason);

        [LoggerMessage(2102, LogLevel.Information, "{Count} records left the list of those set aside; {Added} of them were new to the ledger")]
        public static partial void Replayed(ILogger logger, int count, int added);

        [LoggerMessage(2104, LogLevel.Information, "Gave back {Count} holds that this gateway took before it was killed and had not forwarded")]
        public static partial void Released(ILogger logger, int count);

        [LoggerMessage(2103, LogLevel.Warning, "{Warning}")]
        public static partial void Settings(ILogger logger, string warning);
    }
}
