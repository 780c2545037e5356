using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;
using CurateMe.Ledger.Redis;
using CurateMe.Ledger.Tests.Budgets;
using CurateMe.Resp;
using CurateMe.Testing.Budgets;
using CurateMe.Testing.Redis;
using Xunit;

namespace CurateMe.Ledger.Tests.Redis;

/// <summary>The contract on real servers: one redis-server, and a cluster of three.</summary>
public abstract class RedisCountersContract : CounterStoreContract
{
    readonly List<RespClient> _clients = [];

    private protected override DateTimeOffset Now => TimeProvider.System.GetUtcNow();

    private protected override int HistorySteps => 300;

    private protected abstract Task<RespOptions> ServerAsync();

    private protected override async ValueTask<ICounterStore> OpenAsync()
    {
        Assert.SkipUnless(RedisServer.IsInstalled, RedisServer.Missing);
        return await AnotherAsync();
    }

    private protected int Rebuilds { get; private set; }

    private protected async Task<RedisCounters> AnotherAsync(TimeSpan? redeliver = null, TimeSpan? alone = null)
    {
        var client = await RespClient.ConnectAsync(await ServerAsync(), Ct);
        _clients.Add(client);
        RedisCounters? counters = null;
        var options = new RedisCounterOptions
        {
            Replica = $"r{_clients.Count}",
            FullSweepEvery = TimeSpan.Zero,
            RedeliverAfter = redeliver ?? TimeSpan.FromMinutes(1),
            MarkAlone = alone ?? TimeSpan.FromMinutes(1),
            Rebuild = async (org, epoch, ct) =>
            {
                Rebuilds++;
                await counters!.OpenAsync(org, epoch, ct);
            },
        };
        counters = new RedisCounters(client, options, TimeProvider.System);
        return counters;
    }

    // A little more: timers and the server count by different clocks.
    private protected override Task PassAsync(TimeSpan time) => Task.Delay(time + TimeSpan.FromMilliseconds(50), Ct);

