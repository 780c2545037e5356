using System.Collections.Concurrent;
using CurateMe.Ledger.Mongo;
using CurateMe.Ledger.Records;
using CurateMe.Testing;
using CurateMe.Testing.Mongo;
using CurateMe.Testing.Records;
using Xunit;

namespace CurateMe.Ledger.Tests.Mongo;

/// <summary>Several replicas keep the sums of days up while late records come, while people ask, and while connections break at any step.</summary>
public sealed class RolledUpDaysTests : IAsyncLifetime
{
    static readonly DateTimeOffset From = new(2026, 2, 26, 0, 0, 0, TimeSpan.Zero);
    static readonly DateTimeOffset End = new(2026, 3, 1, 0, 0, 0, TimeSpan.Zero);
    static readonly DateTimeOffset Now = new(2026, 3, 2, 5, 0, 0, TimeSpan.Zero);

    readonly FixedClock _clock = new(Now);
    MongoDatabase _database = null!;

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _database = await MongoServer.NewDatabaseAsync(Assert.Skip);

    public async ValueTask DisposeAsync()
    {
        if (_database is not null) await _database.DisposeAsync();
    }

    Task<MongoLedger> OpenAsync(string? url = null) => MongoLedger.OpenAsync(
        new MongoOptions { Url = url ?? _database.Url, ServerSelectionTimeout = TimeSpan.FromSeconds(3), SocketTimeout = TimeSpan.FromSeconds(20) }, _clock, Ct);

