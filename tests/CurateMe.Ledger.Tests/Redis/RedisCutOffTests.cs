using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Holds;
using CurateMe.Resp;
using CurateMe.Testing;
using Xunit;

namespace CurateMe.Ledger.Tests.Redis;

/// <summary>One of two replicas cannot reach Redis, while the other rebuilds an org's counters without it.</summary>
public sealed class RedisCutOffTests() : RedisFleet("org_cut_off", count: 1)
{
    const string User = "cut";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task I6_CutOffDuringARebuild_ItsHoldsAndEndsCountWhenItIsBack(bool endsAtOnce)
    {
        await SayAsync("ACL", "SETUSER", User, "on", ">secret", "~*", "&*", "+@all");
        await using var cut = await RedisRig.StartAsync(_server!.Options with { User = User, Password = "secret" }, _ledger, Ct);
        var path = Path(10);
        await SettleAsync([await TakeAsync(_replicas[0], path)], Price);
        Hold[] live = [await TakeAsync(cut, path), await TakeAsync(cut, path), await TakeAsync(cut, path)];

        await SayAsync("ACL", "SETUSER", User, "off");
        await SayAsync("CLIENT", "KILL", "USER", User);
        await Poll.UntilAsync(() => _replicas[0].Store.Replicas.Alive.Count == 1, "the replica that was cut off is taken for dead");
        await CommandAsync("FLUSHALL");
        await SettleAsync([await TakeAsync(_replicas[0], path)], Price);
        await SayAsync("ACL", "SETUSER", User, "on");
        await Poll.UntilAsync(() => _replicas[0].Store.Replicas.Alive.Count == 2, "it is back");

        if (!endsAtOnce)
        {
            await cut.Store.LookAgainAsync(Ct);
            Assert.Equal((2 * Price, 3 * Price), await DayAsync());
        }
        await SettleAsync([.. live], 600);
        await cut.SettleDownAsync(Ct);
        await _replicas[0].SettleDownAsync(Ct);

        Assert.Equal(((2 * Price) + (3 * 600), 0), await DayAsync());
    }

    async Task<Hold> TakeAsync(RedisRig rig, BudgetPath path)
    {
        var hold = (await rig.Desk.TakeAsync(_ask.Ask(path, Price), Ct)).Hold;
        Assert.NotNull(hold);
        hold.Forwarding();
        return hold;
    }

    async Task SayAsync(params string[] words)
    {
        await using var client = await _server!.ConnectAsync();
        await client.ExecuteAsync([.. words.Select(static w => (RespArg)w)], Ct);
    }

    async Task<(long Spent, long Held)> DayAsync()
    {
        var cells = await _replicas[0].Counters.SnapshotAsync(_ask.OrgId, Today, Ct);
        var day = cells.Single(static c => c is { Kind: NodeKind.Org, Period: PeriodKind.Day });
        return (day.Spent.Value, day.Held.Value);
    }
}