    public override async ValueTask DisposeAsync()
    {
        if (Store is not null) await base.DisposeAsync();
        foreach (var client in _clients) await client.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task I2_Hold_ArrivesAfterItWasGivenUp_IsRefused()
    {
        var request = Ask.Ask(Ask.Whole(), 50);
        Assert.False((await Store.EndAsync(request.Record, Ct)).Applied);

        var late = await Assert.ThrowsAsync<CounterStoreUnavailableException>(async () => await Store.HoldAsync(request, Ct));

        Assert.False(late.OutcomeUnknown);
        await AssertNothingHeldAsync();
    }

    [Fact]
    public async Task I2_Hold_AskedTwiceThenSettled_ArrivesAgain_IsRefused()
    {
        var request = Ask.Ask(Ask.Whole(), 50);
        await Store.HoldAsync(request, Ct);
        await Store.HoldAsync(request, Ct);
        await Store.EndAsync(Wishes.Settled(request.Record, 20), Ct);

        await Assert.ThrowsAsync<CounterStoreUnavailableException>(async () => await Store.HoldAsync(request, Ct));

        Assert.Equal((20, 0), await AtAsync("org", PeriodKind.Day));
    }

    [Fact]
    public async Task AC01_AC17_Hold_AThousandOverThreeClients_AdmitsExactlyWhatFits()
    {
        const long Price = 9_007_199_254_740_993 / 50;
        const int Fits = 41;
        ICounterStore[] stores = [Store, await AnotherAsync(), await AnotherAsync()];
        var path = Ask.Path(Ask.Org(daily: (Fits * Price) + (Price - 1)), Wishes.Team(), Wishes.Key(), Wishes.Session());

        var outcomes = await Task.WhenAll(Enumerable.Range(0, 1000).Select(i => Task.Run(async () => await stores[i % 3].HoldAsync(Ask.Ask(path, Price), Ct), Ct)));

        Assert.Equal(Fits, outcomes.Count(outcome => outcome.Verdict == HoldVerdict.Admitted));
        Assert.All(await Store.SnapshotAsync(Ask.OrgId, Today, Ct), cell => Assert.Equal(Fits * Price, cell.Held.Value));
    }

    [Fact]
    public async Task I3_Expire_OwnerGoneWithItsDisk_AnotherReplicaGetsWhatItsRecordIsMadeFrom()
    {
        var record = await HeldAsync(Ask.Whole(), 50, life: TimeSpan.FromSeconds(1));
        var other = await AnotherAsync();
        await PassAsync(TimeSpan.FromSeconds(1.2));

        var expired = Assert.Single(await other.ExpireAsync(100, Ct), r => r.OrgId == Ask.OrgId);

        Assert.Equal((record.Id, record.Model, record.PriceVersion, 50L, UsageSource.Presumed), (expired.Id, expired.Model, expired.PriceVersion, expired.Cost.Value, expired.Source));
    }

    [Fact]
    public async Task Expire_RecordDidNotReachTheLedger_IsHandedOutAgainUntilConfirmed()
    {
        var store = await AnotherAsync(redeliver: TimeSpan.FromSeconds(1));
        await HeldAsync(Ask.Whole(), 50, life: TimeSpan.FromMilliseconds(500));
        await PassAsync(TimeSpan.FromSeconds(0.6));
        var first = Assert.Single(await store.ExpireAsync(100, Ct), r => r.OrgId == Ask.OrgId);
        await PassAsync(TimeSpan.FromSeconds(1.1));

        var again = Assert.Single(await store.ExpireAsync(100, Ct), r => r.OrgId == Ask.OrgId);
        await store.ConfirmAsync([again], Ct);
        await PassAsync(TimeSpan.FromSeconds(1.1));

        Assert.Equal((first.Id, first.Cost, first.LatencyMs), (again.Id, again.Cost, again.LatencyMs));
        Assert.DoesNotContain(await store.ExpireAsync(100, Ct), r => r.OrgId == Ask.OrgId);
        Assert.Equal((50, 0), await AtAsync("org", PeriodKind.Month));
    }

    [Fact]
    public async Task I6_Mark_AnotherReplicaReconciles_WaitsForIt()
    {
        var other = await AnotherAsync();
        await SpentAsync(Ask.Whole(), 7);
        var mark = await Store.MarkAsync(Ask.OrgId, Ct);
        var waiting = other.MarkAsync(Ask.OrgId, Ct).AsTask();
        await PassAsync(TimeSpan.FromMilliseconds(200));

        await Store.AdjustAsync(mark, [new CellDelta(new CellName("org", PeriodKind.Day, Today), new NanoUsd(5))], Ct);

        Assert.Equal(12, (await waiting).Spent[new CellName("org", PeriodKind.Day, Today)].Value);
    }

    [Fact]
    public async Task I6_Mark_OfAReplicaThatIsGone_IsOvertaken()
    {
        var gone = await AnotherAsync(alone: TimeSpan.FromMilliseconds(100));
        await SpentAsync(Ask.Whole(), 7);
        var mark = await gone.MarkAsync(Ask.OrgId, Ct);

        await Store.AdjustAsync(await Store.MarkAsync(Ask.OrgId, Ct), [], Ct);

        await Assert.ThrowsAsync<InvalidOperationException>(async () => await gone.AdjustAsync(mark, [], Ct));
    }

    [Fact]
    public async Task I6_Mark_OfARebuild_WaitsForNobodyAndNobodyComesInBetween()
    {
        var builder = await AnotherAsync();
        await SpentAsync(Ask.Whole(), 7);
        var mark = await Store.MarkAsync(Ask.OrgId, Ct);
        var (_, epoch) = await builder.BeginRebuildAsync(Ask.OrgId, force: true, Ct);

        var first = await builder.MarkAsync(Ask.OrgId, Ct);
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await Store.AdjustAsync(mark, [], Ct));
        var waiting = Store.MarkAsync(Ask.OrgId, Ct).AsTask();
        await builder.AdjustAsync(first, [], Ct);
        await PassAsync(TimeSpan.FromMilliseconds(200));
        var second = await builder.MarkAsync(Ask.OrgId, Ct);
        await builder.AdjustAsync(second, [], Ct);
        await builder.OpenAsync(Ask.OrgId, epoch!, Ct);

        Assert.Equal(second.Number + 1, (await waiting).Number);
    }

    [Fact]
    public async Task I7_End_FarAboveTheExactNumbersOfLua_StaysExact()
    {
        const long Most = 4_611_686_018_427_387_905;
        var first = await HeldAsync(Ask.Whole(), Most);
        var second = await HeldAsync(Ask.Whole(), 1_000_000_001);
        await Store.EndAsync(Wishes.Settled(second, 999_999_999), Ct);
        await Store.EndAsync(Wishes.Settled(first, Most - 2), Ct);
        var mark = await Store.MarkAsync(Ask.OrgId, Ct);
        await Store.AdjustAsync(mark, [new CellDelta(new CellName("org", PeriodKind.Day, Today), new NanoUsd(-Most - 1_000_000_000))], Ct);

        Assert.Equal((-3, 0), await AtAsync("org", PeriodKind.Day));
        Assert.Equal((Most + 999_999_997, 0), await AtAsync("key:k1", PeriodKind.Month));
    }

