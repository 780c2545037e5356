using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Records;
using CurateMe.Testing;
using CurateMe.Testing.Budgets;
using CurateMe.Testing.Records;
using CurateMe.Testing.Redis;
using Xunit;

namespace CurateMe.Ledger.Tests.Redis;

/// <summary>A gateway is killed between the counters and its journal, and started again on its data.</summary>
public sealed class RedisFormerLifeTests() : RedisFleet("org_former", count: 1)
{
    readonly TemporaryDirectory _data = new();

    [Fact]
    public async Task I3_KilledBeforeTheJournal_WhatWasNeverForwardedIsGivenBackAndTheRestIsPresumed()
    {
        await using (var life = await LiveAsync())
        {
            await HoldAsync(life);
            await HoldAsync(life);
            (await life.Desk.TakeAsync(_ask.Ask(Path(10), Price), Ct)).Hold!.Forwarding();
        }
        var others = await HoldAsync(_replicas[0]);

        await using var next = await LiveAsync();
        Assert.Equal(2, await next.Store.ReleaseFormerAsync(Ct));
        await next.SettleDownAsync(Ct);

        Assert.Equal((Price, Price), await DayAsync());
        Assert.Equal(UsageSource.Presumed, Assert.Single(_ledger.All).Source);
        Assert.True((await next.Counters.EndAsync(others, Ct)).Applied, "another replica's hold was left alone");
    }

    [Fact]
    public async Task I5_KilledAfterTheLedgerHadIt_TheHoldEndsAtWhatTheLedgerSays()
    {
        await using (var life = await LiveAsync())
        {
            var record = await HoldAsync(life);
            (record.Status, record.Cost) = (RecordStatus.Settled, new(700));
            await _ledger.RecordAsync([record], Ct);
        }

        await using var next = await LiveAsync();

        Assert.Equal(0, await next.Store.ReleaseFormerAsync(Ct));
        Assert.Equal((700, 0), await DayAsync());
    }

    [Fact]
    public async Task I5_TheMachineWasStartedAnewSince_NothingIsGivenBack()
    {
        await using (var life = await LiveAsync()) await HoldAsync(life);
        var names = System.IO.Path.Combine(_data.Path, "replicas");
        await File.WriteAllLinesAsync(names, (await File.ReadAllLinesAsync(names, Ct)).Select(static line => line.Split(' ')[0] + " another-run"), Ct);

        await using var next = await LiveAsync();

        Assert.Equal(0, await next.Store.ReleaseFormerAsync(Ct));
        Assert.Equal((0, Price), await DayAsync());
    }

    [Fact]
    public async Task I6_RebuildTakesLongerThanADeadOneIsWaitedFor_NobodyTakesItOver()
    {
        await using var one = await LiveAsync();
        await using var other = await RedisRig.StartAsync(_server!.Options, _ledger, Ct, tune: Hasty);
        await HoldAsync(one);
        await HoldAsync(other);
        RedisRig[] both = [one, other];
        long Rebuilt() => both.SelectMany(static r => r.Events.Read()).Where(static e => e.Code == "budget_store_rebuilt").Sum(static e => e.Count);
        var before = Rebuilt();
        _ledger.BeforeSum = () => Task.Delay(TimeSpan.FromSeconds(1.5), Ct);

        await Task.WhenAll(one.Store.RebuildAsync(_ask.OrgId, force: true), other.Store.RebuildAsync(_ask.OrgId, force: false));

        Assert.Equal(before + 1, Rebuilt());
    }

    Task<RedisRig> LiveAsync() => RedisRig.StartAsync(_server!.Options, _ledger, Ct, directory: _data.Path, tune: Hasty);

    static Ledger.Redis.RedisCounterOptions Hasty(Ledger.Redis.RedisCounterOptions options) => options with { TakeOver = TimeSpan.FromMilliseconds(500) };

    // Held, and not in the journal.
    async Task<UsageRecord> HoldAsync(RedisRig rig)
    {
        var request = _ask.Ask(Path(10), Price);
        Assert.Equal(HoldVerdict.Admitted, (await rig.Counters.HoldAsync(request, Ct)).Verdict);
        return request.Record;
    }

    async Task<(long Spent, long Held)> DayAsync()
    {
        var cells = await _replicas[0].Counters.SnapshotAsync(_ask.OrgId, Today, Ct);
        var day = cells.Single(static c => c is { Kind: NodeKind.Org, Period: PeriodKind.Day });
        return (day.Spent.Value, day.Held.Value);
    }
}