    [Theory]
    [InlineData(71)]
    [InlineData(72)]
    [InlineData(73)]
    public async Task Sums_ReplicasWritersAndReadersAtOnce_AreNeverShortOfARecordNorLongByOne(int seed)
    {
        var records = new RandomRecords(seed, From, End);
        var history = new History();
        var replicas = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => OpenAsync()));
        try
        {
            await history.WriteAsync(replicas[0], records.Make(500));
            var batches = new ConcurrentQueue<UsageRecord[]>(records.Make(300).Chunk(15));
            using var done = new CancellationTokenSource();
            var upkeep = replicas.Select((replica, i) => UpkeepAsync(replica, new Random(seed + i), done.Token)).ToList();
            var readers = replicas.Select(replica => ReadAsync(replica, history, seed, done.Token)).ToList();
            await Task.WhenAll(replicas.Select(async replica =>
            {
                while (batches.TryDequeue(out var batch)) await history.WriteAsync(replica, batch);
            }));
            await done.CancelAsync();
            await Task.WhenAll([.. upkeep, .. readers]);

            await replicas[1].MaintainAsync(Ct);
            await AssertSettledAsync(replicas[2], history, seed);
        }
        finally
        {
            foreach (var replica in replicas) await replica.DisposeAsync();
        }
    }

    [Theory]
    [InlineData(81)]
    [InlineData(82)]
    public async Task Sums_ConnectionsBreakAtAnyStep_AreExactAndSettleAfterwards(int seed)
    {
        var random = new Random(seed);
        var records = new RandomRecords(seed, From, End);
        var history = new History();
        await using var relay = new MongoRelay(_database.Server);
        await using var steady = await OpenAsync();
        await using var shaky = await OpenAsync(_database.UrlThrough(relay.Port));
        await history.WriteAsync(steady, records.Make(300));
        for (var round = 0; round < 12; round++)
        {
            var work = round % 2 == 0 ? shaky.MaintainAsync(Ct) : history.TryWriteAsync(shaky, records.Make(10));
            await Task.Delay(random.Next(60), Ct);
            relay.Kill();
            relay.Restart();
            await Record.ExceptionAsync(() => work);
            await steady.MaintainAsync(Ct);
            await history.AssertWithinAsync(steady, seed);
        }

        // What was broken off leaves marks and claims behind, which are dead after a while.
        _clock.Now += RolledUpDays.MarkLife + TimeSpan.FromMinutes(1);
        await steady.MaintainAsync(Ct);
        await history.ReadBackAsync(steady);
        await AssertSettledAsync(steady, history, seed);
    }

    [Fact]
    public async Task Sums_ClaimedByOneThatDied_AreSummedByAnotherAfterItsTime()
    {
        await using var ledger = await OpenAsync();
        var history = new History();
        await history.WriteAsync(ledger, new RandomRecords(91, From, End).Make(200));
        foreach (var day in Days)
        {
            await _database.RunAsync(session => session.Write(new Bson
            {
                { "update", RolledUpDays.Days },
                { "updates", new[] { new Bson { { "q", new Bson { { "_id", day } } }, { "u", new Bson { { "$set", new Bson { { "claim", "dead" }, { "claimed_at", _clock.Now }, { "epoch", 0L }, { "pending", Array.Empty<Bson>() } } } } }, { "upsert", true } } } },
            }));
        }
        await ledger.MaintainAsync(Ct);
        Assert.DoesNotContain(Days, (await HoldingAsync()).ContainsKey);
        _clock.Now += RolledUpDays.ClaimLife + TimeSpan.FromSeconds(1);
        await ledger.MaintainAsync(Ct);
        await AssertSettledAsync(ledger, history, 91);
    }

    [Fact]
    public async Task Sums_SomeOfWhichTheServerRefuses_AreNotTheDays()
    {
        await using var ledger = await OpenAsync();
        var history = new History();
        await history.WriteAsync(ledger, new RandomRecords(92, From, End).Make(200));
        await RefuseAllButOneAsync(RolledUpDays.Sums, "kind");

        await Assert.ThrowsAsync<LedgerUnavailableException>(() => ledger.MaintainAsync(Ct));

        await history.AssertExactAsync(ledger, 92);
        await _database.RunAsync(static session => session.Write(new Bson { { "dropIndexes", RolledUpDays.Sums }, { "index", "refuse" } }));
        _clock.Now += RolledUpDays.ClaimLife + TimeSpan.FromSeconds(1);
        await ledger.MaintainAsync(Ct);
        await AssertSettledAsync(ledger, history, 92);
    }

    [Fact]
    public async Task Record_LateForADayThatTheServerDoesNotMark_IsNotStored()
    {
        await using var ledger = await OpenAsync();
        var records = new RandomRecords(93, From, End).Make(50);
        Assert.Equal(Days.Length, records.Select(static record => record.Day).Distinct().Count());
        await RefuseAllButOneAsync(RolledUpDays.Days, "epoch");

        await Assert.ThrowsAsync<LedgerUnavailableException>(() => ledger.RecordAsync(records, Ct));

        Assert.Null((await ledger.CheckAsync(Ct)).LastWrite);
        Assert.Null(await ledger.FindAsync(records[0].OrgId, records[0].Id, Ct));
    }

    // A full disk or a shard that is away refuse single documents too.
    Task RefuseAllButOneAsync(string collection, string alike) => _database.RunAsync(session => session.Write(new Bson
    {
        { "createIndexes", collection },
        { "indexes", new[] { new Bson { { "key", new Bson { { alike, 1 } } }, { "name", "refuse" }, { "unique", true } } } },
    }));

    static string[] Days => ["2026-02-26", "2026-02-27", "2026-02-28"];

    static async Task UpkeepAsync(MongoLedger replica, Random random, CancellationToken done)
    {
        while (!done.IsCancellationRequested)
        {
            await replica.MaintainAsync(Ct);
            await Task.Delay(random.Next(20), Ct);
        }
    }

    static async Task ReadAsync(MongoLedger replica, History history, int seed, CancellationToken done)
    {
        while (!done.IsCancellationRequested) await history.AssertWithinAsync(replica, seed);
    }

    Task<Dictionary<string, string>> HoldingAsync() => _database.RunAsync(static session => RolledUpDays.Holding(session, "2026-02-01", "2026-04-01"));

    async Task AssertSettledAsync(MongoLedger ledger, History history, int seed)
    {
        var holding = await HoldingAsync();
        Assert.True(Days.All(holding.ContainsKey), $"seed {seed}: sums hold for {string.Join(',', holding.Keys)}");
        var kept = await _database.RunAsync(static session => session.Find(RolledUpDays.Sums, [], []));
        Assert.True(kept.All(sum => holding[sum.RequiredText("period_day")] == sum.Text("build")), $"seed {seed}: sums that nobody asks for were left behind");
        foreach (var kind in RolledUpDays.Kept)
        {
            Assert.Equal(history.Cost, kept.Where(sum => sum.Number("kind") == (int)kind).Sum(static sum => sum.Number("cost_nano_usd")));
        }
        await history.AssertExactAsync(ledger, seed);
    }

    /// <summary>What is known to be stored, and what may be.</summary>
    sealed class History
    {
        readonly ConcurrentDictionary<RequestId, UsageRecord> _begun = [];
        readonly ConcurrentDictionary<RequestId, UsageRecord> _stored = [];

        public long Cost => _stored.Values.Sum(static r => r.Cost.Value);

        public async Task WriteAsync(MongoLedger ledger, IReadOnlyList<UsageRecord> batch)
        {
            foreach (var record in batch) _begun[record.Id] = record;
            await ledger.RecordAsync(batch, Ct);
            foreach (var record in batch) _stored[record.Id] = record;
        }

        public async Task TryWriteAsync(MongoLedger ledger, IReadOnlyList<UsageRecord> batch)
        {
            try
            {
                await WriteAsync(ledger, batch);
            }
            catch (LedgerUnavailableException)
            {
                // It may be stored or not.
            }
        }

        /// <summary>Learns what became of what may have been stored.</summary>
        public async Task ReadBackAsync(MongoLedger ledger)
        {
            foreach (var record in _begun.Values)
            {
                if (await ledger.FindAsync(record.OrgId, record.Id, Ct) is not null) _stored[record.Id] = record;
            }
        }

        public async Task AssertWithinAsync(MongoLedger ledger, int seed)
        {
            var least = ByDay(_stored.Values);
            var rows = await ledger.BreakdownAsync(Query(BreakdownDimension.Day), Ct);
            var most = ByDay(_begun.Values);
            foreach (var day in Days)
            {
                var read = rows.SingleOrDefault(row => row.Values[0] == day)?.Cost.Value ?? 0;
                Assert.True(read >= least.GetValueOrDefault(day) && read <= most.GetValueOrDefault(day), $"seed {seed}: {day} reads {read}, which is not between {least.GetValueOrDefault(day)} and {most.GetValueOrDefault(day)}");
            }
        }

        public async Task AssertExactAsync(MongoLedger ledger, int seed)
        {
            foreach (var by in new[] { BreakdownDimension.Model, BreakdownDimension.Provider, BreakdownDimension.Team, BreakdownDimension.Key, BreakdownDimension.Runner, BreakdownDimension.Session, BreakdownDimension.Tag, BreakdownDimension.Hour, BreakdownDimension.Day })
            {
                var sum = (await ledger.BreakdownAsync(Query(by), Ct)).Sum(static row => row.Cost.Value);
                Assert.True(sum == Cost, $"seed {seed}: by {by} the sum is {sum}, the records' is {Cost}");
            }
        }

        static BreakdownQuery Query(BreakdownDimension by) => new() { From = From, To = End, By = [by], TagName = "app" };

        static Dictionary<string, long> ByDay(IEnumerable<UsageRecord> records) =>
            records.GroupBy(static r => r.Day.ToString("O")).ToDictionary(static g => g.Key, static g => g.Sum(static r => r.Cost.Value));
    }
}
