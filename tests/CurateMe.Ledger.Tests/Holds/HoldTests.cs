using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Holds;
using CurateMe.Ledger.Journal;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Pricing;
using CurateMe.Ledger.Records;
using CurateMe.Testing;
using CurateMe.Testing.Budgets;
using CurateMe.Testing.Holds;
using Xunit;

namespace CurateMe.Ledger.Tests.Holds;

public sealed class HoldTests : IAsyncLifetime
{
    readonly LedgerRig _rig = LedgerRig.Make();

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => default;

    public ValueTask DisposeAsync() => _rig.DisposeAsync();

    async Task<Hold> TakeAsync(long amount = 100)
    {
        var (hold, outcome) = await _rig.Desk.TakeAsync(_rig.Ask.Ask(_rig.Ask.Whole(), amount), Ct);
        Assert.Equal(HoldVerdict.Admitted, outcome.Verdict);
        return hold!;
    }

    async Task<UsageRecord?> RecordedAsync()
    {
        _rig.Recorder.Start();
        await _rig.Recorder.DrainAsync(Ct);
        return _rig.Memory.All.SingleOrDefault();
    }

    async Task AssertSpentAsync(long spent)
    {
        Assert.All(await _rig.Counters.SnapshotAsync(_rig.Ask.OrgId, _rig.Clock.Today, Ct), cell => Assert.Equal((spent, 0L), (cell.Spent.Value, cell.Held.Value)));
        Assert.Equal(0, _rig.Journal.OpenHolds);
    }

    [Theory]
    [InlineData("taken", null, 0, null)]
    [InlineData("forwarding", RecordStatus.Abandoned, 100, UsageSource.Presumed)]
    [InlineData("not billed", RecordStatus.Failed, 0, UsageSource.Provider)]
    [InlineData("not billed, retried", RecordStatus.Abandoned, 100, UsageSource.Presumed)]
    [InlineData("not billed, retried, not billed", RecordStatus.Failed, 0, UsageSource.Provider)]
    [InlineData("not billed, retried, billed", RecordStatus.Settled, 42, UsageSource.Provider)]
    [InlineData("billed", RecordStatus.Settled, 42, UsageSource.Provider)]
    [InlineData("client left", RecordStatus.ClientLeft, 42, UsageSource.Estimated)]
    [InlineData("billed nothing", RecordStatus.Settled, 0, UsageSource.Provider)]
    [InlineData("billed twice", RecordStatus.Settled, 43, UsageSource.Provider)]
    [InlineData("billed above the hold", RecordStatus.Settled, 142, UsageSource.Provider)]
    public async Task AC07_Leave_ByAnException_EndsOnceByWhatWasSaid(string at, RecordStatus? status, long cost, UsageSource? source)
    {
        var thrown = await Assert.ThrowsAsync<TimeZoneNotFoundException>(async () =>
        {
            await using var hold = await TakeAsync();
            Say(hold, at);
            throw new TimeZoneNotFoundException("something of ours broke");
        });

        Assert.Contains("something of ours", thrown.Message, StringComparison.Ordinal);
        await AssertSpentAsync(cost);
        var record = await RecordedAsync();
        Assert.Equal((status, source), (record?.Status, record?.Source));
        Assert.Equal(cost, record?.Cost.Value ?? 0);
        await AssertSpentAsync(cost);
    }

    static void Say(Hold hold, string words)
    {
        foreach (var word in words.Split(", "))
        {
            switch (word)
            {
                case "taken": break;
                case "forwarding" or "retried": hold.Forwarding(); break;
                case "not billed": hold.Forwarding(); hold.NotBilled(429); break;
                case "billed": hold.Forwarding(); hold.Charge(42); break;
                case "client left": hold.Forwarding(); hold.Charge(42, UsageSource.Estimated, RecordStatus.ClientLeft); break;
                case "billed nothing": hold.Forwarding(); hold.Charge(0); break;
                case "billed twice": hold.Forwarding(); hold.Charge(1); hold.Charge(43); break;
                case "billed above the hold": hold.Forwarding(); hold.Charge(142); break;
                default: throw new ArgumentException(word, nameof(words));
            }
        }
    }

    [Fact]
    public async Task I2_Dispose_Again_ChangesNothing()
    {
        var hold = await TakeAsync();
        hold.Forwarding();
        hold.Charge(42);
        await hold.DisposeAsync();
        var end = hold.End;
        await hold.DisposeAsync();

        Assert.Equal((true, 42L), (end.Applied, end.OrgDaySpent.Value));
        Assert.Equal(end, hold.End);
        Assert.Equal(1, _rig.Journal.Settled);
    }

