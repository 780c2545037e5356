using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Journal;
using CurateMe.Ledger.Records;
using CurateMe.Testing;
using CurateMe.Testing.Budgets;
using CurateMe.Testing.Holds;
using CurateMe.Testing.Records;
using Xunit;

namespace CurateMe.Ledger.Tests.Holds;

public sealed class HoldDeskTests : IAsyncLifetime
{
    readonly FaultyCounters _counters;
    readonly LedgerRig _rig;

    public HoldDeskTests()
    {
        var clock = new TestClock();
        _counters = new FaultyCounters(new InProcessCounters(clock));
        _rig = LedgerRig.Make(clock, counters: _counters);
    }

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => default;

    public ValueTask DisposeAsync() => _rig.DisposeAsync();

    HoldRequest Request(long amount = 100, TimeSpan? life = null) => _rig.Ask.Ask(_rig.Ask.Whole(), amount, life: life);

    async Task AssertCountersAsync(long spent, long held)
    {
        (_counters.Before, _counters.After) = (static _ => null, static _ => null);
        var cells = await _counters.SnapshotAsync(_rig.Ask.OrgId, _rig.Clock.Today, Ct);
        Assert.All(cells, cell => Assert.Equal((spent, held), (cell.Spent.Value, cell.Held.Value)));
    }

    [Fact]
    public async Task Take_Denied_GivesNoHoldAndWritesNothing()
    {
        var (hold, outcome) = await _rig.Desk.TakeAsync(_rig.Ask.Ask(_rig.Ask.Path(_rig.Ask.Org(daily: 0), Wishes.Key()), 1), Ct);

        Assert.Null(hold);
        Assert.Equal(HoldVerdict.BudgetExceeded, outcome.Verdict);
        Assert.Equal(0, _rig.Journal.OpenHolds);
    }

