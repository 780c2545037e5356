using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Money;
using CurateMe.Testing.Budgets;
using Xunit;

namespace CurateMe.Ledger.Tests.Budgets;

public abstract partial class CounterStoreContract
{
    [Theory]
    [InlineData(0L, 0, 1, false)]
    [InlineData(100L, 100, 1, false)]
    [InlineData(100L, 40, 60, true)]
    [InlineData(100L, 40, 61, false)]
    [InlineData(100L, 0, 100, true)]
    [InlineData(100L, 0, 101, false)]
    [InlineData(null, 1_000_000, 9_007_199_254_740_993, true)]
    [InlineData(9_007_199_254_740_993, 9_007_199_254_740_992, 1, true)]
    [InlineData(9_007_199_254_740_993, 9_007_199_254_740_992, 2, false)]
    public async Task AC03_Hold_AtTheLimit_DeniesOnlyAboveIt(long? limit, long spent, long cost, bool admitted)
    {
        if (spent > 0) await SpentAsync(Ask.Path(Ask.Org(), Wishes.Key()), spent);

        var outcome = await Store.HoldAsync(Ask.Ask(Ask.Path(Ask.Org(daily: limit), Wishes.Key()), cost), Ct);

        Assert.Equal(admitted ? HoldVerdict.Admitted : HoldVerdict.BudgetExceeded, outcome.Verdict);
        Assert.Equal(admitted ? cost : 0, outcome.Granted.Value);
        Assert.Equal((spent, admitted ? cost : 0), await AtAsync("org", PeriodKind.Day));
    }

    [Fact]
    public async Task AC16_Hold_FreeRequest_IsAdmittedWhateverWasSpent()
    {
        await SpentAsync(Ask.Path(Ask.Org(), Wishes.Key()), 500);
        var closed = Ask.Path(Ask.Org(daily: 100, monthly: 0), Wishes.Key(daily: 0));

        var outcome = await Store.HoldAsync(Ask.Ask(closed, 0), Ct);

        Assert.Equal(HoldVerdict.Admitted, outcome.Verdict);
        Assert.Equal(HoldVerdict.BudgetExceeded, (await Store.HoldAsync(Ask.Ask(closed, 1), Ct)).Verdict);
    }

    [Theory]
    [InlineData(NodeKind.Org, PeriodKind.Day)]
    [InlineData(NodeKind.Org, PeriodKind.Month)]
    [InlineData(NodeKind.Team, PeriodKind.Day)]
    [InlineData(NodeKind.Team, PeriodKind.Month)]
    [InlineData(NodeKind.Key, PeriodKind.Day)]
    [InlineData(NodeKind.Key, PeriodKind.Month)]
    [InlineData(NodeKind.Session, PeriodKind.Life)]
    public async Task AC04_Hold_OneNodeBlocks_IsNamedAndNothingIsHeldElsewhere(NodeKind kind, PeriodKind period)
    {
        await SpentAsync(Ask.Whole(), 30);
        await HeldAsync(Ask.Whole(), 50);
        long? Limit(NodeKind node, PeriodKind over) => (node, over) == (kind, period) ? 100 : null;
        var path = Ask.Path(
            Ask.Org(Limit(NodeKind.Org, PeriodKind.Day), Limit(NodeKind.Org, PeriodKind.Month)),
            Wishes.Team(Limit(NodeKind.Team, PeriodKind.Day), Limit(NodeKind.Team, PeriodKind.Month)),
            Wishes.Key(Limit(NodeKind.Key, PeriodKind.Day), Limit(NodeKind.Key, PeriodKind.Month)),
            Wishes.Session(Limit(NodeKind.Session, PeriodKind.Life)));

        var outcome = await Store.HoldAsync(Ask.Ask(path, 21), Ct);

        Assert.Equal(HoldVerdict.BudgetExceeded, outcome.Verdict);
        Assert.Equal((kind, period), (outcome.BlockedAt!.Kind, outcome.BlockedPeriod));
        Assert.Equal((30, 50, 100), (outcome.BlockedSpent.Value, outcome.BlockedHeld.Value, outcome.BlockedLimit.Value));
        Assert.All(await Store.SnapshotAsync(Ask.OrgId, Today, Ct), cell => Assert.Equal((30, 50), (cell.Spent.Value, cell.Held.Value)));
        Assert.Equal(HoldVerdict.Admitted, (await Store.HoldAsync(Ask.Ask(path, 20), Ct)).Verdict);
    }

