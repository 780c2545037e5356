using System.Text.Json.Nodes;
using CurateMe.Client;
using CurateMe.Gateway.Governance;
using CurateMe.Gateway.Keys;
using CurateMe.Gateway.Protection;
using CurateMe.Gateway.Tests.Acceptance;
using CurateMe.Gateway.Tests.Alerts;
using CurateMe.Ledger.Configuration;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;
using Xunit;

namespace CurateMe.Gateway.Tests.Protection;

public sealed class KeyGuardTests
{
    static readonly RateRule Off = new() { Action = ProtectionAction.Off };

    static Task<IReadOnlyList<Alert>> AnomaliesAsync(AdminClient client, int count = 1) => AlertRig.UntilAsync(
        async () => (await client.ListAlertsAsync("cost_anomaly")).Data, a => a.Count >= count, $"{count} anomalies");

    static PolicyDocument Guarded(ProtectionDocument protection) => new() { Protection = protection, DailyBudget = MoneyLimit.Unlimited, MonthlyBudget = MoneyLimit.Unlimited, OnMissingUsage = OnMissingUsage.Hold };

    [Fact]
    public async Task RetryStorm_ToBeThrottled_IsToldAndThrottledUntilEnabled()
    {
        await using var rig = await AlertRig.StartAsync();
        var key = await rig.KeyAsync(policy: Guarded(new() { RetryStorm = new RateRule { Action = ProtectionAction.Throttle, Requests = 4 }, ThrottleRpm = 0, ThrottleSeconds = 3_600 }));
        var client = rig.Admin("org_test");
        foreach (var text in (string[])["a", "b", "a", "a"])
        {
            Assert.Equal(200, (await rig.AskAsync(key, Chat.Body(text: text))).Status);
        }
        Assert.Null((await client.GetKeyAsync("key_test")).ThrottledUntil);
        Assert.Equal(200, (await rig.AskAsync(key, Chat.Body(text: "a"))).Status);
        var told = Assert.Single(await AnomaliesAsync(client));
        Assert.Equal(("key:key_test", "retry_storm", "throttle", 4), (told.Subject, (string?)told.Data["kind"], (string?)told.Data["action"], (int)told.Data["requests"]!));
        await AlertRig.UntilAsync(() => client.GetKeyAsync("key_test"), k => k.ThrottledUntil is not null, "the key is throttled");
        var refused = await rig.AskAsync(key, Chat.Body(text: "c"));
        Assert.Equal((429, "rate_limited"), (refused.Status, refused.Code));
        var audited = (await client.ListAuditAsync(action: "key.throttle")).Data.Single();
        Assert.Equal("protection:retry_storm", audited.Actor);

        Assert.Null((await client.EnableKeyAsync("key_test")).ThrottledUntil);
        Assert.Equal(200, (await rig.AskAsync(key, Chat.Body(text: "c"))).Status);
    }

    [Fact]
    public async Task Throttle_WhoseTimeIsOver_Ends()
    {
        var time = new CurateMe.Testing.TestClock();
        await using var rig = await AlertRig.StartAsync(time: time);
        var key = await rig.KeyAsync(limits: k => k with { ThrottledUntil = time.Now.AddMinutes(10), ThrottleRpm = 1 });
        Assert.Equal((200, 429), ((await rig.AskAsync(key)).Status, (await rig.AskAsync(key)).Status));
        time.Advance(TimeSpan.FromMinutes(11));
        Assert.Equal((200, 200), ((await rig.AskAsync(key)).Status, (await rig.AskAsync(key)).Status));
    }

