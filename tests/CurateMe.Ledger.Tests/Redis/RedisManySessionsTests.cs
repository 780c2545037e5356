using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Redis;
using CurateMe.Resp;
using CurateMe.Testing.Redis;
using Xunit;

namespace CurateMe.Ledger.Tests.Redis;

/// <summary>An org with a session for each conversation, on a server of its own: it stands still for a moment when it reads them all.</summary>
public sealed class RedisManySessionsTests
{
    const int Sessions = 600_000;
    const int Stretch = 20_000;

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task I6_Mark_OrgWithSessionsBeyondNumber_HasThemAllAndAdjustsThem()
    {
        Assert.SkipUnless(RedisServer.IsInstalled, RedisServer.Missing);
        await using var server = await RedisServer.StartAsync();
        await using var client = await RespClient.ConnectAsync(server.Options with { CommandTimeout = TimeSpan.FromMinutes(1), Limits = RedisCounters.ReplyLimits }, Ct);
        await FillAsync(client);
        RedisCounters? counters = null;
        counters = new RedisCounters(client, new RedisCounterOptions { Replica = "r1", Rebuild = (org, epoch, ct) => counters!.OpenAsync(org, epoch, ct).AsTask() }, TimeProvider.System);

        var mark = await counters.MarkAsync("org_many", Ct);
        await counters.AdjustAsync(mark, [.. mark.Spent.Select(static c => new CellDelta(c.Key, new NanoUsd(2)))], Ct);

        Assert.Equal(Sessions, mark.Spent.Count);
        var totals = await counters.SnapshotAsync("org_many", DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().UtcDateTime), Ct);
        Assert.Equal((Sessions, 3L, 3L), (totals.Count, totals.Min(static c => c.Spent.Value), totals.Max(static c => c.Spent.Value)));
    }

    static async Task FillAsync(RespClient client)
    {
        var fill = new RespScript("fill", "for i = ARGV[1] + 1, ARGV[1] + ARGV[2] do redis.call('HSET', KEYS[1], 'session:conversation-' .. i, 1) end");
        for (var i = 0; i < Sessions; i += Stretch)
        {
            await client.EvalAsync(fill, ["gateway:session_cost:{org_many}"], [i, Stretch], Ct);
        }
    }
}