    [Fact]
    public async Task Cost_Hashes_AreWhereAnOperatorLooks()
    {
        await SpentAsync(Ask.Whole(), 7);
        await using var client = await RespClient.ConnectAsync(await ServerAsync(), Ct);

        Assert.Equal("7", (await client.ExecuteAsync(["HGET", $"gateway:daily_cost:{{{Ask.OrgId}}}:{Today:yyyy-MM-dd}", "team:t1"], Ct)).AsString());
        Assert.Equal("7", (await client.ExecuteAsync(["HGET", $"gateway:monthly_cost:{{{Ask.OrgId}}}:{Today:yyyy-MM}", "org"], Ct)).AsString());
        Assert.InRange((await client.ExecuteAsync(["TTL", $"gateway:daily_cost:{{{Ask.OrgId}}}:{Today:yyyy-MM-dd}"], Ct)).AsInt64(), 86_400, 4 * 86_400);
    }

    [Fact]
    public async Task Hold_CountersAreEmptied_AsksForARebuildBeforeItAdmits()
    {
        await SpentAsync(Ask.Whole(), 7);
        await using var client = await RespClient.ConnectAsync(await ServerAsync(), Ct);
        await client.ExecuteAsync(["DEL", $"gateway:state:{{{Ask.OrgId}}}", $"gateway:daily_cost:{{{Ask.OrgId}}}:{Today:yyyy-MM-dd}"], Ct);
        var before = Rebuilds;

        await HeldAsync(Ask.Whole(), 1);

        Assert.Equal(before + 1, Rebuilds);
    }

    [Fact]
    public async Task Hold_CountersAreOlderThanWhatWasSeen_AsksForARebuildBeforeItAdmits()
    {
        await using var client = await RespClient.ConnectAsync(await ServerAsync(), Ct);
        await SpentAsync(Ask.Whole(), 7);
        var old = (await client.ExecuteAsync(["HGET", $"gateway:state:{{{Ask.OrgId}}}", "seq"], Ct)).AsString()!;
        await SpentAsync(Ask.Whole(), 7);
        await client.ExecuteAsync(["HSET", $"gateway:state:{{{Ask.OrgId}}}", "seq", old], Ct);
        var before = Rebuilds;

        await HeldAsync(Ask.Whole(), 1);
        await HeldAsync(Ask.Whole(), 1);

        Assert.Equal(before + 1, Rebuilds);
    }

    [Fact]
    public async Task Snapshot_CountersAreEmptied_AsksForARebuildBeforeItTells()
    {
        await SpentAsync(Ask.Whole(), 7);
        await using var client = await RespClient.ConnectAsync(await ServerAsync(), Ct);
        await client.ExecuteAsync(["DEL", $"gateway:state:{{{Ask.OrgId}}}", $"gateway:daily_cost:{{{Ask.OrgId}}}:{Today:yyyy-MM-dd}"], Ct);
        var before = Rebuilds;

        await Store.SnapshotAsync(Ask.OrgId, Today, Ct);
        await Store.SnapshotAsync(Ask.OrgId, Today, Ct);

        Assert.Equal(before + 1, Rebuilds);
    }

    [Fact]
    public async Task Snapshot_CountersAreOlderThanWhatWasSeen_AsksForARebuildBeforeItTells()
    {
        await using var client = await RespClient.ConnectAsync(await ServerAsync(), Ct);
        await SpentAsync(Ask.Whole(), 7);
        var old = (await client.ExecuteAsync(["HGET", $"gateway:state:{{{Ask.OrgId}}}", "seq"], Ct)).AsString()!;
        await SpentAsync(Ask.Whole(), 7);
        await client.ExecuteAsync(["HSET", $"gateway:state:{{{Ask.OrgId}}}", "seq", old], Ct);
        var before = Rebuilds;

        await Store.SnapshotAsync(Ask.OrgId, Today, Ct);
        await Store.SnapshotAsync(Ask.OrgId, Today, Ct);

        Assert.Equal(before + 1, Rebuilds);
    }
}

public sealed class RedisCountersTests(SharedRedis redis) : RedisCountersContract, IClassFixture<SharedRedis>
{
    private protected override async Task<RespOptions> ServerAsync() => (await redis.Server).Options;
}

public sealed class AC17_RedisClusterCountersTests(SharedRedisCluster cluster) : RedisCountersContract, IClassFixture<SharedRedisCluster>
{
    private protected override async Task<RespOptions> ServerAsync() => (await cluster.Cluster).Options;
}
