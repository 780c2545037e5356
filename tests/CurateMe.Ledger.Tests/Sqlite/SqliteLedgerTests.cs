using CurateMe.Ledger.Records;
using CurateMe.Ledger.Sqlite;
using CurateMe.Ledger.Tests.Records;
using CurateMe.Testing;
using Microsoft.Data.Sqlite;
using SQLitePCL;
using Xunit;

namespace CurateMe.Ledger.Tests.Sqlite;

public sealed class SqliteLedgerTests : UsageLedgerContract
{
    readonly TemporaryDirectory _directory = new();

    string File => Path.Combine(_directory.Path, SqliteLedger.FileName);

    private protected override Task<IUsageLedger> OpenAsync() => Task.FromResult<IUsageLedger>(SqliteLedger.Open(_directory.Path, Clock));

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        _directory.Dispose();
    }

    [Fact]
    public async Task Open_AfterClose_HasWhatWasWrittenAndGoesOnSummingExactly()
    {
        var random = Records(31);
        var all = await WriteHistoryAsync(random, 5_000);
        await Ledger.DisposeAsync();

        await using var again = SqliteLedger.Open(_directory.Path, Clock);
        all.AddRange(random.Make(1));
        await again.RecordAsync([all[^1]], Ct);

        var total = Assert.Single(await again.BreakdownAsync(new BreakdownQuery { From = default, To = DateTimeOffset.MaxValue, By = [] }, Ct));
        Assert.Equal((5_001, all.Sum(record => record.Cost.Value)), (total.Requests, total.Cost.Value));
    }

    [Fact]
    public async Task Record_WhileAnotherProcessHoldsTheFileLocked_SaysSoAndStoresNothing()
    {
        var record = Records(32).Make();
        await using var other = new SqliteConnection($"Data Source={File};Pooling=False");
        await other.OpenAsync(Ct);
        var begin = other.CreateCommand();
        begin.CommandText = "BEGIN IMMEDIATE";
        await begin.ExecuteNonQueryAsync(Ct);

        await Assert.ThrowsAsync<LedgerUnavailableException>(() => Ledger.RecordAsync([record], Ct));
        Assert.Null(await Ledger.FindAsync(record.OrgId, record.Id, Ct));
        begin.CommandText = "ROLLBACK";
        await begin.ExecuteNonQueryAsync(Ct);

        Assert.Equal(1, await Ledger.RecordAsync([record], Ct));
    }

    /// <summary>Some errors, such as a full disk, roll back by themselves; others leave the transaction open.</summary>
    [Theory]
    [InlineData("ABORT")]
    [InlineData("ROLLBACK")]
    public async Task Record_ErrorInTheMiddleOfABatch_StoresNothingAndRecovers(string kind)
    {
        var all = Records(33).Make(200);
        await Ledger.RecordAsync(all[..10], Ct);
        Execute($"CREATE TRIGGER fault BEFORE INSERT ON gateway_usage WHEN NEW.request_id = '{all[150].Id}' BEGIN SELECT RAISE({kind}, 'fault'); END");

        var failed = await Assert.ThrowsAsync<LedgerUnavailableException>(() => Ledger.RecordAsync(all, Ct));

        Assert.Contains("fault", failed.Message);
        Execute("DROP TRIGGER fault");
        Assert.Equal(190, await Ledger.RecordAsync(all, Ct));
    }

    [Fact]
    public async Task Open_FileFromBeforeTheSumsBySession_SumsUpWhatItHas()
    {
        var random = Records(35);
        var all = await WriteHistoryAsync(random, 500);
        await Ledger.MaintainAsync(Ct);
        await Ledger.DisposeAsync();
        Execute($"DELETE FROM gateway_usage_sums WHERE kind = {(int)SumKind.SessionAlone}; PRAGMA user_version = 3");

        await using var again = SqliteLedger.Open(_directory.Path, Clock);
        await AssertBySessionAsync(again);
        await again.MaintainAsync(Ct);
        await AssertBySessionAsync(again);

        async Task AssertBySessionAsync(SqliteLedger ledger)
        {
            var rows = await ledger.BreakdownAsync(new BreakdownQuery { From = default, To = DateTimeOffset.MaxValue, By = [BreakdownDimension.Session] }, Ct);
            var expected = all.GroupBy(static r => r.SessionId ?? "").ToDictionary(static g => g.Key, static g => (g.LongCount(), g.Sum(static r => r.Cost.Value)));
            Assert.Equal(expected, rows.ToDictionary(static r => r.Values[0] ?? "", static r => (r.Requests, r.Cost.Value)));
        }
    }

    [Fact]
    public async Task Open_FileOfTheFirstVersion_HasWhatItHadAndGoesOn()
    {
        var random = Records(40);
        var all = await WriteHistoryAsync(random, 500);
        await Ledger.DisposeAsync();
        var current = File + ".current";
        System.IO.File.Move(File, current);
        Execute(
            $"""
            {LedgerSchema.Steps[0]}
            ATTACH '{current}' AS current;
            INSERT INTO gateway_usage ({LedgerSchema.Columns}) SELECT {LedgerSchema.Columns} FROM current.gateway_usage ORDER BY seq LIMIT 300;
            {LedgerSchema.RollUp};
            {LedgerSchema.RolledUp};
            INSERT INTO gateway_usage ({LedgerSchema.Columns}) SELECT {LedgerSchema.Columns} FROM current.gateway_usage ORDER BY seq LIMIT -1 OFFSET 300;
            PRAGMA user_version = 1;
            """);

        await using var again = SqliteLedger.Open(_directory.Path, Clock);
        await AssertSumsAsync(again);
        all.AddRange(random.Make(100));
        await again.RecordAsync(all, Ct);
        await again.MaintainAsync(Ct);
        await AssertSumsAsync(again);
        AssertSumsAreTheRecords();

        async Task AssertSumsAsync(SqliteLedger ledger)
        {
            foreach (var by in Enum.GetValues<BreakdownDimension>())
            {
                var rows = await ledger.BreakdownAsync(new BreakdownQuery { From = default, To = DateTimeOffset.MaxValue, By = [by], TagName = "app" }, Ct);
                Assert.Equal((all.Count, all.Sum(static r => r.Cost.Value)), (rows.Sum(static r => r.Requests), rows.Sum(static r => r.Cost.Value)));
            }
        }
    }

    [Fact]
    public async Task Open_FileOfANewerVersion_IsRefusedWithTheReason()
    {
        await Ledger.DisposeAsync();
        Execute("PRAGMA user_version = 99");

        var refused = Assert.Throws<LedgerUnavailableException>(() => SqliteLedger.Open(_directory.Path, Clock));

        Assert.Contains("newer version", refused.Message);
    }

    [Fact]
    public async Task Open_FileThatIsNoDatabase_IsRefusedWithItsName()
    {
        await Ledger.DisposeAsync();
        await System.IO.File.WriteAllTextAsync(File, new string('x', 5_000), Ct);

        var refused = Assert.Throws<LedgerUnavailableException>(() => SqliteLedger.Open(_directory.Path, Clock));

        Assert.Contains(File, refused.Message);
    }

    [Fact]
    public async Task File_ReadByHand_HasTheNamesAndFiguresOfTheRecords()
    {
        var record = Records(34).Make();
        await Ledger.RecordAsync([record], Ct);

        Assert.Equal(
            $"{record.Id}|{record.Cost.Value}|{record.Cost.Value / 1_000_000_000m:0.000000000}|{record.Timestamp:yyyy-MM}",
            Execute("SELECT request_id || '|' || cost_nano_usd || '|' || cost_usd || '|' || period_month FROM gateway_usage_usd"));
    }

    /// <summary>Sums of all orgs are asked for every minute, and the roll-up has as many rows as all days have sessions.</summary>
    [Fact]
    public async Task Spend_OfAllOrgsInOneDay_DoesNotWalkTheOtherDays()
    {
        const int Rows = 50_000;
        await Ledger.RecordAsync(Records(39).Make(50), Ct);
        Execute(
            $"""
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {Rows})
            INSERT INTO gateway_usage_daily SELECT 'org_' || (i % 3), '2025-01-01', 'key', '', 'm', 'p', 'r', 's' || i, 1, 1, 1, 1, 1 FROM n
            """);
        await using var connection = new SqliteConnection($"Data Source={File};Pooling=False");
        await connection.OpenAsync(Ct);
        var steps = 0;
        raw.sqlite3_progress_handler(connection.Handle!, 1, _ => steps++ < 0 ? 1 : 0, null);

        SpendSql.ByKey(connection, SpendPeriod.OfDay(new DateOnly(2026, 2, 28)), new SpendScope(null, null, null));

        Assert.InRange(steps, 1, Rows);
    }

    /// <summary>Records are stored several at a time; what of them was there already, or comes twice in a batch, is counted and summed once.</summary>
    [Theory]
    [InlineData(37)]
    [InlineData(38)]
    public async Task Record_BatchesOfNewAndKnownRecords_StoresAndSumsEachOnce(int seed)
    {
        var random = Records(seed);
        var known = random.Make(200);
        await Ledger.RecordAsync(known, Ct);
        var all = known.ToDictionary(static r => r.Id);
        for (var round = 0; round < 60; round++)
        {
            var batch = Enumerable.Range(0, random.Random.Next(1, 70))
                .Select(_ => random.Random.Next(3) == 0 ? all.Values.ElementAt(random.Random.Next(all.Count)) : random.Make()).ToList();
            if (random.Random.Next(2) == 0) batch.Insert(random.Random.Next(batch.Count), batch[random.Random.Next(batch.Count)]);
            var before = all.Count;
            foreach (var record in batch) all.TryAdd(record.Id, record);

            Assert.Equal(all.Count - before, await Ledger.RecordAsync(batch, Ct));
            if (random.Random.Next(10) == 0) await Ledger.MaintainAsync(Ct);
        }
        await Ledger.MaintainAsync(Ct);

        AssertSumsAreTheRecords();
        Assert.Equal((long)all.Count, Execute("SELECT count(*) FROM gateway_usage"));
        Assert.Equal(all.Values.Sum(static r => r.Cost.Value), Execute("SELECT sum(cost_nano_usd) FROM gateway_usage_daily"));
    }

    /// <summary>What the writer remembers for the sums, what it finds in the table after a start, and both in turn.</summary>
    [Theory]
    [InlineData(35)]
    [InlineData(36)]
    public async Task Sums_WrittenByTheWriterOrFromTheTable_AreTheGroupsOfTheRecords(int seed)
    {
        var random = Records(seed);
        await WriteHistoryAsync(random, 9_000);
        await Ledger.DisposeAsync();
        await using (var again = SqliteLedger.Open(_directory.Path, Clock))
        {
            await again.RecordAsync(random.Make(500), Ct);
            await again.MaintainAsync(Ct);
            AssertSumsAreTheRecords();
            Execute("CREATE TRIGGER fault BEFORE INSERT ON gateway_usage_sums BEGIN SELECT RAISE(ABORT, 'fault'); END");
            for (var i = 0; i < 20; i++) await again.RecordAsync(random.Make(300), Ct);
            await Assert.ThrowsAsync<LedgerUnavailableException>(() => again.MaintainAsync(Ct));
            Execute("DROP TRIGGER fault");
            await again.RecordAsync(random.Make(10), Ct);
            await again.MaintainAsync(Ct);
            AssertSumsAreTheRecords();
            await again.RecordAsync(random.Make(5_000), Ct);
        }
        await using var last = SqliteLedger.Open(_directory.Path, Clock);
        await last.MaintainAsync(Ct);
        AssertSumsAreTheRecords();
    }

    void AssertSumsAreTheRecords()
    {
        Assert.Equal(Execute("SELECT max(seq) FROM gateway_usage"), Execute("SELECT through FROM gateway_usage_summed"));
        foreach (var (kind, bucket, key, team, runner) in new[]
        {
            (1, "CAST(ts / 3600000 AS TEXT)", "''", "coalesce(team_id, '')", "''"),
            (2, "coalesce(tags, '')", "''", "''", "''"),
            (3, "''", "key_id", "coalesce(team_id, '')", "coalesce(runner_id, '')"),
        })
        {
            var stored = $"SELECT org_id, period_day, bucket, key_id, team_id, model, provider, runner_id, requests, cost_nano_usd, prompt_tokens, completion_tokens FROM gateway_usage_sums WHERE kind = {kind}";
            var grouped = $"SELECT org_id, period_day, {bucket}, {key}, {team}, model, provider, {runner}, count(*), sum(cost_nano_usd), sum(prompt_tokens), sum(completion_tokens) FROM gateway_usage GROUP BY 1, 2, 3, 4, 5, 6, 7, 8";
            Assert.NotEqual(0L, Execute($"SELECT count(*) FROM ({stored})"));
            Assert.Equal(0L, Execute($"SELECT count(*) FROM (SELECT * FROM ({stored}) EXCEPT SELECT * FROM ({grouped}))"));
            Assert.Equal(0L, Execute($"SELECT count(*) FROM (SELECT * FROM ({grouped}) EXCEPT SELECT * FROM ({stored}))"));
        }
    }

    object? Execute(string sql)
    {
        using var connection = new SqliteConnection($"Data Source={File};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar();
    }
}
