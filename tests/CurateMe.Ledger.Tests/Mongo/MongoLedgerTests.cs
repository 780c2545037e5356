using CurateMe.Ledger.Money;
using CurateMe.Ledger.Mongo;
using CurateMe.Ledger.Records;
using CurateMe.Ledger.Tests.Records;
using CurateMe.Testing.Mongo;
using Xunit;

namespace CurateMe.Ledger.Tests.Mongo;

public sealed class MongoLedgerTests : UsageLedgerContract
{
    MongoDatabase _database = null!;

    private protected override async Task<IUsageLedger> OpenAsync()
    {
        _database = await MongoServer.NewDatabaseAsync(Assert.Skip);
        return await MongoLedger.OpenAsync(new MongoOptions { Url = _database.Url }, Clock, Ct);
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        if (_database is not null) await _database.DisposeAsync();
    }

    Task<MongoLedger> OpenThroughAsync(MongoRelay relay) => MongoLedger.OpenAsync(
        new MongoOptions { Url = _database.UrlThrough(relay.Port), ServerSelectionTimeout = TimeSpan.FromSeconds(2), SocketTimeout = TimeSpan.FromSeconds(2) }, Clock, Ct);

    [Fact]
    public async Task Record_ServerKilledAndBack_FailsClearlyThenStoresOnce()
    {
        await using var relay = new MongoRelay(_database.Server);
        await using var ledger = await OpenThroughAsync(relay);
        var all = Records(41).Make(50);
        relay.Kill();

        var failed = await Assert.ThrowsAsync<LedgerUnavailableException>(() => ledger.RecordAsync(all, Ct));

        Assert.Contains("MongoDB ledger did not store a batch", failed.Message);
        await Assert.ThrowsAsync<LedgerUnavailableException>(() => ledger.CheckAsync(Ct));
        relay.Restart();
        Assert.Equal(50, await EventuallyAsync(() => ledger.RecordAsync(all, Ct)));
        Assert.Equal(0, await ledger.RecordAsync(all, Ct));
    }

    [Fact]
    public async Task Record_ServerFrozen_FailsWithinItsTimeAndStoresOnceAfterwards()
    {
        await using var relay = new MongoRelay(_database.Server);
        await using var ledger = await OpenThroughAsync(relay);
        var all = Records(42).Make(50);
        relay.Freeze();

        await Assert.ThrowsAsync<LedgerUnavailableException>(() => ledger.RecordAsync(all, Ct));

        relay.Thaw();
        await EventuallyAsync(() => ledger.RecordAsync(all, Ct));
        Assert.Equal(0, await ledger.RecordAsync(all, Ct));
        Assert.Equal(all.Count, await CountAsync());
    }

    [Fact]
    public async Task Record_AnswerLost_IsStoredOnceWhenTriedAgain()
    {
        await using var relay = new MongoRelay(_database.Server);
        await using var ledger = await OpenThroughAsync(relay);
        var all = Records(43).Make(50);
        await ledger.CheckAsync(Ct);
        relay.BreakInsteadOfAnswering = true;

        await EventuallyAsync(() => ledger.RecordAsync(all, Ct));
        relay.BreakInsteadOfAnswering = false;
        await ledger.RecordAsync(all, Ct);

        Assert.Equal(all.Count, await CountAsync());
    }

    [Fact]
    public async Task Sums_WriterDiedBetweenMarkAndEnd_StayExactAndAreKeptAgainWhenTheMarkIsOld()
    {
        var random = Records(44);
        var day = new DateOnly(2026, 2, 28);
        await Ledger.RecordAsync(random.Make(300), Ct);
        await Ledger.MaintainAsync(Ct);
        var late = random.Make("org_a");
        while (late.Day != day) late = random.Make("org_a");
        await _database.RunAsync(session => RolledUpDays.Mark(session, [day], Clock.Now)!);

        Assert.Empty(await HoldingAsync(day));
        await Ledger.RecordAsync([late], Ct);
        await Ledger.MaintainAsync(Ct);
        Assert.Empty(await HoldingAsync(day));
        var before = await Ledger.BreakdownAsync(OfDay(day), Ct);

        Clock.Now += RolledUpDays.MarkLife + TimeSpan.FromMinutes(1);
        await Ledger.MaintainAsync(Ct);
        Assert.Single(await HoldingAsync(day));
        Assert.Equivalent(before, await Ledger.BreakdownAsync(OfDay(day), Ct), strict: true);
    }

    [Fact]
    public async Task Sums_UpkeepByManyReplicasWhileLateRecordsCome_StayExact()
    {
        const int Seed = 45;
        var random = Records(Seed);
        var all = random.Make(400);
        await Ledger.RecordAsync(all, Ct);
        var more = random.Make(200);
        all.AddRange(more);

        var writing = Task.WhenAll(more.Chunk(20).Select(batch => Ledger.RecordAsync(batch, Ct)));
        var upkeep = Task.WhenAll(Enumerable.Range(0, 3).Select(async _ =>
        {
            for (var i = 0; i < 4; i++) await Ledger.MaintainAsync(Ct);
        }));
        await Task.WhenAll(writing, upkeep);
        await Ledger.MaintainAsync(Ct);

        var rows = await Ledger.BreakdownAsync(new BreakdownQuery { From = default, To = DateTimeOffset.MaxValue, By = [BreakdownDimension.Day] }, Ct);
        Assert.Equal(
            all.GroupBy(record => record.Day).Select(group => (group.Key.ToString("O"), group.Sum(record => record.Cost.Value))).Order(),
            rows.Select(row => (row.Values[0]!, row.Cost.Value)).Order());
    }

