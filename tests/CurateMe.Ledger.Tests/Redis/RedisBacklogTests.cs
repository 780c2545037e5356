using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Reconciliation;
using CurateMe.Ledger.Records;
using CurateMe.Testing;
using CurateMe.Testing.Budgets;
using CurateMe.Testing.Configuration;
using CurateMe.Testing.Records;
using CurateMe.Testing.Redis;
using Xunit;

namespace CurateMe.Ledger.Tests.Redis;

/// <summary>The ledger is away for so long that Redis does not remember every ended record until it is back.</summary>
public sealed class RedisBacklogTests() : RedisFleet("org_backlog", count: 2, Remembered)
{
    const int Remembered = 10;

    [Fact]
    public async Task I6_LedgerAway_RedisRemembersNoMoreThanItMayAndAdmissionStaysExact()
    {
        _ledger.BeforeRecord = static _ => throw new LedgerUnavailableException("away");
        await SpendAsync(60);

        Assert.InRange(await RememberedAsync(), Remembered, 2 * (Remembered + 2));
        var denied = (await _replicas[1].Desk.TakeAsync(_ask.Ask(Path(60), Price), Ct)).Outcome;
        Assert.Equal((HoldVerdict.BudgetExceeded, 60 * Price), (denied.Verdict, denied.BlockedSpent.Value));
        foreach (var replica in _replicas)
        {
            await Assert.ThrowsAsync<RecordsOnTheirWayException>(async () => await replica.Store.Reconciler.RunAsync(_ask.OrgId, Today, apply: true, Ct));
        }

        _ledger.BeforeRecord = null;
        await AssertExactAsync(60 * Price);
        Assert.Equal(0, await RememberedAsync());
    }

    [Fact]
    public async Task I6_AC10_LedgerAwayAndRedisFlushed_CountersAreRightWhenTheLedgerIsBack()
    {
        _ledger.BeforeRecord = static _ => throw new LedgerUnavailableException("away");
        await SpendAsync(60);
        await CommandAsync("FLUSHALL");
        // Neither has what was spent: nobody is admitted beyond what this replica may decide alone.
        try
        {
            await _replicas[0].Desk.TakeAsync(_ask.Ask(Path(60), 60 * Price), Ct);
        }
        catch (CounterStoreUnavailableException)
        {
            // The counters are being rebuilt for as long as the ledger lacks records.
        }

        _ledger.BeforeRecord = null;
        await AssertExactAsync(60 * Price);
    }

    [Fact]
    public async Task I6_ReplicaIsGoneWithItsJournal_OthersDoNotWaitForItForEver()
    {
        await SpendAndLoseAsync(60);

        await Poll.UntilAsync(ReconciledAsync, "the other replica reconciles without it");
    }

    [Fact]
    public async Task I5_ReplicaIsGoneWithItsJournal_WhatItHadSettledIsBroughtToTheLedgerByAnother()
    {
        await SpendAndLoseAsync(4);
        Assert.Equal(2, _ledger.All.Count);

        await ReconcileLaterAsync(TimeSpan.FromMinutes(5));
        Assert.Equal(2, _ledger.All.Count);
        await ReconcileLaterAsync(TimeSpan.FromMinutes(11));

        Assert.Equal(4, _ledger.All.Count);
        Assert.All(_ledger.All, static r => Assert.Equal((Price, RecordStatus.Settled), (r.Cost.Value, r.Status)));
        Assert.Equal(0, await RememberedAsync());
    }

    // The first replica is gone with what it did not bring to the ledger.
    async Task SpendAndLoseAsync(int count)
    {
        _ledger.BeforeRecord = static _ => throw new LedgerUnavailableException("away");
        await SpendAsync(count);
        await _replicas[0].DisposeAsync();
        _replicas = [_replicas[1]];
        _ledger.BeforeRecord = null;
        await _replicas[0].SettleDownAsync(Ct);
    }

    async Task ReconcileLaterAsync(TimeSpan later)
    {
        using var reconciler = new Reconciler(_replicas[0].Counters, _ledger, new CounterResets(new MemoryConfigStore()), new TestClock(TimeProvider.System.GetUtcNow() + later));
        await reconciler.RunAsync(_ask.OrgId, Today, apply: false, Ct);
    }

    async Task<bool> ReconciledAsync()
    {
        try
        {
            await _replicas[0].Store.Reconciler.RunAsync(_ask.OrgId, Today, apply: true, Ct);
            return true;
        }
        catch (RecordsOnTheirWayException)
        {
            return false;
        }
    }

    async Task<long> RememberedAsync()
    {
        await using var client = await _server!.ConnectAsync();
        return (await client.ExecuteAsync(["HLEN", $"gateway:unrecorded:{{{_ask.OrgId}}}"], Ct)).AsInt64();
    }

    async Task SpendAsync(int count)
    {
        for (var i = 0; i < count; i++)
        {
            var hold = (await _replicas[i % _replicas.Length].Desk.TakeAsync(_ask.Ask(Path(count), Price), Ct)).Hold!;
            hold.Forwarding();
            await SettleAsync([hold], Price);
        }
    }

    async Task AssertExactAsync(long spent)
    {
        foreach (var replica in _replicas) await replica.SettleDownAsync(Ct);
        var report = await _replicas[0].Store.Reconciler.RunAsync(_ask.OrgId, Today, apply: true, Ct);
        Assert.All(report.Cells, cell => Assert.Equal((cell.After, spent), (cell.Before, cell.After.Value)));
        Assert.Equal(spent, _ledger.All.Sum(static r => r.Cost.Value));
    }
}
