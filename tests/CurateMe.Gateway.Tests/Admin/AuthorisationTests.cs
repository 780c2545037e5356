using System.Net;
using System.Text.RegularExpressions;
using CurateMe.Client;
using CurateMe.Gateway.Admin;
using CurateMe.Gateway.Approvals;
using CurateMe.Ledger.Money;
using Microsoft.AspNetCore.Routing;
using Xunit;

namespace CurateMe.Gateway.Tests.Admin;

/// <summary>Every route of the admin plane, by every role, in its own org and in another's (I10).</summary>
public sealed class AuthorisationTests(AdminFixture fixture) : IClassFixture<AdminFixture>
{
    readonly AdminHost _host = fixture.Host;

    // A new endpoint fails the first test until its right is written here.
    static readonly Dictionary<string, AdminRight> Rights = new(StringComparer.Ordinal)
    {
        ["CreateOrg"] = AdminRight.Platform,
        ["ListOrgs"] = AdminRight.Read,
        ["GetOrg"] = AdminRight.Read,
        ["UpdateOrg"] = AdminRight.Platform,
        ["ListTiers"] = AdminRight.Read,
        ["CreateTeam"] = AdminRight.Change,
        ["ListTeams"] = AdminRight.Read,
        ["GetTeam"] = AdminRight.Read,
        ["UpdateTeam"] = AdminRight.Change,
        ["CreateKey"] = AdminRight.Change,
        ["ListKeys"] = AdminRight.Read,
        ["GetKey"] = AdminRight.Read,
        ["UpdateKey"] = AdminRight.Change,
        ["DisableKey"] = AdminRight.Change,
        ["EnableKey"] = AdminRight.Change,
        ["RotateKey"] = AdminRight.Change,
        ["CreateAdminToken"] = AdminRight.Change,
        ["ListAdminTokens"] = AdminRight.Change,
        ["RevokeAdminToken"] = AdminRight.Change,
        ["CreateProviderKey"] = AdminRight.Change,
        ["ListProviderKeys"] = AdminRight.Change,
        ["UpdateProviderKey"] = AdminRight.Change,
        ["DeleteProviderKey"] = AdminRight.Change,
        ["GetPolicy"] = AdminRight.Read,
        ["UpdatePolicy"] = AdminRight.Change,
        ["GetDailyCosts"] = AdminRight.Read,
        ["GetCostBreakdown"] = AdminRight.Read,
        ["ResetDailyCosts"] = AdminRight.Change,
        ["ListUsage"] = AdminRight.Read,
        ["GetUsage"] = AdminRight.Read,
        ["ListRequests"] = AdminRight.Read,
        ["GetBilling"] = AdminRight.Read,
        ["GetBudgets"] = AdminRight.Read,
        ["SetNodeLimits"] = AdminRight.Change,
        ["GetGatewayMetrics"] = AdminRight.Platform,
        ["GetLatency"] = AdminRight.Platform,
        ["ListAudit"] = AdminRight.Read,
        ["GetCostsToday"] = AdminRight.Read,
        ["ReconcileCosts"] = AdminRight.Change,
        ["ReplayDlq"] = AdminRight.Platform,
        ["ReconcileBudgets"] = AdminRight.Change,
        ["ListErrors"] = AdminRight.Platform,
        ["VerifyAudit"] = AdminRight.Platform,
        ["RevertAudit"] = AdminRight.Change,
        ["CreateRunner"] = AdminRight.Change,
        ["ListRunners"] = AdminRight.Read,
        ["GetRunnerCosts"] = AdminRight.Read,
        ["ConfigureRunner"] = AdminRight.Change,
        ["StopSession"] = AdminRight.Change,
        ["ListApprovals"] = AdminRight.Read,
        ["ApproveRequest"] = AdminRight.Approve,
        ["RejectRequest"] = AdminRight.Approve,
        ["ListAlerts"] = AdminRight.Read,
        ["ListRefusedAccess"] = AdminRight.Read,
        ["CreateWebhook"] = AdminRight.Change,
        ["ListWebhooks"] = AdminRight.Read,
        ["GetWebhook"] = AdminRight.Read,
        ["UpdateWebhook"] = AdminRight.Change,
        ["DeleteWebhook"] = AdminRight.Change,
        ["RotateWebhook"] = AdminRight.Change,
        ["TestWebhook"] = AdminRight.Change,
        ["ListDeliveries"] = AdminRight.Read,
        ["ReplayDelivery"] = AdminRight.Change,
        ["GetOverview"] = AdminRight.Read,
        ["WatchLive"] = AdminRight.Read,
        ["ListDeadLetters"] = AdminRight.Platform,
        ["ListPrices"] = AdminRight.Read,
        ["PreviewPolicy"] = AdminRight.Read,
    };

