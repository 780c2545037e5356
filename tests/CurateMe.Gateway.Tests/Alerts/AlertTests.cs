using System.Text.Json.Nodes;
using CurateMe.Client;
using CurateMe.Gateway.Admin;
using CurateMe.Gateway.Alerts;
using CurateMe.Gateway.Governance;
using CurateMe.Gateway.Keys;
using CurateMe.Gateway.Tests.Acceptance;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Money;
using CurateMe.Testing;
using Xunit;

namespace CurateMe.Gateway.Tests.Alerts;

public sealed class AlertTests
{
    // Answers without usage are charged at their hold, so what a request costs is known beforehand.
    static PolicyDocument Charging(NanoUsd? daily = null) => new() { OnMissingUsage = OnMissingUsage.Hold, DailyBudget = daily is { } budget ? new MoneyLimit(budget) : MoneyLimit.Unlimited, MonthlyBudget = MoneyLimit.Unlimited };

    static Task<Answer> SpendAsync(GatewayRig rig, string key) => rig.AskAsync(key, sim: "usage=absent");

    static Task<IReadOnlyList<Alert>> AlertsAsync(AdminClient client, string types, int count) => AlertRig.UntilAsync(
        async () => (await client.ListAlertsAsync(types)).Data, a => a.Count >= count, $"{count} of {types}");

    // Waits until everything that was raised before is stored: events are stored in the order in which they were raised.
    static async Task StoredAsync(GatewayRig rig)
    {
        var subject = $"key:{rig.Service<TimeProvider>().GetUtcNow().UtcTicks}:{Interlocked.Increment(ref barriers)}";
        rig.Service<AlertDesk>().Raise(AlertType.CostAnomaly, "org_test", subject, subject, []);
        await AlertRig.UntilAsync(async () => (await rig.Admin("org_test").ListAlertsAsync("cost_anomaly")).Data.Count(a => a.Subject == subject), n => n == 1, "the last event");
    }

    static int barriers;

    [Fact]
    public async Task Budget_AtItsThresholds_IsToldOfOnceEach()
    {
        await using var rig = await AlertRig.StartAsync();
        await using var receiver = await Receiver.StartAsync();
        var key = await rig.KeyAsync(policy: Charging());
        var cost = (await SpendAsync(rig, key)).Cost;
        var client = rig.Admin("org_test");
        await client.CreateWebhookAsync(new WebhookCreate { Url = receiver.Url("/plain"), Events = [AlertType.BudgetWarning, AlertType.BudgetExceeded] });
        await client.CreateWebhookAsync(new WebhookCreate { Url = receiver.Url("/own"), Events = [AlertType.BudgetWarning], BudgetWarningThreshold = 0.8m });
        await rig.PolicyAsync("org_test", Charging(new NanoUsd(cost.Value * 4)));

        Assert.Equal(200, (await SpendAsync(rig, key)).Status);
        var first = Assert.Single(await AlertsAsync(client, "budget_warning", 1));
        Assert.Equal(("org_test", "org", 0.5m), (first.OrgId, first.Subject, (decimal)first.Data["threshold"]!));
        Assert.Equal(("day", cost.Value * 2, cost.Value * 4, 50.0), ((string?)first.Data["period"], (long)first.Data["spent_nano_usd"]!, (long)first.Data["limit_nano_usd"]!, (double)first.Data["pct"]!));
        Assert.Equal(200, (await SpendAsync(rig, key)).Status);
        await AlertsAsync(client, "budget_warning", 2);
        Assert.Equal(200, (await SpendAsync(rig, key)).Status);
        Assert.Equal([0.5m, 0.75m, 0.8m, 0.9m], (await AlertsAsync(client, "budget_warning", 4)).Select(a => (decimal)a.Data["threshold"]!).Order());

        for (var i = 0; i < 5; i++)
        {
            Assert.Equal("daily_budget", (await SpendAsync(rig, key)).Code);
        }
        var exceeded = Assert.Single(await AlertsAsync(client, "budget_exceeded", 1));
        Assert.Equal(("org", "key_test", cost.Value * 4), (exceeded.Subject, (string?)exceeded.Data["key_id"], (long)exceeded.Data["spent_nano_usd"]!));

        await Poll.UntilAsync(() => receiver.Messages.Count >= 8, "all messages");
        await rig.Service<BudgetWatch>().LookAsync(default);
        await StoredAsync(rig);
        Assert.Equal(4, (await client.ListAlertsAsync("budget_warning")).Data.Count);
        Assert.Single((await client.ListAlertsAsync("budget_exceeded")).Data);
        Assert.Equal(["0.5", "0.75", "0.9"], receiver.Messages.Where(m => m is { Path: "/plain", Type: "budget_warning" }).Select(m => m.Data["threshold"]!.ToJsonString()).Order());
        Assert.Equal(["0.5", "0.75", "0.8", "0.9"], receiver.Messages.Where(m => m.Path == "/own").Select(m => m.Data["threshold"]!.ToJsonString()).Order());
        Assert.Single(receiver.Messages, m => m.Type == "budget_exceeded");
    }

