using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;
using CurateMe.Testing;
using CurateMe.Testing.Records;
using Xunit;

namespace CurateMe.Ledger.Tests.Budgets;

public sealed class UnrecordedRecordsTests : IAsyncDisposable
{
    const int Seed = 61;

    readonly TestClock _clock = new();
    readonly InProcessCounters _counters;

    public UnrecordedRecordsTests() => _counters = new InProcessCounters(_clock);

    public ValueTask DisposeAsync() => _counters.DisposeAsync();

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Ended_MoreThanRemembered_KeepsABoundedNumberAndTheExactSpend()
    {
        var records = await EndAsync(InProcessCounters.MaxUnrecorded + 500);

        Assert.Equal(records.Sum(static r => r.Cost.Value), (await _counters.SnapshotAsync("org_a", _clock.Today, Ct)).Single(static c => c is { Field: "org", Period: PeriodKind.Day }).Spent.Value);
        await Assert.ThrowsAsync<RecordsOnTheirWayException>(async () => await _counters.MarkAsync("org_a", Ct));
        Assert.Equal(500, _counters.Skipped);
        Assert.Empty((await _counters.MarkAsync("org_b", Ct)).Unrecorded);
    }

    [Fact]
    public async Task Ended_AndRecordedLater_CanBeComparedAgainAndChangeNothing()
    {
        var records = await EndAsync(InProcessCounters.MaxUnrecorded + 500);
        var skipped = _counters.Skipped;
        await _counters.ConfirmAsync(records, Ct);
        await _counters.ConfirmAsync(records, Ct);
        await Assert.ThrowsAsync<RecordsOnTheirWayException>(async () => await _counters.MarkAsync("org_a", Ct));

        _counters.CatchUp(skipped);

        var mark = await _counters.MarkAsync("org_a", Ct);
        Assert.Empty(mark.Unrecorded);
        Assert.Equal(records.Sum(static r => r.Cost.Value), mark.Spent[new CellName("org", PeriodKind.Day, _clock.Today)].Value);
        var more = await EndAsync(100);
        Assert.Equal(100, (await _counters.MarkAsync("org_a", Ct)).Unrecorded.Count);
        Assert.Equal(0, _counters.Skipped);
        Assert.Equal(100, more.Count);
    }

    async Task<List<UsageRecord>> EndAsync(int count)
    {
        var random = new RandomRecords(Seed + count, _clock.Now.AddMinutes(-1), _clock.Now);
        var path = new BudgetPath("org_a", [new BudgetNode(NodeKind.Org, "org_a", DailyLimit: null, MonthlyLimit: null)]);
        List<UsageRecord> records = [];
        for (var i = 0; i < count; i++)
        {
            var record = random.Make("org_a");
            (record.Status, record.Hold, record.Cost) = (RecordStatus.Settled, new NanoUsd(10), new NanoUsd(i % 10));
            var outcome = await _counters.HoldAsync(new HoldRequest(record, path, new NanoUsd(10), new NanoUsd(10), TimeSpan.FromMinutes(1)), Ct);
            Assert.Equal(HoldVerdict.Admitted, outcome.Verdict);
            await _counters.EndAsync(record, Ct);
            records.Add(record);
        }
        return records;
    }
}