    [Fact]
    public async Task Say_AfterTheEnd_Throws()
    {
        var hold = await TakeAsync();
        await hold.DisposeAsync();

        Assert.Throws<InvalidOperationException>(hold.Forwarding);
        Assert.Throws<InvalidOperationException>(() => hold.NotBilled(0));
        Assert.Throws<InvalidOperationException>(() => hold.Charge(1));
        await AssertSpentAsync(0);
    }

    [Fact]
    public async Task I5_Say_AfterABill_IsRefusedAndTheBillStays()
    {
        var hold = await TakeAsync();
        hold.Forwarding();
        hold.Charge(42);

        Assert.Throws<InvalidOperationException>(hold.Forwarding);
        Assert.Throws<InvalidOperationException>(() => hold.NotBilled(500));
        await hold.DisposeAsync();

        await AssertSpentAsync(42);
        Assert.Equal((RecordStatus.Settled, 200), (hold.Record.Status, hold.Record.StatusCode));
    }

    [Fact]
    public async Task I5_Billed_CostBeyondAnyAmount_IsPresumedNotFree()
    {
        var hold = await TakeAsync();
        hold.Forwarding();
        var price = PriceList.BuiltIn.Providers.SelectMany(PriceList.BuiltIn.For).First(model => model.Cost(new UsageCounts { [BilledUnit.OutputToken] = 1 }, ServiceTier.Standard).Value > 2_000_000);

        Assert.Throws<OverflowException>(() => hold.Billed(new UsageCounts { [BilledUnit.OutputToken] = UsageCounts.MaxCount }, price, UsageSource.Provider, RecordStatus.Settled));
        await hold.DisposeAsync();

        Assert.Equal((RecordStatus.Abandoned, 100L), (hold.Record.Status, hold.Record.Cost.Value));
        await AssertSpentAsync(100);
    }

    [Fact]
    public async Task I5_Billed_CountThatStandsForUnknown_IsPresumedAndDoesNotCloseTheOrg()
    {
        var hold = await TakeAsync();
        hold.Forwarding();
        var price = PriceList.BuiltIn.Find("openai", "gpt-4o-mini")!;

        Assert.Throws<OverflowException>(() => hold.Billed(new UsageCounts { [BilledUnit.OutputToken] = UsageCounts.MaxCount }, price, UsageSource.Provider, RecordStatus.Settled));
        await hold.DisposeAsync();

        Assert.Equal((RecordStatus.Abandoned, 100L), (hold.Record.Status, hold.Record.Cost.Value));
        await AssertSpentAsync(100);
    }

    [Fact]
    public async Task I5_Billed_StatusHeld_IsRefused()
    {
        await using var hold = await TakeAsync();
        hold.Forwarding();

        Assert.Throws<ArgumentOutOfRangeException>(() => hold.Charge(5, status: RecordStatus.Held));
    }

    [Fact]
    public async Task Record_AtTheEnd_HasHoldAndLatency()
    {
        var hold = await TakeAsync();
        hold.Forwarding();
        _rig.Clock.Advance(TimeSpan.FromMilliseconds(1234));
        hold.Charge(1);
        await hold.DisposeAsync();

        Assert.Equal((100L, 1234), (hold.Record.Hold.Value, hold.Record.LatencyMs));
    }

    [Fact]
    public async Task I4_AC13_Hold_TakenJustBeforeMidnightAndSettledNextMonth_IsRecordedOnItsDay()
    {
        _rig.Clock.Set(new DateTimeOffset(2028, 2, 29, 23, 59, 59, 999, TimeSpan.Zero));
        var hold = await TakeAsync();
        hold.Forwarding();
        _rig.Clock.Advance(TimeSpan.FromMinutes(5));
        hold.Charge(42);
        await hold.DisposeAsync();

        var record = await RecordedAsync();
        Assert.Equal(new DateOnly(2028, 2, 29), record!.Day);
        var old = await _rig.Counters.SnapshotAsync(_rig.Ask.OrgId, new DateOnly(2028, 2, 29), Ct);
        Assert.All(old, cell => Assert.Equal(42, cell.Spent.Value));
        Assert.DoesNotContain(await _rig.Counters.SnapshotAsync(_rig.Ask.OrgId, _rig.Clock.Today, Ct), cell => cell.Spent != NanoUsd.Zero && cell.Period != PeriodKind.Life);
    }
}
