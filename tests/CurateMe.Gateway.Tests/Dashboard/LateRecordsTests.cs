using CurateMe.Gateway.Dashboard;
using CurateMe.Gateway.Hosting;
using CurateMe.Gateway.Tests.Acceptance.Records;
using CurateMe.Gateway.Tests.Shared;
using CurateMe.Ledger.Records;
using CurateMe.Testing;
using CurateMe.Testing.Holds;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace CurateMe.Gateway.Tests.Dashboard;

/// <summary>Who reads a list before the ledger has what it was told of, is told to read it again.</summary>
public sealed class LateRecordsTests
{
    static CancellationToken Ct => TestContext.Current.CancellationToken;

    static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(1);

    static async Task SettleAsync(LedgerRig rig)
    {
        var (hold, _) = await rig.Desk.TakeAsync(rig.Ask.Ask(rig.Ask.Whole(), 100), Ct);
        await using (hold)
        {
            hold!.Forwarding();
            hold.Charge(7);
        }
    }

    [Fact]
    public async Task Take_RecordedInTime_TellsNobody()
    {
        await using var rig = LedgerRig.Make();
        rig.Recorder.Start();
        var late = new LateRecords(rig.Journal, rig.Clock);
        await SettleAsync(rig);
        late.Expect();
        Assert.False(late.Take());
        await rig.Recorder.DrainAsync(Ct);
        rig.Clock.Advance(LateRecords.Late);
        Assert.False(late.Take());
        rig.Clock.Advance(LateRecords.TellEvery);
        Assert.False(late.Take());
    }

    [Fact]
    public async Task Take_RecordedLate_TellsOnceAndNotBeforeTheLedgerHasIt()
    {
        await using var rig = LedgerRig.Make();
        var late = new LateRecords(rig.Journal, rig.Clock);
        await SettleAsync(rig);
        late.Expect();
        Assert.False(late.Take());
        rig.Clock.Advance(TimeSpan.FromMinutes(3));
        Assert.False(late.Take());
        rig.Recorder.Start();
        await rig.Recorder.DrainAsync(Ct);
        Assert.True(late.Take());
        rig.Clock.Advance(LateRecords.TellEvery);
        Assert.False(late.Take());
    }

    [Fact]
    public async Task Take_LateWithoutAnyoneExpecting_TellsNobody()
    {
        await using var rig = LedgerRig.Make();
        var late = new LateRecords(rig.Journal, rig.Clock);
        await SettleAsync(rig);
        Assert.False(late.Take());
        rig.Clock.Advance(TimeSpan.FromMinutes(3));
        rig.Recorder.Start();
        await rig.Recorder.DrainAsync(Ct);
        Assert.False(late.Take());
    }

    [Fact]
    public async Task Take_AlwaysLate_TellsSeldomAndForgetsNothing()
    {
        await using var rig = LedgerRig.Make();
        rig.Recorder.Start();
        var behind = true;
        rig.Memory.BeforeRecord = _ => behind ? throw new LedgerUnavailableException("slow") : Task.CompletedTask;
        var late = new LateRecords(rig.Journal, rig.Clock);
        var told = 0;
        for (var i = 0; i < 3; i++)
        {
            behind = true;
            await SettleAsync(rig);
            late.Expect();
            Assert.False(late.Take());
            rig.Clock.Advance(LateRecords.Late + Moment);
            behind = false;
            await rig.Recorder.DrainAsync(Ct);
            told += late.Take() ? 1 : 0;
        }
        Assert.Equal(1, told);
        rig.Clock.Advance(LateRecords.TellEvery);
        Assert.True(late.Take());
        Assert.False(late.Take());
    }

    [Fact]
    public async Task Live_LedgerAwayWhileARequestSettles_TellsToReadAgainOnceItIsBack()
    {
        await using var rig = await GatewayRig.StartAsync(
            new Dictionary<string, string?> { ["ADMIN_TOKEN"] = "late-operator-token-0123" },
            services: static s => s.AddSingleton<IUsageLedger>(static p => new AwayLedger(p.GetRequiredService<GatewaySettings>().DataDirectory)));
        var key = await rig.KeyAsync();
        await using var events = await EventReader.OpenAsync(rig.Http, new Uri(rig.Address, "/gateway/admin/live?org_id=org_test"), "late-operator-token-0123");
        var ledger = (AwayLedger)rig.Service<IUsageLedger>();
        ledger.Away = true;
        using (await rig.ChatAsync(key, new { model = "gpt-4o-mini", max_tokens = 20, messages = new[] { new { role = "user", content = "ping" } } })) { }
        Assert.NotNull(await events.NextAsync("request"));
        await Poll.UntilAsync(() => rig.Service<LiveFeed>().Behind, "what settled is waited for");
        await Task.Delay(LateRecords.Late * 2, Ct);
        ledger.Away = false;
        Assert.NotNull(await events.NextAsync("resync"));
        Assert.Single(await rig.RecordsAsync());
    }
}
