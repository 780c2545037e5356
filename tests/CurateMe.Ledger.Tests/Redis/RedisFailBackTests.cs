using CurateMe.Ledger.Budgets;
using CurateMe.Resp;
using CurateMe.Testing.Redis;
using Xunit;

namespace CurateMe.Ledger.Tests.Redis;

/// <summary>A primary hands over to a replica that lacks the last writes, and takes over again as the same process, while the org's gateway asked nothing.</summary>
public sealed class RedisFailBackTests() : RedisFleet("org_fail_back", count: 1)
{
    [Fact]
    public async Task I6_SameProcessAgainWithoutTheLastWrites_CountersAreRebuiltBeforeAnyoneIsAdmitted()
    {
        var path = new BudgetPath(_ask.OrgId, [.. Path(5).Nodes]) { OnStoreLoss = StoreLoss.Deny };
        await using var other = await RedisServer.StartAsync();
        Assert.True(await SpendAsync(path));
        await FollowAsync(other, _server!);
        Assert.True(await SpendAsync(path));
        Assert.True(await SpendAsync(path));
        await _replicas[0].SettleDownAsync(Ct);

        await FollowAsync(_server!, other);
        await SayAsync(_server!, "CLIENT", "KILL", "TYPE", "normal");

        var spent = 3;
        for (var tries = 0; tries < 50 && spent < 9; tries++)
        {
            spent += await SpendAsync(path) ? 1 : 0;
            await Task.Delay(TimeSpan.FromMilliseconds(50), Ct);
        }
        Assert.Equal(5, spent);
    }

    // Has all data of the other, and is a primary of its own again.
    static async Task FollowAsync(RedisServer server, RedisServer other)
    {
        await SayAsync(server, "REPLICAOF", "127.0.0.1", $"{other.Port}");
        await using (var client = await server.ConnectAsync())
        {
            for (var tries = 0; !(await client.ExecuteAsync(["INFO", "replication"], Ct)).AsString()!.Contains("master_link_status:up", StringComparison.Ordinal); tries++)
            {
                Assert.True(tries < 200, "the data was not copied");
                await Task.Delay(TimeSpan.FromMilliseconds(50), Ct);
            }
        }
        await SayAsync(server, "REPLICAOF", "NO", "ONE");
    }

    static async Task SayAsync(RedisServer server, params string[] words)
    {
        await using var client = await server.ConnectAsync();
        await client.ExecuteAsync([.. words.Select(static w => (RespArg)w)], Ct);
    }

    async Task<bool> SpendAsync(BudgetPath path)
    {
        try
        {
            if ((await _replicas[0].Desk.TakeAsync(_ask.Ask(path, Price), Ct)).Hold is not { } hold) return false;
            await SettleAsync([hold], Price);
            return true;
        }
        catch (CounterStoreUnavailableException)
        {
            return false;
        }
    }
}
