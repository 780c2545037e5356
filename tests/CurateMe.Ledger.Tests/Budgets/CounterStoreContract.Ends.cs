using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;
using CurateMe.Testing.Budgets;
using Xunit;

namespace CurateMe.Ledger.Tests.Budgets;

public abstract partial class CounterStoreContract
{
    [Fact]
    public async Task I2_Hold_AskedAgain_GivesTheSameAnswerAndHoldsNothingMore()
    {
        var path = Ask.Path(Ask.Org(daily: 100, rpm: 2, concurrency: 1), Wishes.Key());
        var request = Ask.Ask(path, 150, 10);

        var first = await Store.HoldAsync(request, Ct);
        for (var i = 0; i < 5; i++)
        {
            var again = await Store.HoldAsync(request, Ct);
            Assert.Equal((HoldVerdict.Admitted, 100L, 1), (again.Verdict, again.Granted.Value, again.Rate.Remaining));
        }

        Assert.Equal(100, first.Granted.Value);
        Assert.Equal((0, 100), await AtAsync("org", PeriodKind.Day));
    }

    [Theory]
    [InlineData(35)]
    [InlineData(0)]
    public async Task I2_End_SaidAgain_ChangesNothing(long cost)
    {
        var record = await HeldAsync(Ask.Whole(), 50);

        var first = await Store.EndAsync(Wishes.Settled(record, cost), Ct);
        var second = await Store.EndAsync(Wishes.Settled(record, 49), Ct);

        Assert.Equal((true, cost, 0L), (first.Applied, first.OrgDaySpent.Value, first.OrgDayHeld.Value));
        Assert.Equal((false, cost, 0L), (second.Applied, second.OrgDaySpent.Value, second.OrgDayHeld.Value));
        Assert.All(await Store.SnapshotAsync(Ask.OrgId, Today, Ct), cell => Assert.Equal((cost, 0L), (cell.Spent.Value, cell.Held.Value)));
    }

    [Fact]
    public async Task I2_End_OfAHoldThatNeverWas_ChangesNothing()
    {
        await SpentAsync(Ask.Whole(), 3);

        var outcome = await Store.EndAsync(Wishes.Settled(Ask.Record(Ask.Whole()), 10), Ct);

        Assert.Equal((false, 3L), (outcome.Applied, outcome.OrgDaySpent.Value));
    }

    [Fact]
    public async Task I2_End_ByManyAtOnce_AppliesOne()
    {
        var record = await HeldAsync(Ask.Whole(), 50);

        var outcomes = await Task.WhenAll(Enumerable.Range(0, 32).Select(_ => Task.Run(async () => await Store.EndAsync(Wishes.Settled(record, 40), Ct), Ct)));

        Assert.Single(outcomes, outcome => outcome.Applied);
        Assert.Equal((40, 0), await AtAsync("org", PeriodKind.Month));
    }

    [Fact]
    public async Task End_Voided_ReleasesAllAndNamesNothingUnrecorded()
    {
        var record = await HeldAsync(Ask.Whole(), 50);

        await Store.EndAsync(record, Ct);

        Assert.All(await Store.SnapshotAsync(Ask.OrgId, Today, Ct), cell => Assert.Equal((0, 0), (cell.Spent.Value, cell.Held.Value)));
        Assert.Empty((await Store.MarkAsync(Ask.OrgId, Ct)).Unrecorded);
    }

    [Fact]
    public async Task I3_Expire_TimeIsOver_ChargesInFullOnceAndGivesAPresumedRecord()
    {
        var brief = await HeldAsync(Ask.Whole(), 50, life: TimeSpan.FromSeconds(5));
        var lasting = await HeldAsync(Ask.Whole(), 20);
        Assert.Empty(await ExpireAllAsync());

        await PassAsync(TimeSpan.FromSeconds(5.2));
        var expired = Assert.Single(await ExpireAllAsync());

        Assert.Equal((brief.Id, RecordStatus.Expired, UsageSource.Presumed), (expired.Id, expired.Status, expired.Source));
        Assert.Equal((50, 50), (expired.Hold.Value, expired.Cost.Value));
        Assert.Equal((brief.TeamId, brief.KeyId, brief.SessionId, brief.Day, brief.Timestamp.ToUnixTimeMilliseconds()), (expired.TeamId, expired.KeyId, expired.SessionId, expired.Day, expired.Timestamp.ToUnixTimeMilliseconds()));
        Assert.All(await Store.SnapshotAsync(Ask.OrgId, Today, Ct), cell => Assert.Equal((50, 20), (cell.Spent.Value, cell.Held.Value)));
        Assert.Empty(await ExpireAllAsync());
        Assert.True((await Store.EndAsync(Wishes.Settled(lasting, 1), Ct)).Applied);
    }