    // What a route without an org in it answers of what is nobody's secret.
    static readonly string[] SameForAll = ["ListTiers", "ListPrices"];

    sealed record Route(string Name, string Method, string Pattern);

    sealed record Things(
        string OrgId, string TeamId, string KeyId, string TokenId, string RunnerId, string ApprovalId, long AuditId, string WebhookId, string DeliveryId, string ProviderKeyId);

    IReadOnlyList<Route> Routes() =>
    [
        .. _host.Get<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(e => e.RoutePattern.RawText is { } text && (text.StartsWith("/api/v1/admin", StringComparison.Ordinal) || text.StartsWith("/gateway/admin", StringComparison.Ordinal)) && !text.Contains("**", StringComparison.Ordinal))
            .SelectMany(e => e.Metadata.GetMetadata<HttpMethodMetadata>()!.HttpMethods, (e, method) => new Route(e.Metadata.GetMetadata<EndpointNameMetadata>()?.EndpointName ?? "?", method, e.RoutePattern.RawText!)),
    ];

    async Task<Things> ThingsAsync()
    {
        var (org, client) = await _host.OrgAsync();
        var team = await client.CreateTeamAsync(new TeamCreate());
        var key = await client.CreateKeyAsync(new KeyCreate { TeamId = team.TeamId });
        var token = await client.CreateTokenAsync(new AdminTokenCreate { Role = AdminRole.Viewer, OrgId = org });
        await client.PatchPolicyAsync(org, new() { ["hitl_threshold"] = 1 });
        var runner = await client.CreateRunnerAsync(new RunnerCreate());
        var waiting = await _host.Get<ApprovalGate>().CheckAsync((await _host.Keys.FindAsync(key.Key, default))!, "gpt-4o", NanoUsd.FromDollars(2), NanoUsd.FromDollars(2), "{}"u8, token: null, default);
        var providerKey = await client.CreateProviderKeyAsync(new ProviderKeyCreate { Provider = "openai", Key = "sk-of-this-org" });
        var audit = (await client.ListAuditAsync(action: "policy.patch")).Data[0];
        var webhook = await client.CreateWebhookAsync(new WebhookCreate { Url = "https://hook.invalid/", Events = [AlertType.KeyDisabled] });
        var delivery = await client.TestWebhookAsync(webhook.WebhookId);
        return new Things(org, team.TeamId, key.KeyId, token.TokenId, runner.RunnerId, waiting.Pending!.ApprovalId, audit.AuditId, webhook.WebhookId, delivery.DeliveryId, providerKey.ProviderKeyId);
    }

    static string Path(string pattern, Things things) => Regex.Replace(pattern, @"\{(\w+)(:\w+)?\}", match => match.Groups[1].Value switch
    {
        "org" => things.OrgId,
        "team" => things.TeamId,
        "key" => things.KeyId,
        "token" => things.TokenId,
        "provider_key" => things.ProviderKeyId,
        "runner" => things.RunnerId,
        "session" => "s1",
        "approval" => things.ApprovalId,
        "entry" => things.AuditId.ToString(System.Globalization.CultureInfo.InvariantCulture),
        "node" => $"key:{things.KeyId}",
        "webhook" => things.WebhookId,
        "delivery" => things.DeliveryId,
        "request" => "gw_00000000000000000000000000",
        var other => throw new InvalidOperationException($"The test has nothing for {{{other}}}."),
    });