    /// <summary>An org makes new sessions for ever; who asks for those in use is not sent the others.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task SessionSpend_FewOfManySessionsAreInUse_OnlyTheseAreSent(bool summed)
    {
        const int Many = 3_000;
        var all = Enumerable.Range(0, Many).Select(i => InSession($"sess_{i:0000}", Clock.Now.AddDays(-3).AddSeconds(i), cost: 1)).ToList();
        all.Add(InSession("sess_0007", Clock.Now.AddMinutes(-1), cost: 20));
        await Ledger.RecordAsync(all, Ct);
        if (summed) await Ledger.MaintainAsync(Ct);
        await using var relay = new MongoRelay(_database.Server);
        await using var ledger = await OpenThroughAsync(relay);
        var before = relay.Answered;

        var spend = Assert.Single(await ledger.SessionSpendAsync("org_a", Clock.Now.AddHours(-1), null, null, Ct));

        Assert.Equal(("sess_0007", 21, 2), (spend.SessionId, spend.Cost.Value, spend.Requests));
        Assert.InRange(relay.Answered - before, 1, Many);
    }

    /// <summary>A day's sums by session can be as many as its records: what has come is stored before the rest is asked for.</summary>
    [Fact]
    public async Task Maintain_DayOfManySums_StoresThemAsTheyCome()
    {
        const int Many = 4 * MongoLedger.InsertChunk;
        await Ledger.RecordAsync([.. Enumerable.Range(0, Many).Select(i => InSession($"sess_{i:0000}", Clock.Now.AddDays(-3).AddSeconds(i), cost: 1))], Ct);
        await using var relay = new MongoRelay(_database.Server);
        await using var ledger = await OpenThroughAsync(relay);
        var before = relay.Answered;
        var first = relay.AnsweredBefore("insert\0\x14\0\0\0gateway_usage_daily\0"u8);

        await ledger.MaintainAsync(Ct);

        Assert.InRange(first()!.Value - before, 1, Many * 150);
        Assert.Single(await HoldingAsync(new DateOnly(2026, 2, 27)));
        Assert.Equal(Many, (await ledger.BreakdownAsync(new BreakdownQuery { From = default, To = DateTimeOffset.MaxValue, By = [BreakdownDimension.Session], Limit = 10_000 }, Ct)).Sum(static row => row.Requests));
    }

    [Fact]
    public async Task State_AServerAlone_IsWarnedOf()
    {
        var state = await ((MongoLedger)Ledger).StateAsync(Ct);

        Assert.Equal(state.Kind == "standalone" ? 1 : 0, state.Warnings.Count(static w => w.Contains("only copy", StringComparison.Ordinal)));
        Assert.Single(new MongoServerState("replica set", "rs0", 1).Warnings);
        Assert.Empty(new MongoServerState("replica set", "rs0", 3).Warnings);
        Assert.Empty(new MongoServerState("sharded", null, 0).Warnings);
    }

    [Fact]
    public async Task Documents_ReadByHand_HaveTheNamesAndFiguresOfTheRecords()
    {
        var record = Records(46).Make();
        await Ledger.RecordAsync([record], Ct);

        var document = (await _database.RunAsync(session => session.Find("gateway_usage", new Bson { { "request_id", record.Id.ToString() } }, []))).Single();

        Assert.Equal(record.Cost.Value, document.Number("cost_nano_usd"));
        var exact = new Bson { { "cost_usd", new BsonDollars(record.Cost.Value) } };
        Assert.Single(await _database.RunAsync(session => session.Find("gateway_usage", exact, [])));
    }

    [Theory]
    [InlineData("mongodb://")]
    [InlineData("http://localhost")]
    [InlineData("mongodb://user:s3cr:et@localhost")]
    [InlineData("mongodb://user:s3cr%zzet@localhost")]
    public async Task Open_BadAddress_SaysSoWithoutThePassword(string url)
    {
        var refused = await Assert.ThrowsAsync<LedgerUnavailableException>(() => MongoLedger.OpenAsync(new MongoOptions { Url = url }, Clock, Ct));
        Assert.Contains("MONGODB_URL", refused.Message);
        Assert.DoesNotContain("s3cr", refused.ToString());
    }

    static UsageRecord InSession(string session, DateTimeOffset at, long cost) => new()
    {
        Id = RequestId.New(at),
        OrgId = "org_a",
        KeyId = "key_1",
        RunnerId = "runner_1",
        SessionId = session,
        Provider = "openai",
        Model = "gpt-5.1",
        RequestedModel = "gpt-5.1",
        Endpoint = "chat.completions",
        Day = DateOnly.FromDateTime(at.UtcDateTime),
        Timestamp = at,
        PriceVersion = "2026-08-06",
        Status = RecordStatus.Settled,
        Cost = new NanoUsd(cost),
    };

    static BreakdownQuery OfDay(DateOnly day) =>
        new() { From = RolledUpDays.End(day).AddDays(-1), To = RolledUpDays.End(day), By = [BreakdownDimension.Key, BreakdownDimension.Session] };

    Task<Dictionary<string, string>> HoldingAsync(DateOnly day) =>
        _database.RunAsync(session => RolledUpDays.Holding(session, day.ToString("O"), day.AddDays(1).ToString("O")));

    async Task<long> CountAsync() =>
        (await Ledger.BreakdownAsync(new BreakdownQuery { From = default, To = DateTimeOffset.MaxValue, By = [] }, Ct)).Single().Requests;

    static async Task<T> EventuallyAsync<T>(Func<Task<T>> act)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (true)
        {
            try
            {
                return await act();
            }
            catch (LedgerUnavailableException) when (!limit.IsCancellationRequested)
            {
                await Task.Delay(100, Ct);
            }
        }
    }
}
