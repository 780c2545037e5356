using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Holds;
using CurateMe.Ledger.Redis;
using Xunit;

namespace CurateMe.Ledger.Tests.Redis;

/// <summary>Two replicas, one of which has not used the org for long when Redis goes away: what the other spent meanwhile it cannot know.</summary>
public sealed class RedisViewAgeTests() : RedisFleet("org_age", count: 2)
{
    [Theory]
    [InlineData(0.1, true)]
    [InlineData(1.5, false)]
    public async Task I1_Away_Bounded_LookTooLongAgo_HasNoPart(double ages, bool admits)
    {
        var path = Path(30);
        await LookAsync(path, 0);
        await LookAsync(path, 1);
        // The idle replica's last look is from before this when it is too old; else it is young enough, and saw nothing of it either.
        const int Spent = 20;
        await SpendAsync(path, admits ? 0 : Spent);
        await LookAsync(path, 1);
        _replicas[0].Clock.Advance(ResilientCounters.MaxViewAge * ages);

        await _server!.KillAsync();
        var idle = await AloneAsync(path, 0);
        var busy = await AloneAsync(path, 1);

        // A look can find its own replica's hold of one nano-dollar still live.
        Assert.InRange(idle.Count, admits ? 14 : 0, admits ? 15 : 0);
        Assert.InRange(busy.Count, admits ? 14 : 4, admits ? 15 : 5);
        await SettleAsync([.. idle, .. busy], Price);
        Assert.True((admits ? 0 : Spent) + idle.Count + busy.Count <= 30, "together within the limit");
    }

    [Fact]
    public async Task I1_Away_Bounded_IdleOrg_IsLookedAtAndHasItsPart()
    {
        const int Spent = 20;
        var path = Path(30);
        await LookAsync(path, 0);
        await SpendAsync(path, Spent);
        _replicas[0].Clock.Advance(ResilientCounters.MaxViewAge * 6);

        await LookAtIdleAsync();
        await _server!.KillAsync();
        var idle = await AloneAsync(path, 0);

        Assert.InRange(idle.Count, 4, 5);
        await SettleAsync(idle, Price);
    }

    [Fact]
    public async Task I1_Away_Bounded_EmptiedServer_IsNotTakenForNothingSpent()
    {
        const int Spent = 20;
        var path = Path(30);
        await LookAsync(path, 0);
        await SpendAsync(path, Spent);
        await LookAtIdleAsync();
        var rebuilds = Rebuilds();
        await CommandAsync("FLUSHALL");

        await LookAtIdleAsync();
        Assert.Equal(rebuilds, Rebuilds());
        await _server!.KillAsync();
        var idle = await AloneAsync(path, 0);

        Assert.InRange(idle.Count, 4, 5);
        await SettleAsync(idle, Price);
    }

    long Rebuilds() => _replicas.SelectMany(static r => r.Events.Read()).Where(static e => e.Code == "budget_store_rebuilt").Sum(static e => e.Count);

    async Task SpendAsync(BudgetPath path, int times)
    {
        for (var i = 0; i < times; i++) await SettleAsync([(await _replicas[1].Desk.TakeAsync(_ask.Ask(path, Price), Ct)).Hold!], Price);
    }

    async Task LookAtIdleAsync()
    {
        _replicas[0].Clock.Advance(ResilientCounters.LookAtIdleEvery);
        ((ResilientCounters)_replicas[0].Counters).LookAtIdle();
        await Task.Delay(TimeSpan.FromMilliseconds(500), Ct);
    }

    // Two holds more than a second apart: the second one has the replica look.
    async Task LookAsync(BudgetPath path, int replica)
    {
        for (var i = 0; i < 2; i++)
        {
            await SettleAsync([(await _replicas[replica].Desk.TakeAsync(_ask.Ask(path, 1), Ct)).Hold!], 0);
            await Task.Delay(TimeSpan.FromSeconds(1.1), Ct);
        }
        await SettleAsync([(await _replicas[replica].Desk.TakeAsync(_ask.Ask(path, 1), Ct)).Hold!], 0);
        await Task.Delay(TimeSpan.FromMilliseconds(300), Ct);
    }

    async Task<List<Hold>> AloneAsync(BudgetPath path, int replica)
    {
        List<Hold> holds = [];
        try
        {
            for (var i = 0; i < 40; i++)
            {
                var hold = (await _replicas[replica].Desk.TakeAsync(_ask.Ask(path, Price), Ct)).Hold!;
                hold.Forwarding();
                holds.Add(hold);
            }
        }
        catch (CounterStoreUnavailableException)
        {
            // Beyond its part.
        }
        return holds;
    }
}
