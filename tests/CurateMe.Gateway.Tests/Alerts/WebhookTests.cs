using System.Net;
using System.Text.Json.Nodes;
using CurateMe.Client;
using CurateMe.Gateway.Alerts;
using CurateMe.Ledger.Alerts;
using CurateMe.Testing;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace CurateMe.Gateway.Tests.Alerts;

public sealed class WebhookTests
{
    static WebhookCreate Hook(string url, params AlertType[] events) => new() { Url = url, Events = events.Length == 0 ? [AlertType.KeyDisabled] : events };

    static Task<WebhookDelivery> DeliveryAsync(AdminClient client, string webhook, Func<WebhookDelivery, bool> expected) => AlertRig.UntilAsync(
        async () => (await client.ListDeliveriesAsync(webhook)).Data is [var newest, ..] ? newest : null!, d => d is not null && expected(d), "the newest delivery");

    [Fact]
    public async Task Test_OfAWebhook_IsASignedCloudEvent()
    {
        await using var rig = await AlertRig.StartAsync();
        await using var receiver = await Receiver.StartAsync();
        await rig.KeyAsync();
        var client = rig.Admin("org_test");
        var hook = await client.CreateWebhookAsync(Hook(receiver.Url()) with { BudgetWarningThreshold = 0.8m });
        Assert.StartsWith("whsec_", hook.Secret, StringComparison.Ordinal);
        Assert.Equal(("org_test", 0.8m, true, WebhookFormat.Cloudevents), (hook.OrgId, hook.BudgetWarningThreshold, hook.Enabled, hook.Format));
        Assert.Null((await client.GetWebhookAsync(hook.WebhookId)).Secret);

        var sent = await client.TestWebhookAsync(hook.WebhookId);
        Assert.Equal(("delivered", "webhook_test", 200), (sent.State, sent.EventType, Assert.Single(sent.Attempts).Status));
        var message = Assert.Single(receiver.Messages);
        Assert.True(message.IsSignedBy(hook.Secret!));
        Assert.False(message.IsSignedBy(WebhookSecret.New()));
        Assert.Equal((sent.EventId, "/hook", "application/cloudevents+json; charset=utf-8"), (message.Id, message.Path, message.ContentType));
        Assert.Equal(("1.0", message.Id, "webhook_test", "org_test", "urn:curateme:gateway"), ((string?)message.Json["specversion"], (string?)message.Json["id"], message.Type, (string?)message.Json["orgid"], (string?)message.Json["source"]));
    }