    [Theory]
    [InlineData(100, 10, 60)]
    [InlineData(60, 60, 60)]
    [InlineData(100, 60, 60)]
    [InlineData(100, 61, 0)]
    [InlineData(30, 30, 30)]
    public async Task Hold_BudgetCannotAffordAll_GrantsWhatFitsEverywhereOrNothing(long desired, long minimum, long granted)
    {
        await SpentAsync(Ask.Whole(), 40);
        var path = Ask.Path(Ask.Org(daily: 200, monthly: 100), Wishes.Team(daily: 110), Wishes.Key(), Wishes.Session(500));

        var outcome = await Store.HoldAsync(Ask.Ask(path, desired, minimum), Ct);

        Assert.Equal(granted, outcome.Granted.Value);
        Assert.Equal(granted > 0 ? HoldVerdict.Admitted : HoldVerdict.BudgetExceeded, outcome.Verdict);
        Assert.All(await Store.SnapshotAsync(Ask.OrgId, Today, Ct), cell => Assert.Equal(granted, cell.Held.Value));
    }

    [Theory]
    [InlineData(-1, -1, 60)]
    [InlineData(10, -1, 60)]
    [InlineData(10, 0, 60)]
    [InlineData(10, 11, 60)]
    [InlineData(10, 10, 0)]
    [InlineData(10, 10, 86_401)]
    public async Task AC14_Hold_ImpossibleWish_IsRefusedAndHoldsNothing(long desired, long minimum, int seconds)
    {
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(
            async () => await Store.HoldAsync(Ask.Ask(Ask.Whole(), desired, minimum, TimeSpan.FromSeconds(seconds)), Ct));

        await AssertNothingHeldAsync();
    }

    [Fact]
    public async Task AC14_Hold_SumBeyondTheRange_ThrowsAndHoldsNothing()
    {
        await SpentAsync(Ask.Whole(), 10, Today.AddDays(Today.Day == 1 ? 1 : -1)); // only the month and the session are near the end
        var most = long.MaxValue - 5;

        await Assert.ThrowsAnyAsync<ArithmeticException>(async () => await Store.HoldAsync(Ask.Ask(Ask.Whole(), most), Ct));

        await AssertNothingHeldAsync();
    }

    [Fact]
    public async Task Hold_Admitted_ShowsTheOrgsDay()
    {
        await SpentAsync(Ask.Whole(), 7);
        await HeldAsync(Ask.Whole(), 5);

        var outcome = await Store.HoldAsync(Ask.Ask(Ask.Whole(), 11), Ct);

        Assert.Equal((7, 16), (outcome.OrgDaySpent.Value, outcome.OrgDayHeld.Value));
    }

    [Fact]
    public async Task I1_End_ActualAboveHold_IsChargedInFullAndClosesTheNodeUntilItFits()
    {
        var path = Ask.Path(Ask.Org(daily: 100), Wishes.Key());
        var record = await HeldAsync(path, 60);

        await Store.EndAsync(Wishes.Settled(record, 130), Ct);

        Assert.True(record.Overage);
        Assert.Equal((130, 0), await AtAsync("org", PeriodKind.Day));
        var denied = await Store.HoldAsync(Ask.Ask(path, 1), Ct);
        Assert.Equal((HoldVerdict.BudgetExceeded, 130L), (denied.Verdict, denied.BlockedSpent.Value));
        var raised = Ask.Path(Ask.Org(daily: 131), Wishes.Key());
        Assert.Equal(HoldVerdict.Admitted, (await Store.HoldAsync(Ask.Ask(raised, 1), Ct)).Verdict);
    }

    [Fact]
    public async Task AC13_Hold_LimitLoweredWithHoldsOut_DeniesUntilItFitsAgain()
    {
        var first = await HeldAsync(Ask.Path(Ask.Org(daily: 100), Wishes.Key()), 80);
        var lowered = Ask.Path(Ask.Org(daily: 50), Wishes.Key());

        var denied = await Store.HoldAsync(Ask.Ask(lowered, 1), Ct);
        await Store.EndAsync(Wishes.Settled(first, 30), Ct);

        Assert.Equal(HoldVerdict.BudgetExceeded, denied.Verdict);
        Assert.Equal(20, (await Store.HoldAsync(Ask.Ask(lowered, 90, 1), Ct)).Granted.Value);
    }
}
