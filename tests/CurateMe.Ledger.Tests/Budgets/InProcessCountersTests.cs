using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Money;
using CurateMe.Testing;
using CurateMe.Testing.Budgets;
using Xunit;

namespace CurateMe.Ledger.Tests.Budgets;

public sealed class InProcessCountersTests : CounterStoreContract
{
    readonly TestClock _clock = new();

    private protected override DateTimeOffset Now => _clock.Now;

    private protected override ValueTask<ICounterStore> OpenAsync() => new(new InProcessCounters(_clock));

    private protected override Task PassAsync(TimeSpan time)
    {
        _clock.Advance(time);
        return Task.CompletedTask;
    }

    [Theory]
    [InlineData(-3600)]
    [InlineData(3600)]
    public async Task I3_AC13_Expire_WallClockSet_ExpiresWhenTheTimeHasPassed(int seconds)
    {
        await HeldAsync(Ask.Whole(), 10, life: TimeSpan.FromMinutes(10));
        _clock.Set(_clock.Now.AddSeconds(seconds));

        _clock.Advance(TimeSpan.FromMinutes(9));
        Assert.Empty(await ExpireAllAsync());
        _clock.Advance(TimeSpan.FromMinutes(1));

        Assert.Single(await ExpireAllAsync());
    }

    [Fact]
    public async Task I3_Expire_OwnerStillWritesToItsRecord_ThePresumedOneStays()
    {
        var record = await HeldAsync(Ask.Whole(), 10, life: TimeSpan.FromMinutes(10));
        _clock.Advance(TimeSpan.FromMinutes(10));
        var expired = Assert.Single(await ExpireAllAsync());

        Wishes.Settled(record, 3);

        Assert.NotSame(record, expired);
        Assert.Equal(10, Assert.Single((await Store.MarkAsync(Ask.OrgId, Ct)).Unrecorded).Cost.Value);
    }

    [Fact]
    public async Task Rate_Full_IsFreeAgainAfterReset()
    {
        var path = Ask.Path(Ask.Org(rpm: 7), Wishes.Key());
        HoldOutcome last = default;
        for (var i = 0; i < 8; i++) last = await Store.HoldAsync(Ask.Ask(path, 1), Ct);

        _clock.Advance(TimeSpan.FromMilliseconds(last.Rate.ResetMs));

        for (var i = 0; i < 7; i++) Assert.Equal(HoldVerdict.Admitted, (await Store.HoldAsync(Ask.Ask(path, 1), Ct)).Verdict);
        Assert.Equal(HoldVerdict.RateLimited, (await Store.HoldAsync(Ask.Ask(path, 1), Ct)).Verdict);
    }

    [Theory]
    [InlineData(59_999)]
    [InlineData(1_000_000_007)]
    public async Task Rate_LargeLimit_IsKept(int limit)
    {
        var outcome = await Store.HoldAsync(Ask.Ask(Ask.Path(Ask.Org(rpm: limit), Wishes.Key()), 1), Ct);

        Assert.Equal((limit, limit - 1), (outcome.Rate.Limit, outcome.Rate.Remaining));
    }

    [Fact]
    public async Task Trim_OverPeriods_AreForgottenAndLiveOnesKept()
    {
        var counters = (InProcessCounters)Store;
        await SpentAsync(Ask.Whole(), 10);
        var free = await HeldAsync(Ask.Path(Ask.Org(), Wishes.Key(), Wishes.Session(id: "free")), 0);
        var first = Today;
        counters.Trim();
        Assert.Equal((10, 0), await AtAsync("session:s1", PeriodKind.Life));
        await Store.EndAsync(Wishes.Settled(free, 4), Ct);
        Assert.Equal((4, 0), await AtAsync("session:free", PeriodKind.Life));

        _clock.Advance(TimeSpan.FromDays(95));
        counters.Trim();

        Assert.Empty(await Store.SnapshotAsync(Ask.OrgId, first, Ct));
    }

    [Fact]
    public async Task AC13_Trim_ClockAheadForAWhile_NothingSpentIsForgotten()
    {
        var path = Ask.Path(Ask.Org(daily: 10, monthly: 10), Wishes.Key(), Wishes.Session(life: 10));
        await SpentAsync(path, 10);
        var right = _clock.Now;

        _clock.Set(right.AddYears(1));
        ((InProcessCounters)Store).Trim();
        _clock.Set(right);

        Assert.Equal([(10, 0), (10, 0)], [await AtAsync("org", PeriodKind.Day), await AtAsync("session:s1", PeriodKind.Life)]);
        Assert.Equal(HoldVerdict.BudgetExceeded, (await Store.HoldAsync(Ask.Ask(path, 1), Ct)).Verdict);
    }

    [Fact]
    public async Task Captured_Overrun_IsToldAndMemoryStays()
    {
        var path = Ask.Whole();
        var mark = await Store.MarkAsync(Ask.OrgId, Ct);
        for (var i = 0; i < CounterMark.MaxCaptured + 10; i++)
        {
            var request = Ask.Ask(path, 0);
            await Store.HoldAsync(request, Ct);
            await Store.EndAsync(request.Record, Ct);
        }

        await Assert.ThrowsAsync<InvalidOperationException>(async () => await Store.AdjustAsync(mark, [], Ct));
    }

    [Fact]
    public void Numbers_OfStoredEnums_AreFrozen()
    {
        Assert.Equal([("Org", 0), ("Team", 1), ("Key", 2), ("Session", 3)], Enum.GetValues<NodeKind>().Select(kind => ($"{kind}", (int)kind)));
        Assert.Equal([("Day", 0), ("Month", 1), ("Life", 2)], Enum.GetValues<PeriodKind>().Select(kind => ($"{kind}", (int)kind)));
    }

    [Fact]
    public async Task CheckAsync_CountsLiveHolds()
    {
        await HeldAsync(Ask.Whole(), 10);
        await SpentAsync(Ask.Whole(), 10);

        Assert.Equal(1, (await Store.CheckAsync(Ct)).LiveHolds);
    }
}