    [Fact]
    public async Task Nodes_BelowTheOrg_AreToldWithWhatIsAbove()
    {
        await using var rig = await AlertRig.StartAsync();
        var probe = await rig.KeyAsync(policy: Charging());
        var cost = (await SpendAsync(rig, probe)).Cost;
        var team = new TeamDocument { TeamId = "team_a", OrgId = "org_test", Name = "A", DailyBudget = new NanoUsd(cost.Value * 2), CreatedAt = default };
        var key = await rig.KeyAsync(key: "key_low", limits: k => k with { MonthlyBudget = cost }, team: team);
        Assert.Equal(200, (await SpendAsync(rig, key)).Status);
        var client = rig.Admin("org_test");
        var alerts = await AlertsAsync(client, "budget_hierarchy_alert", 4);
        Assert.Equal(["key:key_low", "key:key_low", "key:key_low", "team:team_a"], alerts.Select(a => a.Subject).Order());
        var month = alerts.First(a => a.Subject == "key:key_low");
        Assert.Equal("month", (string?)month.Data["period"]);
        Assert.Equal(["org", "team:team_a"], month.Data["ancestors"]!.AsArray().Select(a => (string?)a!["node"]));
        Assert.Equal(cost.Value * 2, (long)month.Data["ancestors"]![0]!["spent_nano_usd"]!);
        Assert.Equal(4, (await client.ListAlertsAsync("budget_warning")).Data.Count);
    }

    [Fact]
    public async Task Session_AtItsLimit_IsToldOf()
    {
        await using var rig = await AlertRig.StartAsync();
        var key = await rig.KeyAsync(policy: Charging());
        var cost = (await SpendAsync(rig, key)).Cost;
        var client = rig.Admin("org_test");
        await client.CreateRunnerAsync(new RunnerCreate { RunnerId = "r1" });
        await client.ConfigureRunnerAsync("r1", new JsonObject { ["session_budget_limit"] = JsonNode.Parse(cost.ToString()) });
        await rig.AskAsync(key, sim: "usage=absent", session: "s1", headers: ("X-CM-Runner-ID", "r1"));
        var alert = (await AlertsAsync(client, "budget_hierarchy_alert", 3))[0];
        Assert.Equal(("session:r1/s1", "session"), (alert.Subject, (string?)alert.Data["period"]));
    }

    [Fact]
    public async Task Drift_ThatLasts_IsToldOncePerEpisode()
    {
        var time = new TestClock();
        await using var rig = await AlertRig.StartAsync(time: time);
        var key = await rig.KeyAsync(policy: Charging());
        await SpendAsync(rig, key);
        await rig.RecordsAsync();
        var (watch, client) = (rig.Service<LedgerWatch>(), rig.Admin("org_test"));
        async Task<int> ToldAsync()
        {
            await watch.LookAsync(default);
            await StoredAsync(rig);
            return (await client.ListAlertsAsync("cost_drift")).Data.Count;
        }
        await watch.LookAsync(default);
        await SkewAsync(rig, 10);
        Assert.Equal(0, await ToldAsync());
        time.Advance(TimeSpan.FromMinutes(9));
        Assert.Equal(0, await ToldAsync());
        time.Advance(TimeSpan.FromMinutes(2));
        await watch.LookAsync(default);
        var told = Assert.Single(await AlertsAsync(client, "cost_drift", 1));
        Assert.Equal(("org:org_test", 9.0, 5), (told.Subject, Math.Floor((double)told.Data["drift_pct"]!), (int)told.Data["threshold_pct"]!));
        time.Advance(TimeSpan.FromMinutes(30));
        Assert.Equal(1, await ToldAsync());

        await rig.Admin().ReconcileAsync("org_test");
        Assert.Equal(1, await ToldAsync());
        await SkewAsync(rig, 10);
        await ToldAsync();
        time.Advance(TimeSpan.FromMinutes(11));
        await watch.LookAsync(default);
        Assert.Equal(2, (await AlertsAsync(client, "cost_drift", 2)).Count);
    }