    [Fact]
    public async Task RunawayAgent_ToBeDisabled_IsToldAndDisabled()
    {
        await using var rig = await AlertRig.StartAsync();
        var key = await rig.KeyAsync(policy: Guarded(new() { RunawayAgent = new RateRule { Action = ProtectionAction.DisableKey, Requests = 5 }, RetryStorm = Off }));
        var other = await rig.KeyAsync(key: "key_other");
        var client = rig.Admin("org_test");
        for (var i = 0; i < 5; i++)
        {
            Assert.Equal(200, (await rig.AskAsync(key, Chat.Body(text: $"{i}"))).Status);
        }
        await AlertRig.UntilAsync(() => client.GetKeyAsync("key_test"), k => k.Status == "disabled", "the key is disabled");
        Assert.Equal("key_disabled", (await rig.AskAsync(key)).Code);
        Assert.Equal(200, (await rig.AskAsync(other)).Status);
        Assert.Equal("runaway_agent", (string?)Assert.Single(await AnomaliesAsync(client)).Data["kind"]);
        var disabled = await AlertRig.UntilAsync(async () => (await client.ListAlertsAsync("key_disabled")).Data, d => d.Count == 1, "the event");
        Assert.Equal(("protection", "runaway_agent"), ((string?)disabled[0].Data["by"], (string?)disabled[0].Data["reason"]));
    }

    [Fact]
    public async Task HourlySpike_IsMeasuredByTheLedger()
    {
        await using var rig = await AlertRig.StartAsync();
        var key = await rig.KeyAsync(policy: Guarded(new() { HourlySpike = new SpikeRule { Action = ProtectionAction.Alert, Factor = 2, MinUsd = new NanoUsd(1) }, RetryStorm = Off }));
        var client = rig.Admin("org_test");
        var cost = (await rig.AskAsync(key, sim: "usage=absent")).Cost;
        Assert.Empty((await client.ListAlertsAsync("cost_anomaly")).Data);

        // Three hours in which the key spent what it now spends with one request.
        var now = TimeProvider.System.GetUtcNow();
        await rig.Service<IUsageLedger>().RecordAsync([.. Enumerable.Range(1, 3).Select(h => Past(now.AddHours(-h - 1), cost))], default);
        for (var i = 0; i < 8; i++)
        {
            Assert.Equal(200, (await rig.AskAsync(key, Chat.Body(text: "ping"), sim: "usage=absent")).Status);
            await rig.RecordsAsync();
        }
        var spike = Assert.Single(await AnomaliesAsync(client));
        Assert.Equal(("hourly_spike", 3, cost.Value), ((string?)spike.Data["kind"], (int)spike.Data["hours_before"]!, (long)spike.Data["mean_before_nano_usd"]!));
        Assert.True((long)spike.Data["spent_nano_usd"]! > 2 * cost.Value);
    }

    static UsageRecord Past(DateTimeOffset at, NanoUsd cost) => new()
    {
        Id = RequestId.New(at),
        OrgId = "org_test",
        KeyId = "key_test",
        Provider = "openai",
        Model = Chat.Model,
        RequestedModel = Chat.Model,
        Endpoint = "chat.completions",
        Day = DateOnly.FromDateTime(at.UtcDateTime),
        Timestamp = at,
        PriceVersion = "test",
        Status = RecordStatus.Settled,
        Hold = cost,
        Cost = cost,
    };

    [Fact]
    public async Task NewModel_ThatIsDearer_IsToldOncePerOrg()
    {
        await using var rig = await AlertRig.StartAsync();
        var key = await rig.KeyAsync(policy: Guarded(new() { RetryStorm = Off }));
        var other = await rig.KeyAsync(key: "key_other");
        var client = rig.Admin("org_test");
        foreach (var model in (string[])["gpt-4o-mini", "gpt-4.1-nano"])
        {
            Assert.Equal(200, (await rig.AskAsync(key, Chat.Body(model: model))).Status);
            await rig.RecordsAsync();
        }
        Assert.Equal(200, (await rig.AskAsync(key, Chat.Body(model: "gpt-4o"))).Status);
        Assert.Equal(200, (await rig.AskAsync(other, Chat.Body(model: "gpt-4o"))).Status);
        var told = Assert.Single(await AnomaliesAsync(client));
        Assert.Equal(("new_expensive_model", "gpt-4o", "gpt-4o-mini", "alert"), ((string?)told.Data["kind"], (string?)told.Data["model"], (string?)told.Data["dearest_before"], (string?)told.Data["action"]));
    }