    static string? Body(Route route) => route.Method is "GET" or "DELETE" ? null : route.Name switch
    {
        "CreateAdminToken" => """{"role":"viewer"}""",
        "CreateWebhook" => """{"url":"https://hook.invalid/","events":["key_disabled"]}""",
        "CreateProviderKey" => """{"provider":"openai","key":"sk-12345678"}""",
        _ => "{}",
    };

    async Task<string> TokenAsync(AdminRole role, string? org) => (await _host.Admin.CreateTokenAsync(new AdminTokenCreate { Role = role, OrgId = org })).Token!;

    [Fact]
    public void Routes_All_HaveAnExpectedRight() => Assert.Equal(Rights.Keys.Order(), Routes().Select(r => r.Name).Order());

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("wrong")]
    [InlineData("cm_at_0000000000000000000000000000000000000000")]
    public async Task Routes_WithoutAValidToken_AreUnauthorised(string? token)
    {
        var things = await ThingsAsync();
        foreach (var route in Routes())
        {
            var answer = await _host.SendAsync(route.Method, Path(route.Pattern, things), Body(route), token, things.OrgId);
            Assert.True(answer.Status == HttpStatusCode.Unauthorized, $"{route} answered {answer.Status}");
            Assert.Equal("authentication_error", (string?)answer.Json!["error"]!["type"]);
        }
        foreach (var path in (string[])["/api/v1/admin", "/api/v1/admin/", "/api/v1/admin/nothing", "/gateway/admin/nothing/at/all"])
        {
            Assert.Equal(HttpStatusCode.Unauthorized, (await _host.SendAsync("GET", path, token: token)).Status);
            Assert.Equal(HttpStatusCode.NotFound, (await _host.SendAsync("GET", path)).Status);
        }
    }

    [Theory]
    [InlineData(AdminRole.Viewer)]
    [InlineData(AdminRole.Approver)]
    [InlineData(AdminRole.OrgAdmin)]
    public async Task Routes_ByRole_AnswerTheirOwnOrgOnly(AdminRole role)
    {
        var (own, foreign) = (await ThingsAsync(), await ThingsAsync());
        var token = await TokenAsync(role, own.OrgId);
        var highest = role switch { AdminRole.OrgAdmin => AdminRight.Change, AdminRole.Approver => AdminRight.Approve, _ => AdminRight.Read };
        foreach (var route in Routes().OrderBy(r => r.Name is "RevokeAdminToken" or "DeleteWebhook"))
        {
            var may = Rights[route.Name] <= highest;
            var mine = await _host.SendAsync(route.Method, Path(route.Pattern, own), Body(route), token);
            Assert.True((mine.Status == HttpStatusCode.Forbidden) == !may, $"{role} at {route} in its own org: {mine.Status} {mine.Text}");
            Assert.True(!may || mine.Status is HttpStatusCode.OK or HttpStatusCode.Created || route.Name is "GetUsage" or "RejectRequest", $"{role} at {route} in its own org: {mine.Status} {mine.Text}");

            var before = await _host.Config.RevisionAsync(default);
            var named = await _host.SendAsync(route.Method, Path(route.Pattern, foreign), Body(route), token, foreign.OrgId);
            var unnamed = route.Pattern.Contains('{', StringComparison.Ordinal) ? await _host.SendAsync(route.Method, Path(route.Pattern, foreign), Body(route), token) : named;
            if (!SameForAll.Contains(route.Name))
            {
                Assert.True(named.Status is HttpStatusCode.Forbidden or HttpStatusCode.NotFound, $"{role} at {route} naming another org: {named.Status} {named.Text}");
                Assert.True(unnamed.Status is HttpStatusCode.Forbidden or HttpStatusCode.NotFound, $"{role} at {route} of another org: {unnamed.Status} {unnamed.Text}");
            }
            Assert.Equal(before, await _host.Config.RevisionAsync(default));
        }
    }

    [Fact]
    public async Task Foreign_AndUnknownOrg_AreAnsweredAlike()
    {
        var (own, foreign) = (await ThingsAsync(), await ThingsAsync());
        var token = await TokenAsync(AdminRole.OrgAdmin, own.OrgId);
        var there = await _host.SendAsync("GET", $"/api/v1/admin/orgs/{foreign.OrgId}", token: token);
        var nowhere = await _host.SendAsync("GET", "/api/v1/admin/orgs/org_nowhere", token: token);
        Assert.Equal((there.Status, there.Text), (nowhere.Status, nowhere.Text));
        var key = await _host.SendAsync("GET", $"/api/v1/admin/keys/{foreign.KeyId}", token: token);
        var noKey = await _host.SendAsync("GET", "/api/v1/admin/keys/key_nowhere", token: token);
        Assert.Equal((key.Status, key.Text.Replace(foreign.KeyId, "key_nowhere", StringComparison.Ordinal)), (noKey.Status, noKey.Text));
    }

    [Fact]
    public async Task Operator_AtAnOrgsThing_NamingAnotherOrg_FindsNothing()
    {
        var (own, foreign) = (await ThingsAsync(), await ThingsAsync());
        Assert.Equal(HttpStatusCode.NotFound, (await _host.SendAsync("POST", $"/api/v1/admin/keys/{own.KeyId}/disable", orgId: foreign.OrgId)).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await _host.SendAsync("PUT", $"/gateway/admin/budgets/{own.OrgId}/nodes/key:{foreign.KeyId}", "{}")).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await _host.SendAsync("POST", "/api/v1/admin/keys", $$"""{"team_id":"{{foreign.TeamId}}"}""", orgId: own.OrgId)).Status);
    }

    [Fact]
    public async Task OrgAdmin_CannotRiseAboveItsOrg()
    {
        var own = await ThingsAsync();
        var admin = await _host.ActAsync(AdminRole.OrgAdmin, own.OrgId);
        var refused = await Assert.ThrowsAsync<AdminRefusedException>(() => admin.CreateTokenAsync(new AdminTokenCreate { Role = AdminRole.PlatformAdmin }));
        Assert.Equal(403, refused.Status);
        var tier = await Assert.ThrowsAsync<AdminRefusedException>(() => admin.PatchOrgAsync(own.OrgId, new() { ["tier"] = "enterprise" }));
        Assert.Equal(403, tier.Status);
        var made = await admin.CreateTokenAsync(new AdminTokenCreate { Role = AdminRole.OrgAdmin });
        Assert.Equal(own.OrgId, made.OrgId);
    }

    [Fact]
    public async Task Token_RevokedOrExpired_OpensNothing()
    {
        var own = await ThingsAsync();
        var token = await _host.Admin.CreateTokenAsync(new AdminTokenCreate { Role = AdminRole.PlatformAdmin });
        var client = new AdminClient(_host.Http, token.Token!);
        Assert.Equal(own.OrgId, (await client.GetOrgAsync(own.OrgId)).OrgId);
        Assert.True((await client.RevokeTokenAsync(token.TokenId)).Revoked);
        var refused = await Assert.ThrowsAsync<AdminRefusedException>(() => client.GetOrgAsync(own.OrgId));
        Assert.Equal(401, refused.Status);
    }

    [Fact]
    public async Task ApiKey_OpensNoAdminRoute()
    {
        var (org, client) = await _host.OrgAsync();
        var key = await client.CreateKeyAsync(new KeyCreate());
        Assert.Equal(HttpStatusCode.Unauthorized, (await _host.SendAsync("GET", $"/api/v1/admin/orgs/{org}", token: key.Key)).Status);
    }
}
