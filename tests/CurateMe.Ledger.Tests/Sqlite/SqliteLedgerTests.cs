using CurateMe.Ledger.Records;
using CurateMe.Ledger.Sqlite;
using CurateMe.Ledger.Tests.Records;
using CurateMe.Testing;
using Microsoft.Data.Sqlite;
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
            Execute("SELECT request_id || '|' || cost_nano_usd || '|' || cost_usd || '|' || period_month FROM gateway_usage"));
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