    [Fact]
    public async Task Rotate_WithinTheGrace_SignsByBothSecrets()
    {
        await using var rig = await AlertRig.StartAsync();
        await using var receiver = await Receiver.StartAsync();
        await rig.KeyAsync();
        var client = rig.Admin("org_test");
        var hook = await client.CreateWebhookAsync(Hook(receiver.Url()));
        var rotated = await client.RotateWebhookAsync(hook.WebhookId);
        Assert.NotNull(rotated.GraceUntil);
        await client.TestWebhookAsync(hook.WebhookId);
        Assert.True(receiver.Messages[0].IsSignedBy(hook.Secret!) && receiver.Messages[0].IsSignedBy(rotated.Secret!));

        var stored = (await rig.Service<CurateMe.Ledger.Configuration.IConfigStore>().GetAsync("webhooks", hook.WebhookId, default))!.Json;
        Assert.DoesNotContain("whsec_", stored, StringComparison.Ordinal);
        Assert.Equal(2, System.Text.RegularExpressions.Regex.Count(stored, "secret\":\"v1:"));
        var again = await client.RotateWebhookAsync(hook.WebhookId, graceSeconds: 0);
        await client.TestWebhookAsync(hook.WebhookId);
        Assert.True(receiver.Messages[1].IsSignedBy(again.Secret!));
        Assert.False(receiver.Messages[1].IsSignedBy(rotated.Secret!));
        foreach (var entry in (await client.ListAuditAsync(limit: 100)).Data)
        {
            Assert.DoesNotContain("whsec_", $"{entry.Before?.ToJsonString()}{entry.After?.ToJsonString()}", StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Delivery_FailingAtFirst_IsTriedAgainAndCanBeReplayed()
    {
        await using var rig = await AlertRig.StartAsync();
        await using var receiver = await Receiver.StartAsync();
        var calls = 0;
        receiver.Answer = (http, _) =>
        {
            http.Response.StatusCode = Interlocked.Increment(ref calls) <= 2 ? 500 : 204;
            return Task.CompletedTask;
        };
        await rig.KeyAsync();
        var client = rig.Admin("org_test");
        var hook = await client.CreateWebhookAsync(Hook(receiver.Url()));
        await client.DisableKeyAsync("key_test");
        var delivered = await DeliveryAsync(client, hook.WebhookId, d => d.State == "delivered");
        Assert.Equal([500, 500, 204], delivered.Attempts.Select(a => a.Status ?? 0));
        Assert.Equal(3, receiver.Messages.Count);
        Assert.Single(receiver.Messages.Select(m => (m.Id, m.Body)).Distinct());
        Assert.Equal("key_test", (string?)receiver.Messages[0].Data["key_id"]);

        var replayed = await client.ReplayDeliveryAsync(hook.WebhookId, delivered.DeliveryId);
        Assert.Equal((delivered.DeliveryId, delivered.EventId), (replayed.ReplayOf, replayed.EventId));
        await DeliveryAsync(client, hook.WebhookId, d => d.DeliveryId == replayed.DeliveryId && d.State == "delivered");
        Assert.Equal(receiver.Messages[0].Body, receiver.Messages[3].Body);
    }

    [Fact]
    public async Task Delivery_PendingAtARestart_IsSentByTheNextLife()
    {
        using var data = new TemporaryDirectory();
        string address, webhook;
        await using (var early = await Receiver.StartAsync())
        {
            address = early.Url();
        }
        await using (var rig = await AlertRig.StartAsync(directory: data))
        {
            await rig.KeyAsync();
            var client = rig.Admin("org_test");
            webhook = (await client.CreateWebhookAsync(Hook(address))).WebhookId;
            await client.PatchWebhookAsync(webhook, new JsonObject { ["events"] = new JsonArray("key_disabled", "cost_drift") });
            await client.DisableKeyAsync("key_test");
            await DeliveryAsync(client, webhook, d => d.Attempts.Count > 0);
        }
        await using var receiver = await Receiver.StartAsync(address[..address.LastIndexOf('/')]);
        var patient = new AlertOptions { AllowPrivateNetworks = true, AllowHttp = true, Retries = [.. Enumerable.Repeat(TimeSpan.FromMilliseconds(50), 200)] };
        await using var next = await AlertRig.StartAsync(patient, data);
        var delivered = await DeliveryAsync(next.Admin("org_test"), webhook, d => d.State == "delivered");
        Assert.NotNull(delivered.Attempts[0].Error);
        Assert.Equal("key_disabled", Assert.Single(receiver.Messages).Type);
    }

    [Fact]
    public async Task Webhook_ThatTakesNothing_IsDisabled()
    {
        await using var rig = await AlertRig.StartAsync();
        await using var receiver = await Receiver.StartAsync();
        receiver.Answer = static (http, message) =>
        {
            http.Response.StatusCode = message.Path == "/gone" ? 410 : 500;
            return Task.CompletedTask;
        };
        await rig.KeyAsync();
        var client = rig.Admin("org_test");
        var failing = await client.CreateWebhookAsync(Hook(receiver.Url()));
        var gone = await client.CreateWebhookAsync(Hook(receiver.Url("/gone")));
        await client.DisableKeyAsync("key_test");
        var disabled = await AlertRig.UntilAsync(() => client.GetWebhookAsync(failing.WebhookId), w => !w.Enabled, "the failing webhook is disabled");
        Assert.StartsWith("took no message since", disabled.DisabledReason, StringComparison.Ordinal);
        Assert.Equal(4, (await DeliveryAsync(client, failing.WebhookId, d => d.State == "failed")).Attempts.Count);
        Assert.Equal("answered 410: gone", (await AlertRig.UntilAsync(() => client.GetWebhookAsync(gone.WebhookId), w => !w.Enabled, "the gone webhook is disabled")).DisabledReason);

        receiver.Answer = static (_, _) => Task.CompletedTask;
        var enabled = await client.PatchWebhookAsync(failing.WebhookId, new JsonObject { ["enabled"] = true });
        Assert.Null(enabled.DisabledReason);
        Assert.Equal("delivered", (await client.TestWebhookAsync(failing.WebhookId)).State);
        Assert.Equal(409, (await Assert.ThrowsAsync<AdminRefusedException>(() => client.TestWebhookAsync(gone.WebhookId))).Status);
        var unsent = (await client.ListDeliveriesAsync(gone.WebhookId)).Data[0];
        Assert.Equal("enabled", (await Assert.ThrowsAsync<AdminRefusedException>(() => client.ReplayDeliveryAsync(gone.WebhookId, unsent.DeliveryId))).Error.Param);
        Assert.Single((await client.ListDeliveriesAsync(gone.WebhookId)).Data);
    }

    [Fact]
    public async Task Webhook_ThatTookAMessageLongBeforeManyOthers_StaysEnabled()
    {
        await using var rig = await AlertRig.StartAsync();
        await using var receiver = await Receiver.StartAsync();
        receiver.Answer = static (http, _) =>
        {
            http.Response.StatusCode = 500;
            return Task.CompletedTask;
        };
        await rig.KeyAsync();
        var client = rig.Admin("org_test");
        var hook = await client.CreateWebhookAsync(Hook(receiver.Url()));
        var now = TimeProvider.System.GetUtcNow();
        AlertDelivery Made(string id, int minutesAgo) => new()
        {
            Id = id,
            WebhookId = hook.WebhookId,
            EventId = id.Replace("dlv_", "evt_", StringComparison.Ordinal),
            EventType = "key_disabled",
            Body = "{}",
            ContentType = "application/json",
            CreatedAt = now.AddMinutes(-minutesAgo),
            NextAt = now.AddDays(1),
        };
        // The oldest has one attempt left; after it one was taken, then came more than fit an answer of the store, which wait.
        AlertDelivery failing = Made("dlv_0a", 60) with { NextAt = now, Attempts = [.. Enumerable.Range(0, 3).Select(_ => new DeliveryAttempt(now, 500, "answered 500", 1))] };
        var taken = Made("dlv_0b", 50) with { State = DeliveryState.Delivered, Attempts = [new DeliveryAttempt(now.AddMinutes(-40), 200, null, 1)] };
        await rig.Service<IAlertStore>().SpreadAsync("evt_0", [failing, taken, .. Enumerable.Range(0, IAlertStore.MaxLimit + 1).Select(i => Made($"dlv_1{i:d5}", 5))], default);
        await AlertRig.UntilAsync(async () => (await rig.Service<IAlertStore>().DeliveryAsync("dlv_0a", default))!.State, s => s == DeliveryState.Failed, "the oldest has failed");
        // The webhook is judged right after that; another message takes longer.
        Assert.Equal("failed", (await client.TestWebhookAsync(hook.WebhookId)).State);
        Assert.True((await client.GetWebhookAsync(hook.WebhookId)).Enabled);
    }

    [Fact]
    public async Task Answers_ThatAreRedirectsEndlessOrSilent_DoNotHoldTheGateway()
    {
        await using var rig = await AlertRig.StartAsync(new AlertOptions { AllowPrivateNetworks = true, AllowHttp = true, Timeout = TimeSpan.FromSeconds(1) });
        await using var receiver = await Receiver.StartAsync();
        receiver.Answer = async (http, message) =>
        {
            switch (message.Path)
            {
                case "/redirect":
                    http.Response.Redirect(receiver.Url("/elsewhere"));
                    break;
                case "/endless":
                    while (true)
                    {
                        await http.Response.Body.WriteAsync(new byte[65_536], http.RequestAborted);
                    }
                case "/silent":
                    await Task.Delay(Timeout.Infinite, http.RequestAborted).ContinueWith(static _ => { }, TaskScheduler.Default);
                    break;
            }
        };
        await rig.KeyAsync();
        var client = rig.Admin("org_test");
        async Task<WebhookAttempt> TryAsync(string path) => Assert.Single((await client.TestWebhookAsync((await client.CreateWebhookAsync(Hook(receiver.Url(path)))).WebhookId)).Attempts);
        Assert.Equal((302, "answered 302; redirects are not followed"), ((await TryAsync("/redirect")) is var redirect ? redirect.Status : null, redirect.Error));
        Assert.Equal((200, null), ((await TryAsync("/endless")) is var endless ? endless.Status : null, endless.Error));
        Assert.Equal("did not answer within 1 s", (await TryAsync("/silent")).Error);
        Assert.DoesNotContain(receiver.Messages, m => m.Path == "/elsewhere");
    }

    [Fact]
    public async Task Slack_Webhook_GetsTextAndBlocks()
    {
        await using var rig = await AlertRig.StartAsync();
        await using var receiver = await Receiver.StartAsync();
        await rig.KeyAsync(limits: k => k with { Name = "<!channel> & co" });
        var client = rig.Admin("org_test");
        await client.CreateWebhookAsync(Hook(receiver.Url()) with { Format = WebhookFormat.Slack });
        await client.DisableKeyAsync("key_test");
        await Poll.UntilAsync(() => receiver.Messages.Count == 1, "the message");
        var message = receiver.Messages[0];
        Assert.Equal("key:key_test of org_test was disabled", (string?)message.Json["text"]);
        Assert.Contains("&lt;!channel&gt; &amp; co", message.Json["blocks"]![1]!["fields"]!.AsArray().Select(f => (string?)f!["text"]).Aggregate((a, b) => a + b), StringComparison.Ordinal);
        Assert.StartsWith("application/json", message.ContentType, StringComparison.Ordinal);
    }

    [Fact]
    public async Task PlatformWebhook_GetsEveryOrgsEvents_AnOrgsOnlyItsOwn()
    {
        await using var rig = await AlertRig.StartAsync();
        await using var receiver = await Receiver.StartAsync();
        await rig.KeyAsync();
        await rig.KeyAsync("org_other", key: "key_other");
        // As the runbook writes it: no org is named.
        var platform = await rig.Admin().CreateWebhookAsync(Hook(receiver.Url("/platform")));
        Assert.Null(platform.OrgId);
        await rig.Admin("org_test").CreateWebhookAsync(Hook(receiver.Url("/test")));
        await rig.Admin("org_test").DisableKeyAsync("key_test");
        await rig.Admin("org_other").DisableKeyAsync("key_other");
        await Poll.UntilAsync(() => receiver.Messages.Count == 3, "three messages");
        Assert.Equal(["/platform", "/platform", "/test"], receiver.Messages.Select(m => m.Path).Order());
        Assert.Equal("key_test", (string?)receiver.Messages.Single(m => m.Path == "/test").Data["key_id"]);
        Assert.Single((await rig.Admin("org_test").ListWebhooksAsync()).Data);
        Assert.Equal(2, (await rig.Admin().ListWebhooksAsync()).Data.Count);
        Assert.Equal(platform.WebhookId, Assert.Single((await rig.Admin().ListWebhooksAsync(platform: true)).Data).WebhookId);
        Assert.Equal("platform", (await Assert.ThrowsAsync<AdminRefusedException>(() => rig.Admin("org_test").ListWebhooksAsync(platform: true))).Error.Param);
        var tenant = new AdminClient(rig.Http, (await rig.Admin("org_test").CreateTokenAsync(new AdminTokenCreate { Role = AdminRole.OrgAdmin })).Token!);
        Assert.Single((await tenant.ListWebhooksAsync()).Data);
        Assert.Equal(403, (await Assert.ThrowsAsync<AdminRefusedException>(() => tenant.ListWebhooksAsync(platform: true))).Status);
        Assert.Equal(404, (await Assert.ThrowsAsync<AdminRefusedException>(() => rig.Admin("org_test").GetWebhookAsync(platform.WebhookId))).Status);

        await rig.Admin().DeleteWebhookAsync(platform.WebhookId);
        Assert.Equal(404, (await Assert.ThrowsAsync<AdminRefusedException>(() => rig.Admin().GetWebhookAsync(platform.WebhookId))).Status);
    }

    [Fact]
    public async Task Address_IsShownToThoseWhoMayChangeIt()
    {
        await using var rig = await AlertRig.StartAsync();
        await rig.KeyAsync();
        var client = rig.Admin("org_test");
        var hook = await client.CreateWebhookAsync(Hook("https://hooks.example:8443/services/T00/SECRET?x=SECRET"));
        Assert.Equal("https://hooks.example:8443/services/T00/SECRET?x=SECRET", (await client.GetWebhookAsync(hook.WebhookId)).Url);
        var viewer = new AdminClient(rig.Http, (await client.CreateTokenAsync(new AdminTokenCreate { Role = AdminRole.Viewer })).Token!);
        Assert.StartsWith("https://hooks.example:8443/…#", (await viewer.GetWebhookAsync(hook.WebhookId)).Url, StringComparison.Ordinal);
        await client.PatchWebhookAsync(hook.WebhookId, new JsonObject { ["url"] = "https://hooks.example:8443/SECRET" });
        await client.DeleteWebhookAsync(hook.WebhookId);
        var audited = (await viewer.ListAuditAsync(limit: 100)).Data.Where(e => e.TargetId == hook.WebhookId).ToList();
        Assert.Equal(3, audited.Count);
        Assert.All(audited, e => Assert.DoesNotContain("SECRET", $"{e.Before?.ToJsonString()}{e.After?.ToJsonString()}", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Secret_UnderAnotherMasterKey_IsSaidAndMendedByRotating()
    {
        using var data = new TemporaryDirectory();
        await using var receiver = await Receiver.StartAsync();
        string webhook;
        await using (var rig = await AlertRig.StartAsync(directory: data))
        {
            await rig.KeyAsync();
            webhook = (await rig.Admin("org_test").CreateWebhookAsync(Hook(receiver.Url()))).WebhookId;
        }
        File.Delete(System.IO.Path.Combine(data.Path, CurateMe.Gateway.ProviderKeys.MasterKey.FileName));
        await using var next = await AlertRig.StartAsync(directory: data);
        var client = next.Admin("org_test");
        var failed = await client.TestWebhookAsync(webhook);
        Assert.Equal(("failed", "was not asked: its secret was stored under another master key; rotate it"), (failed.State, Assert.Single(failed.Attempts).Error));
        var rotated = await client.RotateWebhookAsync(webhook);
        Assert.Equal("delivered", (await client.TestWebhookAsync(webhook)).State);
        Assert.True(Assert.Single(receiver.Messages).IsSignedBy(rotated.Secret!));
    }

    [Theory]
    [InlineData("""{"events":["budget_warning"]}""", "url")]
    [InlineData("""{"url":"https://example.com"}""", "events")]
    [InlineData("""{"url":"https://example.com","events":[]}""", "events")]
    [InlineData("""{"url":"https://example.com","events":["nothing"]}""", "events[0]")]
    [InlineData("""{"url":"https://example.com","events":["budget_warning","budget_warning"]}""", "events")]
    [InlineData("""{"url":"http://example.com","events":["budget_warning"]}""", "url")]
    [InlineData("""{"url":"ftp://example.com","events":["budget_warning"]}""", "url")]
    [InlineData("""{"url":"https://a:b@example.com","events":["budget_warning"]}""", "url")]
    [InlineData("""{"url":"https://127.0.0.1/x","events":["budget_warning"]}""", "url")]
    [InlineData("""{"url":"https://[::ffff:10.0.0.1]/x","events":["budget_warning"]}""", "url")]
    [InlineData("""{"url":"https://2130706433/","events":["budget_warning"]}""", "url")]
    [InlineData("""{"url":"https://0x7f.1/","events":["budget_warning"]}""", "url")]
    [InlineData("""{"url":"https://localhost:8002/","events":["budget_warning"]}""", "url")]
    [InlineData("""{"url":"https://169.254.169.254/latest","events":["budget_warning"]}""", "url")]
    [InlineData("""{"url":"https://example.com","events":["budget_warning"],"budget_warning_threshold":1.5}""", "budget_warning_threshold")]
    [InlineData("""{"url":"https://example.com","events":["budget_warning"],"budget_warning_threshold":0}""", "budget_warning_threshold")]
    [InlineData("""{"url":"https://example.com","events":["budget_warning"],"format":"xml"}""", "format")]
    public async Task Create_BadField_IsRefusedByName(string body, string param)
    {
        await using var host = await Admin.AdminHost.StartAsync();
        var (org, _) = await host.OrgAsync();
        var (status, json, text) = await host.SendAsync("POST", "/api/v1/admin/webhooks", body, orgId: org);
        Assert.True(status == HttpStatusCode.BadRequest && (string?)json!["error"]!["param"] == param, text);
    }
}