    [Fact]
    public async Task AC11_End_AfterExpiry_ChangesNothing()
    {
        var record = await HeldAsync(Ask.Whole(), 50, life: TimeSpan.FromSeconds(1));
        await PassAsync(TimeSpan.FromSeconds(1.2));
        await ExpireAllAsync();

        var late = await Store.EndAsync(Wishes.Settled(record, 10), Ct);

        Assert.Equal((false, 50L), (late.Applied, late.OrgDaySpent.Value));
        var unrecorded = Assert.Single((await Store.MarkAsync(Ask.OrgId, Ct)).Unrecorded);
        Assert.Equal((RecordStatus.Expired, 50L), (unrecorded.Status, unrecorded.Cost.Value));
    }

    [Fact]
    public async Task I3_Expire_MoreThanTheMost_EndsTheRestNextTime()
    {
        for (var i = 0; i < 7; i++) await HeldAsync(Ask.Whole(), 10, life: TimeSpan.FromSeconds(1));
        await PassAsync(TimeSpan.FromSeconds(1.2));

        Assert.True((await Store.ExpireAsync(3, Ct)).Count <= 3);
        await ExpireAllAsync();

        Assert.Equal((70, 0), await AtAsync("org", PeriodKind.Day));
    }

    [Theory]
    [InlineData("2026-02-28", "2026-03-01")]
    [InlineData("2028-02-28", "2028-02-29")]
    [InlineData("2028-02-29", "2028-03-01")]
    [InlineData("2026-12-31", "2027-01-01")]
    [InlineData("2026-03-14", "2026-03-15")]
    public async Task I4_AC13_End_OnAnotherDay_LandsWhereItWasAdmitted(string admitted, string next)
    {
        var (day, after) = (DateOnly.Parse(admitted), DateOnly.Parse(next));
        var record = await HeldAsync(Ask.Whole(), 50, day);
        await SpentAsync(Ask.Whole(), 5, after);

        await Store.EndAsync(Wishes.Settled(record, 40), Ct);

        var sameMonth = day.Month == after.Month;
        Assert.Equal((40, 0), await AtAsync("key:k1", PeriodKind.Day, day));
        Assert.Equal((5, 0), await AtAsync("key:k1", PeriodKind.Day, after));
        Assert.Equal((sameMonth ? 45 : 40, 0), await AtAsync("team:t1", PeriodKind.Month, day));
        Assert.Equal((sameMonth ? 45 : 5, 0), await AtAsync("org", PeriodKind.Month, after));
        Assert.Equal((45, 0), await AtAsync("session:s1", PeriodKind.Life, after));
    }

    [Fact]
    public async Task I4_End_PolicyMovedTheKeyMeanwhile_LandsAtTheOldNodes()
    {
        var record = await HeldAsync(Ask.Path(Ask.Org(), Wishes.Team(id: "old"), Wishes.Key()), 50);
        await HeldAsync(Ask.Path(Ask.Org(), Wishes.Team(id: "new"), Wishes.Key()), 8);

        await Store.EndAsync(Wishes.Settled(record, 40), Ct);

        Assert.Equal((40, 0), await AtAsync("team:old", PeriodKind.Day));
        Assert.Equal((0, 8), await AtAsync("team:new", PeriodKind.Day));
    }

    [Fact]
    public async Task I10_Hold_OfAnotherOrgWithTheSameKey_CountsApart()
    {
        await SpentAsync(Ask.Whole(), 50);
        var other = new Wishes(Ask.OrgId + "b", () => Now);

        var outcome = await Store.HoldAsync(other.Ask(other.Path(other.Org(daily: 10), Wishes.Key(daily: 10)), 10), Ct);

        Assert.Equal(HoldVerdict.Admitted, outcome.Verdict);
        Assert.All(await Store.SnapshotAsync(other.OrgId, Today, Ct), cell => Assert.Equal((0, 10), (cell.Spent.Value, cell.Held.Value)));
    }

    [Fact]
    public async Task Snapshot_NamesNodesAndPeriods()
    {
        await HeldAsync(Ask.Whole(), 1);

        var cells = await Store.SnapshotAsync(Ask.OrgId, Today, Ct);

        Assert.Equal(
            [
                (NodeKind.Org, Ask.OrgId, PeriodKind.Day), (NodeKind.Org, Ask.OrgId, PeriodKind.Month),
                (NodeKind.Team, "t1", PeriodKind.Day), (NodeKind.Team, "t1", PeriodKind.Month),
                (NodeKind.Key, "k1", PeriodKind.Day), (NodeKind.Key, "k1", PeriodKind.Month),
                (NodeKind.Session, "s1", PeriodKind.Life),
            ],
            cells.Select(cell => (cell.Kind, cell.NodeId, cell.Period)).Order());
    }
}