    [Theory]
    [InlineData("""{"protection":{"retry_storm":{"requests":1}}}""", "protection.retry_storm.requests")]
    [InlineData("""{"protection":{"runaway_agent":{"action":"explode"}}}""", "protection.runaway_agent.action")]
    [InlineData("""{"protection":{"hourly_spike":{"factor":1}}}""", "protection.hourly_spike.factor")]
    [InlineData("""{"protection":{"new_expensive_model":{"factor":2.555}}}""", "protection.new_expensive_model.factor")]
    [InlineData("""{"protection":{"throttle_seconds":0}}""", "protection.throttle_seconds")]
    public async Task Policy_BadProtection_IsRefusedByName(string body, string param)
    {
        await using var host = await Admin.AdminHost.StartAsync();
        var (org, _) = await host.OrgAsync();
        var (_, json, text) = await host.SendAsync("PATCH", $"/api/v1/admin/gateway/policy/{org}", body);
        Assert.True((string?)json!["error"]?["param"] == param, text);
    }

    [Fact]
    public async Task Policy_Protection_IsPatchedFieldByField()
    {
        await using var host = await Admin.AdminHost.StartAsync();
        var (org, client) = await host.OrgAsync();
        await client.PatchPolicyAsync(org, new JsonObject { ["protection"] = new JsonObject { ["retry_storm"] = new JsonObject { ["action"] = "throttle" }, ["throttle_rpm"] = 2 } });
        var view = await client.PatchPolicyAsync(org, new JsonObject { ["protection"] = new JsonObject { ["retry_storm"] = new JsonObject { ["requests"] = 9 } } });
        Assert.Equal((ProtectionAction.Throttle, 9, 60, 2, 600), (view.Protection.RetryStorm.Action, view.Protection.RetryStorm.Requests, view.Protection.RetryStorm.WindowSeconds, view.Protection.ThrottleRpm, view.Protection.ThrottleSeconds));
        Assert.Equal((ProtectionAction.Alert, 5m, NanoUsd.FromDollars(1)), (view.Protection.HourlySpike.Action, view.Protection.HourlySpike.Factor, view.Protection.HourlySpike.MinUsd));
    }

    [Fact]
    public async Task Key_OfAnotherVersion_StopsNeitherTheGuardNorTheGateway()
    {
        await using var rig = await AlertRig.StartAsync();
        var policy = Guarded(new() { RetryStorm = new RateRule { Action = ProtectionAction.Throttle, Requests = 2 } });
        var (newer, key) = (await rig.KeyAsync("org_newer", policy, "key_newer"), await rig.KeyAsync(policy: policy));
        Assert.Equal(200, (await rig.AskAsync(newer)).Status);
        var record = Assert.Single(await rig.RecordsAsync("org_newer"));
        var principal = (await rig.Service<KeyDirectory>().FindAsync(newer, default))!;
        var catalogue = rig.Service<Catalogue>();
        var stored = (await catalogue.Keys.FindAsync("key_newer", default))!;
        await catalogue.CommitAsync(
            [new ConfigWrite("keys", stored.Id, stored.OrgId, stored.Lookup, stored.Json.Replace("{", "{\"expires_at\":\"of another version\",", StringComparison.Ordinal), stored.Version)],
            new AuditDraft(DateTimeOffset.UnixEpoch, "test", null, "key.patch", "key", stored.Id, stored.OrgId, null, null), default);
        rig.Service<Pulses>().OnRequest(principal, record);

        var client = rig.Admin("org_test");
        Assert.Equal((200, 200), ((await rig.AskAsync(key)).Status, (await rig.AskAsync(key)).Status));
        await AlertRig.UntilAsync(() => client.GetKeyAsync("key_test"), k => k.ThrottledUntil is not null, "the other key is throttled");
        Assert.Contains((await rig.Admin().ListErrorsAsync("gateway")).Data, e => e.Code == "protection_put_off" && e.LastMessage.Contains("key_newer", StringComparison.Ordinal));
    }
}
