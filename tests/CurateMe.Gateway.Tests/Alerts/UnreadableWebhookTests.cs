using CurateMe.Client;
using CurateMe.Gateway.Alerts;
using CurateMe.Gateway.Governance;
using CurateMe.Gateway.Tests.Acceptance;
using CurateMe.Ledger.Configuration;
using CurateMe.Ledger.Money;
using CurateMe.Testing;
using Xunit;

namespace CurateMe.Gateway.Tests.Alerts;

/// <summary>A webhook that this version cannot read, as a newer one beside it may have written it.</summary>
public sealed class UnreadableWebhookTests
{
    static Task WriteAsync(GatewayRig rig, string org) => rig.Service<Catalogue>().CommitAsync(
        [new ConfigWrite("webhooks", "wh_newer", org, Lookup: null, $$"""{"webhook_id":"wh_newer","org_id":"{{org}}","url":"https://example.com","events":["of_another_version"],"created_at":"2026-01-01T00:00:00Z"}""", ExpectedVersion: 0)],
        new AuditDraft(DateTimeOffset.UnixEpoch, "test", null, "webhook.create", "webhook", "wh_newer", org, null, null), default);

    [Fact]
    public async Task Event_OfItsOrg_HoldsUpNoOtherAndStopsNoGateway()
    {
        await using var rig = await AlertRig.StartAsync();
        await using var receiver = await Receiver.StartAsync();
        await rig.KeyAsync("org_newer", key: "key_newer");
        await rig.KeyAsync();
        await WriteAsync(rig, "org_newer");
        await rig.Admin("org_test").CreateWebhookAsync(new WebhookCreate { Url = receiver.Url(), Events = [AlertType.KeyDisabled] });
        await rig.Admin("org_newer").DisableKeyAsync("key_newer");
        await AlertRig.UntilAsync(async () => (await rig.Admin("org_newer").ListAlertsAsync("key_disabled")).Data.Count, n => n == 1, "the event that comes first");
        await rig.Admin("org_test").DisableKeyAsync("key_test");
        await Poll.UntilAsync(() => receiver.Messages.Count == 1, "the other org's message");
        Assert.Equal("org_test", (string?)receiver.Messages[0].Json["orgid"]);
        Assert.Contains((await rig.Admin().ListErrorsAsync("gateway")).Data, e => e.Code == "background_work_failed" && e.LastMessage.Contains("evt_", StringComparison.Ordinal));
        Assert.Equal(200, (int)(await rig.Http.GetAsync("/health/live")).StatusCode);
    }

    [Fact]
    public async Task Budgets_OfOtherOrgs_AreLookedAt()
    {
        await using var rig = await AlertRig.StartAsync(new AlertOptions { SweepEvery = TimeSpan.FromHours(1), WatchEvery = TimeSpan.FromHours(1) });
        var policy = new PolicyDocument { OnMissingUsage = OnMissingUsage.Hold };
        var cost = (await rig.AskAsync(await rig.KeyAsync(policy: policy), sim: "usage=absent")).Cost;
        foreach (var org in (string[])["org_a", "org_newer", "org_z"])
        {
            var key = await rig.KeyAsync(org, policy, $"key_of_{org}", k => k with { DailyBudget = new NanoUsd(cost.Value * 3 / 2) });
            Assert.Equal(200, (await rig.AskAsync(key, sim: "usage=absent")).Status);
        }
        await rig.QuietAsync();
        await WriteAsync(rig, "org_newer");
        await rig.Service<BudgetWatch>().LookAsync(default);
        foreach (var org in (string[])["org_a", "org_z"])
        {
            await AlertRig.UntilAsync(async () => (await rig.Admin(org).ListAlertsAsync("budget_warning")).Data.Count, n => n == 1, $"the warning of {org}");
        }
    }
}
