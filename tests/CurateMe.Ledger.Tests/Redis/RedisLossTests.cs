using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Holds;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;
using CurateMe.Resp;
using CurateMe.Testing.Budgets;
using CurateMe.Testing.Records;
using CurateMe.Testing.Redis;
using Xunit;

namespace CurateMe.Ledger.Tests.Redis;

/// <summary>Three replicas on one Redis that is flushed, restarted, restored from an old snapshot and taken away.</summary>
public sealed class RedisLossTests() : RedisFleet("org_loss", count: 3)
{
    [Fact]
    public async Task I6_AC10_Flushed_CountersAreRebuiltBeforeAnyoneIsAdmitted()
    {
        var path = Path(10);
        var live = await TakeAsync(path, 4);
        await SettleAsync(await TakeAsync(path, 3), 600);

        await CommandAsync("FLUSHALL");
        var more = await TakeAllAsync(path, 60);

        // 4 held, 3 at 600 spent: 4.2 more fit.
        Assert.Equal(4, more.Count);
        await AssertCellsAsync(1_800, 8 * Price);
        await SettleAsync([.. live, .. more], 600);
        await AssertExactAsync(11 * 600);
        Assert.Contains(_replicas.SelectMany(r => r.Events.Read()), e => e.Code == "budget_store_rebuilt");
    }

    [Fact]
    public async Task I6_Flushed_WhoOnlyLooks_IsToldWhatWasSpentOrNothing()
    {
        await SettleAsync(await TakeAsync(Path(10), 3), 600);
        foreach (var replica in _replicas) await replica.SettleDownAsync(Ct);
        _ledger.BeforeSum = static () => throw new LedgerUnavailableException("away");
        await CommandAsync("FLUSHALL");

        await Assert.ThrowsAsync<CounterStoreUnavailableException>(async () => await _replicas[1].Counters.SnapshotAsync(_ask.OrgId, Today, Ct));
        _ledger.BeforeSum = null;
        var cells = await _replicas[2].Counters.SnapshotAsync(_ask.OrgId, Today, Ct);

        Assert.Equal(7, cells.Count);
        Assert.All(cells, static cell => Assert.Equal((1_800, 0), (cell.Spent.Value, cell.Held.Value)));
    }

    [Fact]
    public async Task Flushed_RebuiltByOneReplica_IsNotRebuiltAgainForTheOthers()
    {
        await SettleAsync(await TakeAsync(Path(30), 9), 600);
        foreach (var replica in _replicas) await replica.SettleDownAsync(Ct);
        await CommandAsync("FLUSHALL");
        var before = Rebuilds();

        await SettleAsync(await TakeAsync(Path(30), 1), 600);
        await SettleAsync(await TakeAsync(Path(30), 6), 600);

        Assert.Equal(before + 1, Rebuilds());
        await AssertExactAsync(16 * 600);
    }

    [Fact]
    public async Task I6_AC10_RestartedFromAnOldSnapshot_NothingSpentIsForgottenAndNoHoldComesBack()
    {
        // Replicas that admit alone until they notice that the server is back are another test's matter.
        var path = new BudgetPath(_ask.OrgId, [.. Path(10).Nodes]) { OnStoreLoss = StoreLoss.Deny };
        var before = await TakeAsync(path, 4);
        await CommandAsync("SAVE");
        await SettleAsync(before, 500);
        var live = await TakeAsync(path, 2);

        await _server!.KillAsync();
        await _server.StartAgainAsync();
        List<Hold> more = [];
        for (var tries = 0; tries < 300 && more.Count < 6; tries++)
        {
            more.AddRange(await TakeAllAsync(path, 6));
            await Task.Delay(TimeSpan.FromMilliseconds(100), Ct);
        }

        // 2,000 spent and 2 held leave 6.
        Assert.Equal(6, more.Count);
        Assert.Empty(await TakeAllAsync(path, 60));
        await AssertCellsAsync(2_000, 8 * Price);
        await SettleAsync([.. live, .. more], 500);
        await AssertExactAsync(12 * 500);
    }

