using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;
using CurateMe.Testing.Budgets;
using Xunit;

namespace CurateMe.Ledger.Tests.Budgets;

public abstract partial class CounterStoreContract
{
    CellName OrgDay => new("org", PeriodKind.Day, Today);

    [Fact]
    public async Task Mark_SaysWhatIsSpentLiveAndUnrecorded()
    {
        var confirmed = await SpentAsync(Ask.Whole(), 1);
        var ended = await SpentAsync(Ask.Whole(), 20);
        var live = await HeldAsync(Ask.Whole(), 300);
        await Store.ConfirmAsync([confirmed], Ct);

        var mark = await Store.MarkAsync(Ask.OrgId, Ct);

        Assert.Equal(Ask.OrgId, mark.OrgId);
        Assert.Equal(CellName.Of(live).Order(Comparer<CellName>.Create((a, b) => string.CompareOrdinal($"{a}", $"{b}"))), mark.Spent.Keys.Order(Comparer<CellName>.Create((a, b) => string.CompareOrdinal($"{a}", $"{b}"))));
        Assert.All(mark.Spent.Values, spent => Assert.Equal(21, spent.Value));
        Assert.Equal(live.Id, Assert.Single(mark.Live));
        Assert.Equal((ended.Id, 20L, ended.Day), (Assert.Single(mark.Unrecorded).Id, mark.Unrecorded[0].Cost.Value, mark.Unrecorded[0].Day));
        Assert.True(mark.At > live.Timestamp, $"{mark.At:O} is not after {live.Timestamp:O}");
    }

    [Fact]
    public async Task Mark_AfterAHoldFromALaterClock_IsLaterStill()
    {
        var ahead = new Wishes(Ask.OrgId, () => Now.AddMinutes(10));
        var hold = ahead.Ask(ahead.Whole(), 1);
        await Store.HoldAsync(hold, Ct);

        Assert.True((await Store.MarkAsync(Ask.OrgId, Ct)).At > hold.Record.Timestamp);
    }

    [Fact]
    public async Task Captured_GivesHoldsSinceTheMark()
    {
        await HeldAsync(Ask.Whole(), 1);
        var mark = await Store.MarkAsync(Ask.OrgId, Ct);
        var since = new[] { await HeldAsync(Ask.Whole(), 1), await SpentAsync(Ask.Whole(), 1) };
        await Store.HoldAsync(Ask.Ask(Ask.Path(Ask.Org(daily: 0)), 5), Ct);

        Assert.Equal(since.Select(record => record.Id).Order(), (await Store.CapturedAsync(mark, Ct)).Order());
    }

    [Fact]
    public async Task Adjust_AddsDifferencesToWhatHappenedSince()
    {
        await SpentAsync(Ask.Whole(), 100);
        var mark = await Store.MarkAsync(Ask.OrgId, Ct);
        await SpentAsync(Ask.Whole(), 7);
        await HeldAsync(Ask.Whole(), 50);

        var unseen = new CellName("team:unseen", PeriodKind.Month, new DateOnly(Today.Year, Today.Month, 1));
        await Store.AdjustAsync(mark, [new CellDelta(OrgDay, new NanoUsd(-60)), new CellDelta(unseen, new NanoUsd(9))], Ct);

        Assert.Equal((47, 50), await AtAsync("org", PeriodKind.Day));
        Assert.Equal((107, 50), await AtAsync("org", PeriodKind.Month));
        Assert.Equal((9, 0), await AtAsync("team:unseen", PeriodKind.Month));
    }

    [Fact]
    public async Task Adjust_MarkReplacedOrEnded_ThrowsAndChangesNothing()
    {
        await SpentAsync(Ask.Whole(), 100);
        var first = await Store.MarkAsync(Ask.OrgId, Ct);
        var second = await Store.MarkAsync(Ask.OrgId, Ct);
        CellDelta[] delta = [new(OrgDay, new NanoUsd(5))];

        await Assert.ThrowsAsync<InvalidOperationException>(async () => await Store.AdjustAsync(first, delta, Ct));
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await Store.CapturedAsync(first, Ct));
        await Store.AdjustAsync(second, delta, Ct);
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await Store.AdjustAsync(second, delta, Ct));

        Assert.Equal((105, 0), await AtAsync("org", PeriodKind.Day));
    }

    [Fact]
    public async Task Adjust_TimeMovedForward_LaterMarksAreNotEarlier()
    {
        var mark = await Store.MarkAsync(Ask.OrgId, Ct);
        var moved = mark with { At = mark.At.AddHours(1) };
        await Store.AdjustAsync(moved, [], Ct);

        Assert.True((await Store.MarkAsync(Ask.OrgId, Ct)).At > moved.At);
    }

    [Fact]
    public async Task I2_Confirm_HoldStillLive_EndsItWithTheLedgersCost()
    {
        var record = await HeldAsync(Ask.Whole(), 50);

        await Store.ConfirmAsync([Wishes.Settled(record, 40)], Ct); // the recorder was faster than the one who settles
        var late = await Store.EndAsync(record, Ct);

        Assert.False(late.Applied);
        Assert.All(await Store.SnapshotAsync(Ask.OrgId, Today, Ct), cell => Assert.Equal((40, 0), (cell.Spent.Value, cell.Held.Value)));
        Assert.Empty((await Store.MarkAsync(Ask.OrgId, Ct)).Unrecorded);
        Assert.Empty((await Store.MarkAsync(Ask.OrgId, Ct)).Live);
    }

    [Fact]
    public async Task AC11_Confirm_LedgerHasAnotherCostThanTheExpiredHold_CorrectsIt()
    {
        var record = await HeldAsync(Ask.Whole(), 50, life: TimeSpan.FromSeconds(1));
        await PassAsync(TimeSpan.FromSeconds(1.2));
        await ExpireAllAsync();

        for (var i = 0; i < 3; i++) await Store.ConfirmAsync([Wishes.Settled(record, 10)], Ct);

        Assert.All(await Store.SnapshotAsync(Ask.OrgId, Today, Ct), cell => Assert.Equal((10, 0), (cell.Spent.Value, cell.Held.Value)));
        Assert.Empty((await Store.MarkAsync(Ask.OrgId, Ct)).Unrecorded);
    }

    [Fact]
    public async Task Confirm_OfWhatIsNotKnown_ChangesNothing()
    {
        await SpentAsync(Ask.Whole(), 5);

        await Store.ConfirmAsync([Wishes.Settled(Ask.Record(Ask.Whole()), 40)], Ct);

        Assert.Equal((5, 0), await AtAsync("org", PeriodKind.Day));
    }

    [Fact]
    public async Task Check_AnsweringStore_IsConnected()
    {
        await SpentAsync(Ask.Whole(), 5);

        var health = await Store.CheckAsync(Ct);

        Assert.True(health.Connected);
        Assert.NotNull(health.LastWrite);
    }
}
