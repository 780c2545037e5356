using System.Net;
using CurateMe.Gateway.Tests.Alerts;
using Xunit;

namespace CurateMe.Gateway.Tests.Shared;

/// <summary>Events and webhooks of several gateways on the same stores.</summary>
public sealed class AlertFleetTests
{
    [Fact]
    public async Task Thresholds_ReachedOverAllReplicas_AreToldAndSentOnce()
    {
        await using var fleet = await Fleet.StartAsync(2);
        await using var receiver = await Receiver.StartAsync();
        await fleet.ChargeWholeHoldsAsync();
        var key = await fleet.OrgAsync("org_a", dailyBudget: null);
        Assert.Equal(HttpStatusCode.OK, await fleet.ChatAsync(0, key));
        var (cost, _) = await fleet.DayAsync("org_a");
        await fleet.AdminAsync(HttpMethod.Post, "/api/v1/admin/webhooks", new { url = receiver.Url(), events = new[] { "budget_warning", "budget_exceeded" } }, "org_a");
        await fleet.AdminAsync(HttpMethod.Patch, "/api/v1/admin/gateway/policy/org_a", new { daily_budget = cost * 8 / 1_000_000_000m });
        // Both know of the limit when a change of it is over.
        var answers = await fleet.ChatsAsync(key, 20);
        Assert.True(answers[HttpStatusCode.OK] >= 7 && answers[HttpStatusCode.Forbidden] >= 1, string.Join(", ", answers));
        await Fleet.UntilAsync(() => Task.FromResult(receiver.Messages.Count >= 4), () => $"four messages; there are {receiver.Messages.Count}");
        // Another limit is told anew, by the replica that sees it reached: by then it has told all that it had to tell of the first one.
        for (var replica = 0; replica < 2; replica++)
        {
            var (i, told) = (replica, receiver.Messages.Count);
            await fleet.AdminAsync(HttpMethod.Patch, "/api/v1/admin/gateway/policy/org_a", new { daily_budget = cost * (13 + (2 * i)) / 1_000_000_000m });
            await Fleet.UntilAsync(async () => await fleet.ChatAsync(i, key) == HttpStatusCode.OK, () => $"replica {i} knows of the raised limit");
            await Fleet.UntilAsync(() => Task.FromResult(receiver.Messages.Count > told), () => $"replica {i} tells of the raised limit");
        }
        Assert.Equal(
            ["budget_exceeded 8", "budget_warning 0.5 of 13", "budget_warning 0.5 of 15", "budget_warning 0.5 of 8", "budget_warning 0.75 of 8", "budget_warning 0.9 of 8"],
            receiver.Messages.Select(m => m.Data["threshold"] is { } part ? $"{m.Type} {part.ToJsonString()} of {(long)m.Data["limit_nano_usd"]! / cost}" : $"{m.Type} {(long)m.Data["limit_nano_usd"]! / cost}").Order());
        Assert.Equal(6, receiver.Messages.Select(m => m.Id).Distinct().Count());
        Assert.Equal(6, (await fleet.AdminAsync(HttpMethod.Get, "/gateway/admin/alerts?type=budget_warning,budget_exceeded", org: "org_a", replica: 1)).GetProperty("data").GetArrayLength());
    }

    [Fact]
    public async Task Delivery_WhoseReplicaDied_IsSentByTheOther()
    {
        await using var fleet = await Fleet.StartAsync(2);
        await using var receiver = await Receiver.StartAsync();
        var refuse = true;
        receiver.Answer = (http, _) =>
        {
            http.Response.StatusCode = Volatile.Read(ref refuse) ? 503 : 200;
            return Task.CompletedTask;
        };
        await fleet.OrgAsync("org_a", dailyBudget: null);
        var keyId = (await fleet.AdminAsync(HttpMethod.Get, "/api/v1/admin/keys", org: "org_a")).GetProperty("data")[0].GetProperty("key_id").GetString();
        var hook = (await fleet.AdminAsync(HttpMethod.Post, "/api/v1/admin/webhooks", new { url = receiver.Url(), events = new[] { "key_disabled" } }, "org_a")).GetProperty("webhook_id").GetString();
        await fleet.AdminAsync(HttpMethod.Post, $"/api/v1/admin/keys/{keyId}/disable");
        await Fleet.UntilAsync(() => Task.FromResult(receiver.Messages.Count >= 1), () => "a first attempt");
        Volatile.Write(ref refuse, false);
        await fleet.Replicas[0].KillAsync();
        await Fleet.UntilAsync(
            async () => (await fleet.AdminAsync(HttpMethod.Get, $"/api/v1/admin/webhooks/{hook}/deliveries", replica: 1)).GetProperty("data")[0].GetProperty("state").GetString() == "delivered",
            () => $"it is delivered; {receiver.Messages.Count} attempts came",
            // The dead one's lease has to end first, and the wait before the next attempt.
            TimeSpan.FromMinutes(4));
        Assert.Single(receiver.Messages.Select(m => m.Id).Distinct());
    }

    [Fact]
    public async Task ApprovalLink_MadeByOneReplica_IsGoodOnceAtAll()
    {
        await using var fleet = await Fleet.StartAsync(2);
        await using var receiver = await Receiver.StartAsync();
        var key = await fleet.OrgAsync("org_a", dailyBudget: null);
        await fleet.AdminAsync(HttpMethod.Patch, "/api/v1/admin/gateway/policy/org_a", new { hitl_threshold = 0 });
        await fleet.AdminAsync(HttpMethod.Post, "/api/v1/admin/webhooks", new { url = receiver.Url(), events = new[] { "approval_requested" } }, "org_a");
        await Fleet.UntilAsync(async () => await fleet.ChatAsync(0, key) == HttpStatusCode.Accepted, () => "the policy is in force");
        await Fleet.UntilAsync(() => Task.FromResult(receiver.Messages.Count >= 1), () => "the message");
        var link = new Uri((string)receiver.Messages[0].Data["approve_url"]!);
        var pressed = await Task.WhenAll(Enumerable.Range(0, 6).Select(i => fleet.Http.PostAsync(new Uri(fleet.Replicas[i % 2].Address, link.PathAndQuery), content: null)));
        Assert.Equal(1, pressed.Count(p => p.StatusCode == HttpStatusCode.OK));
        Assert.Equal(5, pressed.Count(p => p.StatusCode == HttpStatusCode.Conflict));
    }
}