    // Somebody's hand in the counters: so many percent more than was spent.
    static async Task SkewAsync(GatewayRig rig, int percent)
    {
        var counters = rig.Service<ICounterStore>();
        var cell = (await counters.SnapshotAsync("org_test", rig.Today, default)).Single(c => c.Field == "org" && c.Period == PeriodKind.Day);
        var mark = await counters.MarkAsync("org_test", default);
        await counters.AdjustAsync(mark, [new CellDelta(new CellName("org", PeriodKind.Day, rig.Today), new NanoUsd((cell.Spent.Value * percent / 100) + 1))], default);
    }

    [Fact]
    public async Task Backlog_AboveFifty_IsToldOncePerEpisode()
    {
        var time = new TestClock();
        await using var rig = await AlertRig.StartAsync(time: time);
        var (watch, depth) = (rig.Service<LedgerWatch>(), 50L);
        rig.Service<GatewayFigures>().DlqDepth = _ => ValueTask.FromResult<long?>(Volatile.Read(ref depth));
        foreach (var next in (long[])[50, 51, 80, 0, 60])
        {
            Volatile.Write(ref depth, next);
            await watch.LookAsync(default);
            time.Advance(TimeSpan.FromSeconds(60));
        }
        Assert.Equal([60, 51], (await AlertsAsync(rig.Admin(), "dlq_backlog", 2)).Select(a => (int)a.Data["depth"]!));
        await rig.KeyAsync();
        Assert.Empty((await rig.Admin("org_test").ListAlertsAsync("dlq_backlog")).Data);
    }

    [Fact]
    public async Task Episode_ThatGoesOnOverARestart_IsToldOnce()
    {
        using var data = new TemporaryDirectory();
        var (time, depth) = (new TestClock(), 60L);
        async Task LookAsync(GatewayRig rig)
        {
            rig.Service<GatewayFigures>().DlqDepth = _ => ValueTask.FromResult<long?>(Volatile.Read(ref depth));
            await rig.Service<LedgerWatch>().LookAsync(default);
            await StoredAsync(rig);
        }
        static async Task<(int Backlogs, int Drifts)> ToldAsync(GatewayRig rig) =>
            ((await rig.Admin().ListAlertsAsync("dlq_backlog")).Data.Count, (await rig.Admin().ListAlertsAsync("cost_drift")).Data.Count);
        await using (var rig = await AlertRig.StartAsync(directory: data, time: time))
        {
            await SpendAsync(rig, await rig.KeyAsync(policy: Charging()));
            await rig.RecordsAsync();
            await SkewAsync(rig, 10);
            await LookAsync(rig);
            time.Advance(TimeSpan.FromMinutes(11));
            await LookAsync(rig);
            Assert.Equal((1, 1), await ToldAsync(rig));
        }
        // The lease of the gateway before ends.
        time.Advance(TimeSpan.FromMinutes(190));
        await using (var next = await AlertRig.StartAsync(directory: data, time: time))
        {
            await SkewAsync(next, 10);
            await LookAsync(next);
            time.Advance(TimeSpan.FromMinutes(11));
            await LookAsync(next);
            Assert.Equal((1, 1), await ToldAsync(next));

            depth = 0;
            await next.Admin().ReconcileAsync("org_test");
            await LookAsync(next);
            depth = 60;
            await SkewAsync(next, 10);
            await LookAsync(next);
            time.Advance(TimeSpan.FromMinutes(11));
            await LookAsync(next);
            Assert.Equal((2, 2), await ToldAsync(next));
        }
        // What is over when the next gateway looks first is another episode when it comes again.
        time.Advance(TimeSpan.FromMinutes(190));
        await using var last = await AlertRig.StartAsync(directory: data, time: time);
        depth = 0;
        await LookAsync(last);
        depth = 60;
        await SkewAsync(last, 10);
        await LookAsync(last);
        time.Advance(TimeSpan.FromMinutes(11));
        await LookAsync(last);
        Assert.Equal((3, 3), await ToldAsync(last));
    }

