using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using CurateMe.Client;
using CurateMe.Gateway.Alerts;
using CurateMe.Gateway.Approvals;
using CurateMe.Gateway.Tests.Acceptance;
using CurateMe.Testing;
using Xunit;

namespace CurateMe.Gateway.Tests.Alerts;

public sealed class ApprovalLinkTests
{
    static readonly PolicyDocument Asking = new() { HitlThreshold = MoneyLimit.FromDollars(0) };

    // A request that waits, and the message that tells of it.
    static async Task<(string Id, Uri Approve, Uri Reject)> AskAsync(GatewayRig rig, Receiver receiver, string key, string text = "ping")
    {
        var before = receiver.Messages.Count;
        var pending = await rig.AskAsync(key, Chat.Body(text: text));
        Assert.Equal(202, pending.Status);
        await Poll.UntilAsync(() => receiver.Messages.Count == before + 1, "the message");
        var data = receiver.Messages[before].Data;
        var id = pending.Json.GetProperty("approval_id").GetString()!;
        Assert.Equal(id, (string?)data["approval_id"]);
        return (id, new Uri((string)data["approve_url"]!), new Uri((string)data["reject_url"]!));
    }

    static Task<HttpResponseMessage> PressAsync(GatewayRig rig, Uri link, string? reason = null) =>
        rig.Http.PostAsync(link, new FormUrlEncodedContent(reason is null ? [] : new Dictionary<string, string> { ["reason"] = reason }));

    static async Task<(GatewayRig Rig, Receiver Receiver, string Key, AdminClient Client)> StartAsync(TemporaryDirectory? data = null, TimeProvider? time = null)
    {
        var rig = await AlertRig.StartAsync(directory: data, time: time);
        var receiver = await Receiver.StartAsync();
        var key = await rig.KeyAsync(policy: Asking);
        var client = rig.Admin("org_test");
        await client.CreateWebhookAsync(new WebhookCreate { Url = receiver.Url(), Events = [AlertType.ApprovalRequested] });
        return (rig, receiver, key, client);
    }

    [Fact]
    public async Task Link_LookedAt_DecidesNothing_PressedApprovesOnce()
    {
        var (rig, receiver, key, client) = await StartAsync();
        await using var _ = rig;
        await using var __ = receiver;
        var (id, approve, reject) = await AskAsync(rig, receiver, key);
        for (var i = 0; i < 3; i++)
        {
            using var page = await rig.Http.GetAsync(approve);
            Assert.Equal(HttpStatusCode.OK, page.StatusCode);
            Assert.Contains("<form method=\"post\">", await page.Content.ReadAsStringAsync(), StringComparison.Ordinal);
            Assert.Equal(("no-store", "DENY", "no-referrer"), (page.Headers.CacheControl!.ToString(), page.Headers.GetValues("X-Frame-Options").Single(), page.Headers.GetValues("Referrer-Policy").Single()));
            using var head = await rig.Http.SendAsync(new HttpRequestMessage(HttpMethod.Head, reject));
            Assert.Equal(HttpStatusCode.OK, head.StatusCode);
        }
        Assert.Equal("pending", (await client.ListApprovalsAsync()).Data.Single().Status);

        Assert.Equal(HttpStatusCode.OK, (await PressAsync(rig, approve)).StatusCode);
        var approved = (await client.ListApprovalsAsync()).Data.Single();
        Assert.Equal((id, "approved", "approval_link"), (approved.ApprovalId, approved.Status, approved.DecidedBy));
        Assert.Equal(HttpStatusCode.Conflict, (await PressAsync(rig, approve)).StatusCode);
        Assert.Equal(HttpStatusCode.Conflict, (await PressAsync(rig, reject)).StatusCode);
        Assert.Equal(HttpStatusCode.Conflict, (await rig.Http.GetAsync(approve)).StatusCode);

        using var status = new HttpRequestMessage(HttpMethod.Get, $"/v1/approvals/{id}/status");
        var token = (await rig.SendAsync(key, status)).Json.GetProperty("approval_token").GetString()!;
        Assert.Equal(200, (await rig.AskAsync(key, headers: ("X-CM-Approval-Token", token))).Status);
        Assert.Equal("approval_link", (await client.ListAuditAsync(action: "approval.approve")).Data.Single().Actor);
    }

