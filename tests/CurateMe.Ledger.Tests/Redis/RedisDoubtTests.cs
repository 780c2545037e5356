using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Holds;
using Xunit;

namespace CurateMe.Ledger.Tests.Redis;

/// <summary>Redis stands still, and carries out later what nobody waits for any more.</summary>
public sealed class RedisDoubtTests() : RedisFleet("org_doubt", count: 2)
{
    [Fact]
    public async Task I3_StoodStill_WhatTheBudgetRefusedMeanwhileIsNotHeldLater()
    {
        // Counters that were never looked at leave a replica nothing to admit from alone.
        await AssertGivenBackAsync(Path(10), admitted: 0);
    }

    [Fact]
    public async Task I3_StoodStill_WhatTheRateRefusedMeanwhileIsNotHeldLater()
    {
        // Alone, a replica has half of the rate.
        await AssertGivenBackAsync(_ask.Path(_ask.Org(rpm: 2)), admitted: 1);
    }

    async Task AssertGivenBackAsync(BudgetPath path, int admitted)
    {
        var replica = _replicas[0];
        await _server!.PauseAsync();
        var holds = await Task.WhenAll(TakeAsync(replica, path), TakeAsync(replica, path));
        Assert.Equal(admitted, holds.Count(static h => h is not null));
        await _server.ResumeAsync();
        await SettleAsync([.. holds.OfType<Hold>()], 0);
        await replica.SettleDownAsync(Ct);

        var cells = await replica.Counters.SnapshotAsync(_ask.OrgId, Today, Ct);
        Assert.All(cells, static cell => Assert.Equal((0, 0), (cell.Spent.Value, cell.Held.Value)));
        Assert.Equal(0, replica.Store.Counters.OwnLiveHolds);
    }

    async Task<Hold?> TakeAsync(RedisRig replica, BudgetPath path)
    {
        try
        {
            var hold = (await replica.Desk.TakeAsync(_ask.Ask(path, Price), Ct)).Hold;
            hold?.Forwarding();
            return hold;
        }
        catch (CounterStoreUnavailableException)
        {
            return null;
        }
    }
}
