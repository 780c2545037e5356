using CurateMe.Gateway.Governance;
using CurateMe.Gateway.Hosting;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Configuration;
using CurateMe.Ledger.Entries;
using CurateMe.Ledger.Errors;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Reconciliation;
using CurateMe.Ledger.Sqlite;
using CurateMe.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace CurateMe.Gateway.Tests.Reconciliation;

public sealed class DailyReconcileTests
{
    static readonly object Ping = new { model = "gpt-4o-mini", max_tokens = 20, messages = new[] { new { role = "user", content = "ping" } } };

    [Fact]
    public async Task Run_AfterTheDay_MakesCountersEqualOnceForAllReplicas()
    {
        await using var rig = await GatewayRig.StartAsync(new Dictionary<string, string?> { ["CM_DAILY_RECONCILE"] = "off" });
        using (await rig.ChatAsync(await rig.KeyAsync(), Ping)) { }
        var record = Assert.Single(await rig.RecordsAsync());
        var counters = rig.Service<ICounterStore>();
        var mark = await counters.MarkAsync("org_test", default);
        await counters.AdjustAsync(mark, [new CellDelta(new CellName("org", PeriodKind.Day, rig.Today), new NanoUsd(7))], default);
        Assert.Equal(record.Cost.Value + 7, (await rig.CellAsync("org")).Spent.Value);

        var clock = new FixedClock(new DateTimeOffset(rig.Today.AddDays(1), new TimeOnly(0, 9), TimeSpan.Zero));
        using var directory = new TemporaryDirectory();
        await using var entries = SqliteEntryStore.Open(directory.Path, clock);
        var events = rig.Service<ErrorEvents>();
        var (one, other) = (Make(rig, entries, clock, events), Make(rig, entries, clock, events));
        Assert.Null(await one.RunAsync(default));
        clock.Now = clock.Now.AddMinutes(1);

        Assert.Equal(new DailyReport(rig.Today, Orgs: 1, Changed: 1, PutOff: 0), await one.RunAsync(default));
        Assert.Equal(record.Cost, (await rig.CellAsync("org")).Spent);
        Assert.Null(await other.RunAsync(default));
        clock.Now += DailyReconcile.Lease + TimeSpan.FromMinutes(1);
        Assert.Null(await other.RunAsync(default));
        Assert.Contains(events.Read(), e => e.Code == "daily_reconcile_changed");
        Assert.Contains(await rig.Service<IConfigStore>().AuditAsync(new AuditQuery { OrgId = "org_test", Action = "costs.reconcile" }, default), e => e.Draft.Actor == "schedule");
    }

    [Fact]
    public async Task Run_OneThatDied_LeavesTheDayToAnotherAfterItsLease()
    {
        await using var rig = await GatewayRig.StartAsync(new Dictionary<string, string?> { ["CM_DAILY_RECONCILE"] = "off" });
        await rig.KeyAsync();
        var clock = new FixedClock(new DateTimeOffset(rig.Today.AddDays(1), new TimeOnly(3, 0), TimeSpan.Zero));
        using var directory = new TemporaryDirectory();
        await using var entries = SqliteEntryStore.Open(directory.Path, clock);
        await entries.AddAsync(new EntryName("gateway", "daily_reconcile", $"{rig.Today:yyyy-MM-dd}.lease"), "dead"u8.ToArray(), DailyReconcile.Lease, null, default);
        var other = Make(rig, entries, clock, rig.Service<ErrorEvents>());
        Assert.Null(await other.RunAsync(default));
        clock.Now += DailyReconcile.Lease + TimeSpan.FromSeconds(1);
        Assert.Equal(1, (await other.RunAsync(default))?.Orgs);
    }

    [Theory]
    [InlineData("25:00")]
    [InlineData("soon")]
    public async Task Setting_NoTime_StopsTheStartByName(string value)
    {
        var failed = await Assert.ThrowsAnyAsync<Exception>(() => GatewayRig.StartAsync(new Dictionary<string, string?> { ["CM_DAILY_RECONCILE"] = value }));
        Assert.Contains("CM_DAILY_RECONCILE", failed.Message, StringComparison.Ordinal);
    }

    static DailyReconcile Make(GatewayRig rig, IEntryStore entries, TimeProvider clock, ErrorEvents events) => new(
        rig.Service<Catalogue>(), rig.Service<Reconciler>(), entries, events, rig.Service<GatewaySettings>() with { DailyReconcileAt = new TimeOnly(0, 10) }, clock, NullLogger<DailyReconcile>.Instance);
}