    [Fact]
    public async Task I5_Take_JournalRefuses_ThrowsAndHoldsNothing()
    {
        _rig.Journal.BeforeWrite = () => throw new IOException("No space left on device");

        await Assert.ThrowsAsync<JournalUnavailableException>(async () => await _rig.Desk.TakeAsync(Request(), Ct));

        await AssertCountersAsync(0, 0);
        Assert.Equal((0, 0), (_rig.Journal.OpenHolds, _rig.Journal.Unwritten));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AC07_Take_CountersTimeOut_LeavesNothingHeldWhateverTheyDid(bool carriedOut)
    {
        Func<string, Exception?> away = operation => operation == "hold" ? FaultyCounters.Away(unknown: true) : null;
        (_counters.Before, _counters.After) = carriedOut ? (_counters.Before, away) : (away, _counters.After);

        await Assert.ThrowsAsync<CounterStoreUnavailableException>(async () => await _rig.Desk.TakeAsync(Request(), Ct));

        await AssertCountersAsync(0, 0);
    }

    [Fact]
    public async Task AC07_Take_CallerLeavesMeanwhile_LeavesNothingHeld()
    {
        _counters.After = operation => operation == "hold" ? new OperationCanceledException() : null;

        await Assert.ThrowsAsync<OperationCanceledException>(async () => await _rig.Desk.TakeAsync(Request(), Ct));

        await AssertCountersAsync(0, 0);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AC07_Take_CountersStayAway_TheSweepTellsThemLater(bool carriedOut)
    {
        _counters.After = operation => operation == "hold" && carriedOut ? FaultyCounters.Away(unknown: true) : null;
        _counters.Before = operation => operation == "hold" && carriedOut ? null : FaultyCounters.Away(unknown: true);
        await Assert.ThrowsAsync<CounterStoreUnavailableException>(async () => await _rig.Desk.TakeAsync(Request(), Ct));
        await Assert.ThrowsAsync<CounterStoreUnavailableException>(async () => await _rig.Desk.ExpireAsync(Ct));
        Assert.Equal(1, _rig.Desk.Untold);

        (_counters.Before, _counters.After) = (static _ => null, static _ => null);
        Assert.Empty(await _rig.Desk.ExpireAsync(Ct));

        Assert.Equal(0, _rig.Desk.Untold);
        await AssertCountersAsync(0, 0);
    }

    [Fact]
    public async Task AC07_End_CountersAway_IsInTheJournalAndToldLater()
    {
        var (hold, _) = await _rig.Desk.TakeAsync(Request(), Ct);
        _counters.Before = static operation => operation == "end" ? FaultyCounters.Away() : null;
        await using (hold)
        {
            hold!.Forwarding();
            hold.Charge(42);
        }
        Assert.Equal((1, 0, 1), (_rig.Journal.Settled, _rig.Journal.OpenHolds, _rig.Desk.Untold));

        _counters.Before = static _ => null;
        await _rig.Desk.ExpireAsync(Ct);

        await AssertCountersAsync(42, 0);
    }

    [Fact]
    public async Task I6_End_CountersNeverHeardOfIt_TheRecorderTellsThem()
    {
        var (hold, _) = await _rig.Desk.TakeAsync(Request(), Ct);
        _counters.Before = static operation => operation == "end" ? FaultyCounters.Away() : null;
        await using (hold)
        {
            hold!.Forwarding();
            hold.Charge(42);
        }

        _rig.Recorder.Start();
        await _rig.Recorder.DrainAsync(Ct);

        await AssertCountersAsync(42, 0);
    }

    [Fact]
    public async Task I3_Expire_OwnerNeverEnds_IsPresumedRecordedOnce()
    {
        var (hold, _) = await _rig.Desk.TakeAsync(Request(life: TimeSpan.FromMinutes(10)), Ct);
        hold!.Forwarding();
        _rig.Clock.Advance(TimeSpan.FromMinutes(11));

        var expired = Assert.Single(await _rig.Desk.ExpireAsync(Ct));
        hold.Charge(42);
        await hold.DisposeAsync(); // too late
        _rig.Recorder.Start();
        await _rig.Recorder.DrainAsync(Ct);

        Assert.False(hold.End.Applied);
        var record = Assert.Single(_rig.Memory.All);
        Assert.Equal((expired.Id, RecordStatus.Expired, UsageSource.Presumed, 100L), (record.Id, record.Status, record.Source, record.Cost.Value));
        await AssertCountersAsync(100, 0);
    }

    [Fact]
    public async Task AC11_Expire_BetweenJournalAndCountersOfTheOwner_LedgerAndCountersAgree()
    {
        var request = Request(life: TimeSpan.FromMinutes(10));
        var (hold, _) = await _rig.Desk.TakeAsync(request, Ct);
        hold!.Forwarding();
        hold.Charge(42);
        _rig.Clock.Advance(TimeSpan.FromMinutes(11));
        IReadOnlyList<UsageRecord> expired = [];
        _counters.Before = operation =>
        {
            if (operation != "end") return null;
            _counters.Before = static _ => null;
            expired = _rig.Desk.ExpireAsync(Ct).AsTask().Result; // in-process: nothing waits
            return null;
        };
        await hold.DisposeAsync();
        Assert.Single(expired);
        _rig.Recorder.Start();
        await _rig.Recorder.DrainAsync(Ct);

        var recorded = Assert.Single(_rig.Memory.All).Cost.Value;
        await AssertCountersAsync(recorded, 0);
        Assert.Empty((await _rig.Counters.MarkAsync(_rig.Ask.OrgId, Ct)).Unrecorded);
    }

    [Fact]
    public async Task AC11_Settle_AnotherReplicaHasRecordedTheExpiry_CountersKeepWhatTheLedgerHas()
    {
        var (hold, _) = await _rig.Desk.TakeAsync(Request(life: TimeSpan.FromMinutes(10)), Ct);
        hold!.Forwarding();
        _rig.Clock.Advance(TimeSpan.FromMinutes(11));
        await _rig.Memory.RecordAsync(await _counters.ExpireAsync(10, Ct), Ct);
        hold.Charge(42);
        await hold.DisposeAsync();

        _rig.Recorder.Start();
        await _rig.Recorder.DrainAsync(Ct);

        Assert.Equal(100, Assert.Single(_rig.Memory.All).Cost.Value);
        await AssertCountersAsync(100, 0);
    }

    [Fact]
    public async Task Take_SameRecordAgain_IsOneHold()
    {
        var request = Request();
        var (first, _) = await _rig.Desk.TakeAsync(request, Ct);
        var (second, _) = await _rig.Desk.TakeAsync(request, Ct);
        await AssertCountersAsync(0, 100);

        first!.Forwarding();
        first.Charge(5);
        await first.DisposeAsync();
        await second!.DisposeAsync();

        await AssertCountersAsync(5, 0);
        Assert.Equal(1, _rig.Journal.Settled);
    }

    [Fact]
    public async Task I5_Recover_AfterDeath_PresumesWhatWasOpen()
    {
        var (hold, _) = await _rig.Desk.TakeAsync(Request(), Ct);
        hold!.Forwarding();
        await using var next = _rig.Crash();

        await next.StartAsync(Ct);

        var record = Assert.Single(next.Memory.All);
        Assert.Equal((RecordStatus.Expired, UsageSource.Presumed, 100L), (record.Status, record.Source, record.Cost.Value));
        var cells = await next.Counters.SnapshotAsync(next.Ask.OrgId, next.Clock.Today, Ct);
        Assert.Equal(7, cells.Count);
        Assert.All(cells, cell => Assert.Equal((100, 0), (cell.Spent.Value, cell.Held.Value)));
    }
}