    [Fact]
    public async Task I1_AC10_Away_Bounded_ReplicasTogetherStayWithinTheLimit()
    {
        var path = Path(30);
        await SettleAsync(await TakeAsync(path, 3), Price);
        await SeenAsync(path, 3);

        await _server!.KillAsync();
        var alone = await TakeAllAsync(path, 90);

        Assert.InRange(alone.Count, 20, 27);
        Assert.All(alone, hold => Assert.True(hold.Outcome.NonAtomic));
        await SettleAsync(alone[..5], 400);
        await _server.StartAgainAsync();
        foreach (var replica in _replicas) await replica.SettleDownAsync(Ct);
        var more = await TakeAllAsync(path, 60);

        var spent = (3 * Price) + (5 * 400);
        var left = (30 * Price) - spent - ((alone.Count - 5) * Price);
        Assert.Equal(left / Price, more.Count);
        await SettleAsync([.. alone[5..], .. more], 400);
        await AssertExactAsync((3 * Price) + ((alone.Count + more.Count) * 400));
        Assert.Contains(_replicas.SelectMany(r => r.Events.Read()), e => e.Code == "non_atomic_fallback");
    }

    // A request belongs to the day it came in: held after midnight, it meets counters that were last looked at in the new day.
    [Theory]
    [InlineData(NodeKind.Org)]
    [InlineData(NodeKind.Team)]
    [InlineData(NodeKind.Key)]
    public async Task I1_Away_Bounded_PeriodBeforeTheLastLook_IsNotSpentTwice(NodeKind limited)
    {
        var today = Today;
        var (daily, monthly) = (Limited(limited, daily: 3 * Price), Limited(limited, monthly: 3 * Price));
        async Task<(int Day, int Month)> AdmitAsync(int days, int months)
        {
            var (inDay, inMonth) = (await TakeAllAsync(daily, 9, today.AddDays(days)), await TakeAllAsync(monthly, 9, today.AddMonths(months)));
            await SettleAsync([.. inDay, .. inMonth], Price);
            return (inDay.Count, inMonth.Count);
        }
        Assert.Equal((3, 3), await AdmitAsync(days: -1, months: -2));
        await SeenAsync(daily, 1);

        await _server!.KillAsync();

        Assert.Equal((0, 0), await AdmitAsync(days: -1, months: -2));
        // What begins after the look is whole: a third of it for each replica.
        Assert.Equal((3, 3), await AdmitAsync(days: 1, months: 2));
    }

    [Fact]
    public async Task AC07_Away_Deny_AdmitsNobodyAndLeavesNothing()
    {
        var path = new BudgetPath(_ask.OrgId, [.. Path(30).Nodes]) { OnStoreLoss = StoreLoss.Deny };
        await SettleAsync(await TakeAsync(path, 1), 1);

        await _server!.KillAsync();

        foreach (var replica in _replicas)
        {
            await Assert.ThrowsAsync<CounterStoreUnavailableException>(async () => await replica.Desk.TakeAsync(_ask.Ask(path, Price), Ct));
        }
    }

    [Fact]
    public async Task AC10_Away_Allow_AdmitsAndCountsLater()
    {
        var path = new BudgetPath(_ask.OrgId, [.. Path(2).Nodes]) { OnStoreLoss = StoreLoss.Allow };
        await SettleAsync(await TakeAsync(path, 1), Price);

        await _server!.KillAsync();
        var alone = await TakeAllAsync(path, 12);
        Assert.Equal(12, alone.Count);
        await SettleAsync(alone, 700);
        await _server.StartAgainAsync();

        await AssertExactAsync(Price + (12 * 700));
        Assert.Equal(HoldVerdict.BudgetExceeded, (await _replicas[0].Desk.TakeAsync(_ask.Ask(path, Price), Ct)).Outcome.Verdict);
    }

