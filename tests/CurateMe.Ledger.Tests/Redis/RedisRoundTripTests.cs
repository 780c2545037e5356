using System.Globalization;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;
using CurateMe.Ledger.Redis;
using CurateMe.Resp;
using CurateMe.Testing.Budgets;
using CurateMe.Testing.Redis;
using Xunit;

namespace CurateMe.Ledger.Tests.Redis;

/// <summary>What a request asks of Redis, as the server counts it.</summary>
public sealed class RedisRoundTripTests
{
    static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>All nodes, all periods and the rate limit in one command, their end in another, however many go on at once.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(50)]
    public async Task HoldAndEnd_AtFourNodesWithARateLimit_AreTwoCommands(int atOnce)
    {
        Assert.SkipUnless(RedisServer.IsInstalled, RedisServer.Missing);
        await using var server = await RedisServer.StartAsync();
        await using var client = await RespClient.ConnectAsync(server.Options, Ct);
        RedisCounters? self = null;
        await using var counters = self = new RedisCounters(
            client, new RedisCounterOptions { Replica = "r1", Rebuild = async (org, epoch, ct) => await self!.OpenAsync(org, epoch, ct) }, TimeProvider.System);
        var wishes = new Wishes("org_trips", static () => TimeProvider.System.GetUtcNow());
        var path = wishes.Path(wishes.Org(daily: 1_000_000, monthly: 1_000_000, rpm: 1_000_000), Wishes.Team(1_000_000), Wishes.Key(1_000_000), Wishes.Session(1_000_000));
        await PairAsync();
        await client.ExecuteAsync(["CONFIG", "RESETSTAT"], Ct);

        await Parallel.ForAsync(0, 200, new ParallelOptions { MaxDegreeOfParallelism = atOnce, CancellationToken = Ct }, async (_, _) => await PairAsync());

        var stats = (await client.ExecuteAsync(["INFO", "commandstats"], Ct)).AsString()!;
        Assert.Equal(400, Calls(stats, "evalsha") + Calls(stats, "eval"));

        async Task PairAsync()
        {
            var record = wishes.Record(path);
            var outcome = await counters.HoldAsync(new HoldRequest(record, path, new NanoUsd(100), new NanoUsd(100), Wishes.LongLife), Ct);
            Assert.Equal(HoldVerdict.Admitted, outcome.Verdict);
            (record.Hold, record.Cost, record.Status) = (outcome.Granted, new NanoUsd(60), RecordStatus.Settled);
            Assert.True((await counters.EndAsync(record, Ct)).Applied);
        }
    }

    static long Calls(string stats, string command) => stats.Split("\r\n")
        .Where(line => line.StartsWith($"cmdstat_{command}:", StringComparison.Ordinal))
        .Sum(static line => long.Parse(line.Split("calls=")[1].Split(',')[0], CultureInfo.InvariantCulture));
}
