using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Holds;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;
using CurateMe.Testing.Budgets;
using CurateMe.Testing.Records;
using CurateMe.Testing.Redis;
using Xunit;

namespace CurateMe.Ledger.Tests.Redis;

/// <summary>Replicas on one Redis and one ledger, for a test of its own each.</summary>
public abstract class RedisFleet(string org, int count, int maxUnrecorded = InProcessCounters.MaxUnrecorded) : IAsyncLifetime
{
    private protected const long Price = 1_000;

    private protected readonly MemoryLedger _ledger = new();
    private protected readonly Wishes _ask = new(org, () => TimeProvider.System.GetUtcNow());
    private protected RedisServer? _server;
    private protected RedisRig[] _replicas = [];

    private protected static CancellationToken Ct => TestContext.Current.CancellationToken;

    private protected static DateOnly Today => DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().UtcDateTime);

    public async ValueTask InitializeAsync()
    {
        Assert.SkipUnless(RedisServer.IsInstalled, RedisServer.Missing);
        _server = await RedisServer.StartAsync();
        _replicas = await RedisRig.StartManyAsync(count, _server.Options, _ledger, Ct, maxUnrecorded);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var replica in _replicas) await replica.DisposeAsync();
        if (_server is not null) await _server.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    private protected BudgetPath Path(int fits) => _ask.Path(_ask.Org(daily: fits * Price), Wishes.Team(), Wishes.Key(), Wishes.Session());

    private protected static async Task SettleAsync(List<Hold> holds, long cost)
    {
        foreach (var hold in holds)
        {
            hold.NotBilled(200);
            hold.Record.Status = RecordStatus.Settled;
            hold.Record.Cost = new NanoUsd(cost);
            await hold.DisposeAsync();
        }
    }

    private protected async Task CommandAsync(string command)
    {
        await using var client = await _server!.ConnectAsync();
        await client.ExecuteAsync([command], Ct);
    }
}