    [Fact]
    public async Task Approval_AndDisabledKey_AreToldOf()
    {
        await using var rig = await AlertRig.StartAsync();
        var key = await rig.KeyAsync(policy: new PolicyDocument { HitlThreshold = MoneyLimit.FromDollars(0) });
        Assert.Equal(202, (await rig.AskAsync(key)).Status);
        var client = rig.Admin("org_test");
        var asked = Assert.Single(await AlertsAsync(client, "approval_requested", 1));
        Assert.Equal((await client.ListApprovalsAsync()).Data.Single().ApprovalId, (string?)asked.Data["approval_id"]);
        Assert.DoesNotContain("ping", asked.Data.ToJsonString(), StringComparison.Ordinal);
        await client.DisableKeyAsync("key_test");
        await client.DisableKeyAsync("key_test");
        await client.EnableKeyAsync("key_test");
        await client.DisableKeyAsync("key_test");
        Assert.Equal(2, (await AlertsAsync(client, "key_disabled", 2)).Count);
    }

    [Fact]
    public async Task Store_ThatIsAway_StopsNoRequest_AndIsToldWhenItIsBack()
    {
        using var data = new TemporaryDirectory();
        await using var store = new AwayAlerts(data.Path);
        await using var rig = await AlertRig.StartAsync(store: store);
        await using var receiver = await Receiver.StartAsync();
        var key = await rig.KeyAsync(policy: Charging());
        var client = rig.Admin("org_test");
        await client.CreateWebhookAsync(new WebhookCreate { Url = receiver.Url(), Events = [AlertType.BudgetExceeded, AlertType.KeyDisabled] });
        await rig.PolicyAsync("org_test", Charging(NanoUsd.Zero));
        store.Away = true;
        Assert.Equal("daily_budget", (await SpendAsync(rig, key)).Code);
        await client.DisableKeyAsync("key_test");
        await Poll.UntilAsync(() => store.Refused > 2, "the store was asked in vain");
        Assert.Equal(503, (await Assert.ThrowsAsync<AdminRefusedException>(() => client.ListAlertsAsync())).Status);
        Assert.Empty(receiver.Messages);
        store.Away = false;
        await Poll.UntilAsync(() => receiver.Messages.Count == 2, "both messages");
        Assert.Equal(["budget_exceeded", "key_disabled"], receiver.Messages.Select(m => m.Type).Order());
        Assert.Contains((await rig.Admin().ListErrorsAsync("gateway")).Data, e => e.Code == "alert_store_unavailable");
    }

    [Fact]
    public async Task List_IsPagedFilteredAndOfOneOrg()
    {
        await using var rig = await AlertRig.StartAsync();
        await rig.KeyAsync();
        await rig.KeyAsync("org_other", key: "key_other");
        var desk = rig.Service<AlertDesk>();
        for (var i = 0; i < 5; i++)
        {
            desk.Raise(i == 4 ? AlertType.CostDrift : AlertType.CostAnomaly, "org_test", $"key:{i}", $"{i}", []);
        }
        desk.Raise(AlertType.CostAnomaly, "org_other", "key:x", "x", []);
        desk.Raise(AlertType.DlqBacklog, null, "gateway", "x", []);
        await AlertsAsync(rig.Admin(), "cost_anomaly,cost_drift,dlq_backlog", 7);
        var client = rig.Admin("org_test");
        var page = await client.ListAlertsAsync(limit: 3);
        var rest = await client.ListAlertsAsync(limit: 3, cursor: page.NextCursor);
        Assert.Equal((3, 2, null), (page.Data.Count, rest.Data.Count, rest.NextCursor));
        Assert.Equal(5, page.Data.Concat(rest.Data).Select(a => a.EventId).Distinct().Count());
        Assert.Equal("key:4", Assert.Single((await client.ListAlertsAsync("cost_drift")).Data).Subject);
        Assert.Empty((await client.ListAlertsAsync(since: TimeProvider.System.GetUtcNow().AddMinutes(5))).Data);
        Assert.Equal("type", (await Assert.ThrowsAsync<AdminRefusedException>(() => client.ListAlertsAsync("nothing"))).Error.Param);
    }
}