    [Fact]
    public async Task Link_ToReject_TakesAReason()
    {
        var (rig, receiver, key, client) = await StartAsync();
        await using var _ = rig;
        await using var __ = receiver;
        var (_, _, reject) = await AskAsync(rig, receiver, key);
        Assert.Equal(HttpStatusCode.BadRequest, (await PressAsync(rig, reject, new string('x', 501))).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await PressAsync(rig, reject, "too <dear>")).StatusCode);
        Assert.Equal(("rejected", "too <dear>"), ((await client.ListApprovalsAsync()).Data.Single() is var rejected ? rejected.Status : null, rejected.RejectReason));
    }

    [Fact]
    public async Task Link_ChangedOrForAnother_IsNotValid()
    {
        var (rig, receiver, key, client) = await StartAsync();
        await using var _ = rig;
        await using var __ = receiver;
        var (id, approve, reject) = await AskAsync(rig, receiver, key);
        var (other, _, _) = await AskAsync(rig, receiver, key, "other");
        var link = approve.ToString();
        foreach (var bad in (string[])
        [
            link.Replace(id, other, StringComparison.Ordinal),
            link.Replace("/approve?", "/reject?", StringComparison.Ordinal),
            reject.ToString().Replace("/reject?", "/approve?", StringComparison.Ordinal),
            Regex.Replace(link, "expires=(\\d+)", m => $"expires={long.Parse(m.Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture) + 1}"),
            link[..^1],
            link + "A",
            link[..link.IndexOf('?', StringComparison.Ordinal)],
            link.Replace("/approve?", "/other?", StringComparison.Ordinal),
        ])
        {
            Assert.Equal(HttpStatusCode.NotFound, (await rig.Http.GetAsync(new Uri(bad))).StatusCode);
            Assert.Equal(HttpStatusCode.NotFound, (await PressAsync(rig, new Uri(bad))).StatusCode);
        }
        Assert.All((await client.ListApprovalsAsync()).Data, a => Assert.Equal("pending", a.Status));
    }

    [Fact]
    public async Task Link_AfterItsTime_IsNotValid()
    {
        var time = new TestClock();
        var (rig, receiver, key, _) = await StartAsync(time: time);
        await using var _ = rig;
        await using var __ = receiver;
        var (_, approve, _) = await AskAsync(rig, receiver, key);
        time.Advance(ApprovalGate.TimeToLive);
        Assert.Equal(HttpStatusCode.NotFound, (await PressAsync(rig, approve)).StatusCode);
    }

    [Fact]
    public async Task Link_MadeByAnEarlierLife_IsGood()
    {
        using var data = new TemporaryDirectory();
        Uri approve;
        var (rig, receiver, key, _) = await StartAsync(data);
        await using (rig)
        await using (receiver)
        {
            (_, approve, _) = await AskAsync(rig, receiver, key);
        }
        await using var next = await AlertRig.StartAsync(directory: data);
        Assert.Equal(HttpStatusCode.OK, (await PressAsync(next, new Uri(next.Address, approve.PathAndQuery))).StatusCode);
        Assert.Equal("approved", (await next.Admin("org_test").ListApprovalsAsync()).Data.Single().Status);
    }

    [Fact]
    public async Task Links_AreShownToNobodyWhoMayNotDecide()
    {
        var (rig, receiver, key, client) = await StartAsync();
        await using var _ = rig;
        await using var __ = receiver;
        await AskAsync(rig, receiver, key);
        var hook = (await client.ListWebhooksAsync()).Data.Single().WebhookId;
        async Task<AdminClient> ActAsync(AdminRole role) => new(rig.Http, (await client.CreateTokenAsync(new AdminTokenCreate { Role = role })).Token!);
        Assert.Null((await (await ActAsync(AdminRole.Viewer)).ListDeliveriesAsync(hook)).Data.Single().Body);
        Assert.NotNull((await (await ActAsync(AdminRole.Approver)).ListDeliveriesAsync(hook)).Data.Single().Body);
        Assert.DoesNotContain("signature", (await client.ListAlertsAsync()).Data.Single().Data.ToJsonString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Link_BeginsWithThePublicAddress_NotWithTheRequests()
    {
        await using var rig = await AlertRig.StartAsync(new AlertOptions { PublicUrl = new Uri("https://gateway.example/cm/") });
        var data = new JsonObject { ["approval_id"] = "apr_1", ["expires_at"] = "2999-01-01T00:00:00Z" };
        await rig.Service<ApprovalLinks>().AddAsync(data, default);
        Assert.StartsWith("https://gateway.example/cm/approvals/apr_1/approve?expires=32472144000&signature=", (string?)data["approve_url"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task List_OfOneStatus_FillsItsPages()
    {
        await using var rig = await AlertRig.StartAsync();
        var key = await rig.KeyAsync(policy: Asking);
        var client = rig.Admin("org_test");
        for (var i = 0; i < 12; i++)
        {
            await rig.AskAsync(key, Chat.Body(text: $"{i}"));
        }
        foreach (var approval in (await client.ListApprovalsAsync()).Data.Where((_, i) => i % 3 != 0))
        {
            await client.ApproveAsync(approval.ApprovalId);
        }
        var first = await client.ListApprovalsAsync("pending", limit: 3);
        var second = await client.ListApprovalsAsync("pending", limit: 3, cursor: first.NextCursor);
        Assert.Equal((3, 1, null), (first.Data.Count, second.Data.Count, second.NextCursor));
        Assert.Equal(4, first.Data.Concat(second.Data).Select(a => a.ApprovalId).Distinct().Count());
        Assert.Equal(8, (await client.ListApprovalsAsync("approved", limit: 8)).Data.Count);
    }
}