    [Fact]
    public async Task AC10_LedgerAwayToo_NothingIsLostAndTheCountersComeBack()
    {
        var path = Path(30);
        await SettleAsync(await TakeAsync(path, 3), Price);
        await SeenAsync(path, 3);
        _ledger.BeforeRecord = static _ => throw new LedgerUnavailableException("away");
        _ledger.BeforeSum = static () => throw new LedgerUnavailableException("away");
        await SettleAsync(await TakeAsync(path, 3), Price);
        await CommandAsync("FLUSHALL");

        var alone = await TakeAllAsync(path, 6);
        Assert.NotEmpty(alone);
        await SettleAsync(alone, 400);
        (_ledger.BeforeRecord, _ledger.BeforeSum) = (null, null);

        await AssertExactAsync((6 * Price) + (alone.Count * 400));
    }

    long Rebuilds() => _replicas.SelectMany(static r => r.Events.Read()).Where(static e => e.Code == "budget_store_rebuilt").Sum(static e => e.Count);

    async Task<List<Hold>> TakeAsync(BudgetPath path, int count)
    {
        var holds = await TakeAllAsync(path, count);
        Assert.Equal(count, holds.Count);
        return holds;
    }

    BudgetPath Limited(NodeKind limited, long? daily = null, long? monthly = null) => _ask.Path(
    [
        limited == NodeKind.Org ? _ask.Org(daily, monthly) : _ask.Org(),
        limited == NodeKind.Team ? Wishes.Team(daily, monthly) : Wishes.Team(),
        limited == NodeKind.Key ? Wishes.Key(daily, monthly) : Wishes.Key(),
    ]);

    // At once over all replicas; what is refused, or cannot be decided, is left out.
    async Task<List<Hold>> TakeAllAsync(BudgetPath path, int wishes, DateOnly? day = null)
    {
        var holds = await Task.WhenAll(Enumerable.Range(0, wishes).Select(i => Task.Run(async () =>
        {
            try
            {
                var hold = (await _replicas[i % 3].Desk.TakeAsync(_ask.Ask(path, Price, day: day), Ct)).Hold;
                hold?.Forwarding();
                return hold;
            }
            catch (CounterStoreUnavailableException)
            {
                return null;
            }
        }, Ct)));
        return [.. holds.OfType<Hold>()];
    }

    // Every replica has looked at the counters since the last change.
    async Task SeenAsync(BudgetPath path, long fits)
    {
        for (var round = 0; round < 3; round++)
        {
            foreach (var replica in _replicas) await SettleAsync([(await replica.Desk.TakeAsync(_ask.Ask(path, 1), Ct)).Hold!], 0);
            await Task.Delay(TimeSpan.FromSeconds(1.1), Ct);
        }
        Assert.True(fits > 0);
    }

    // What replicas admitted while the server was away reaches it when they have noticed that it is back.
    async Task AssertCellsAsync(long spent, long held)
    {
        IReadOnlyList<CellTotals> cells = [];
        for (var tries = 0; tries < 300; tries++)
        {
            try
            {
                cells = await _replicas[0].Counters.SnapshotAsync(_ask.OrgId, Today, Ct);
                if (cells.Count == 7 && cells.All(c => (c.Spent.Value, c.Held.Value) == (spent, held)))
                {
                    return;
                }
            }
            catch (CounterStoreUnavailableException)
            {
                cells = [];
            }
            await Task.Delay(TimeSpan.FromMilliseconds(100), Ct);
        }
        Assert.Equal(7, cells.Count);
        Assert.All(cells, cell => Assert.Equal((spent, held), (cell.Spent.Value, cell.Held.Value)));
    }

    // All is recorded, nothing is held, and counters and ledger are equal to the integer.
    async Task AssertExactAsync(long spent)
    {
        foreach (var replica in _replicas) await replica.SettleDownAsync(Ct);
        await AssertCellsAsync(spent, 0);
        var report = await _replicas[1].Store.Reconciler.RunAsync(_ask.OrgId, Today, apply: false, Ct);
        Assert.All(report.Cells, cell => Assert.Equal(cell.Before, cell.After));
        Assert.Equal(spent, _ledger.All.Where(r => r.OrgId == _ask.OrgId).Sum(r => r.Cost.Value));
    }
}
