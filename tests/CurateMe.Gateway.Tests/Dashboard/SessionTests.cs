using System.Net;
using System.Text.Json.Nodes;
using CurateMe.Client;
using CurateMe.Gateway.Dashboard;
using CurateMe.Gateway.Tests.Admin;
using CurateMe.Testing;
using Xunit;

namespace CurateMe.Gateway.Tests.Dashboard;

public sealed class SessionTests(AdminFixture fixture) : IClassFixture<AdminFixture>
{
    readonly AdminHost _host = fixture.Host;

    [Fact]
    public async Task SignIn_OperatorToken_OpensTheAdminPlaneByCookie()
    {
        var browser = Browser.At(_host);
        var (status, json, _) = await browser.SignInAsync(AdminHost.Token);
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal("platform_admin", (string?)json!["role"]);
        Assert.Null((string?)json["org_id"]);
        Assert.Equal("admin_token", (string?)json["actor"]);
        Assert.NotNull((string?)json["expires_at"]);
        Assert.Contains("; path=/", browser.SetCookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("; samesite=strict", browser.SetCookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("; httponly", browser.SetCookie, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("secure", browser.SetCookie, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(AdminHost.Token, browser.SetCookie, StringComparison.Ordinal);

        Assert.Equal(json.ToJsonString(), (await browser.SendAsync("GET", "/dashboard/session")).Json!.ToJsonString());
        Assert.Equal(HttpStatusCode.OK, (await browser.SendAsync("GET", "/api/v1/admin/orgs", header: null, origin: null)).Status);
        Assert.Equal(HttpStatusCode.Created, (await browser.SendAsync("POST", "/api/v1/admin/orgs", """{"name":"By cookie"}""")).Status);
    }

    [Theory]
    [InlineData(null, "own", null)]
    [InlineData("0", "own", null)]
    [InlineData("1", null, null)]
    [InlineData("1", "https://evil.example", null)]
    [InlineData("1", "null", null)]
    [InlineData("1", "own", "cross-site")]
    [InlineData("1", "own", "same-site")]
    [InlineData("1", "own", "none")]
    public async Task Change_NotProvenToComeFromTheDashboard_IsRefused(string? header, string? origin, string? site)
    {
        var browser = Browser.At(_host);
        await browser.SignInAsync(AdminHost.Token);
        var (status, json, _) = await browser.SendAsync("POST", "/api/v1/admin/orgs", """{"name":"Forged"}""", header, origin, site);
        Assert.Equal(HttpStatusCode.Forbidden, status);
        Assert.Equal("csrf", (string?)json!["error"]!["code"]);
        Assert.Equal(HttpStatusCode.Forbidden, (await browser.SendAsync("DELETE", "/dashboard/session", null, header, origin, site)).Status);
        Assert.Equal(HttpStatusCode.OK, (await browser.SendAsync("GET", "/dashboard/session")).Status);
    }

    [Fact]
    public async Task Change_FromTheSameOriginByTheBrowsersWord_IsDone()
    {
        var browser = Browser.At(_host);
        await browser.SignInAsync(AdminHost.Token);
        Assert.Equal(HttpStatusCode.Created, (await browser.SendAsync("POST", "/api/v1/admin/orgs", """{"name":"Behind a proxy"}""", origin: "https://gateway.example", site: "same-origin")).Status);
    }

    [Fact]
    public async Task SignIn_FromAnotherSite_IsRefused()
    {
        var body = new JsonObject { ["token"] = AdminHost.Token }.ToJsonString();
        var browser = Browser.At(_host);
        Assert.Equal(HttpStatusCode.Forbidden, (await browser.SendAsync("POST", "/dashboard/session", body, origin: "https://evil.example")).Status);
        Assert.Equal(HttpStatusCode.Forbidden, (await browser.SendAsync("POST", "/dashboard/session", body, site: "cross-site")).Status);
        Assert.Null(browser.Cookie);
    }

    [Fact]
    public async Task Session_OfARevokedToken_Ends()
    {
        var (org, _) = await _host.OrgAsync();
        var token = await _host.Admin.CreateTokenAsync(new AdminTokenCreate { Role = AdminRole.OrgAdmin, OrgId = org });
        var browser = Browser.At(_host);
        Assert.Equal(org, (string?)(await browser.SignInAsync(token.Token!)).Json!["org_id"]);
        Assert.Equal(HttpStatusCode.OK, (await browser.SendAsync("GET", "/api/v1/admin/keys", org: org)).Status);
        await browser.SendAsync("DELETE", $"/api/v1/admin/tokens/{token.TokenId}");
        var (status, _, _) = await browser.SendAsync("GET", "/api/v1/admin/keys", org: org);
        Assert.Equal(HttpStatusCode.Unauthorized, status);
        Assert.StartsWith("cm_session=;", browser.SetCookie, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Session_OfAnOrg_SeesOnlyItsOwn()
    {
        var (own, _) = await _host.OrgAsync();
        var (other, _) = await _host.OrgAsync();
        var token = await _host.Admin.CreateTokenAsync(new AdminTokenCreate { Role = AdminRole.Viewer, OrgId = own });
        var browser = Browser.At(_host);
        await browser.SignInAsync(token.Token!);
        Assert.Equal(HttpStatusCode.OK, (await browser.SendAsync("GET", "/api/v1/admin/gateway/costs/daily", org: own)).Status);
        Assert.Equal(HttpStatusCode.Forbidden, (await browser.SendAsync("GET", "/api/v1/admin/gateway/costs/daily", org: other)).Status);
        Assert.Equal(HttpStatusCode.Forbidden, (await browser.SendAsync("POST", "/api/v1/admin/teams", $$"""{"org_id":"{{own}}","name":"No"}""")).Status);
    }

    [Fact]
    public async Task SignOut_Session_OpensNothingAnyMore()
    {
        var browser = Browser.At(_host);
        await browser.SignInAsync(AdminHost.Token);
        var stolen = browser.Cookie;
        Assert.Equal(HttpStatusCode.NoContent, (await browser.SendAsync("DELETE", "/dashboard/session")).Status);
        Assert.StartsWith("cm_session=;", browser.SetCookie, StringComparison.Ordinal);
        browser.Cookie = stolen;
        Assert.Equal(HttpStatusCode.Unauthorized, (await browser.SendAsync("GET", "/dashboard/session")).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await browser.SendAsync("GET", "/api/v1/admin/orgs")).Status);
        browser.Cookie = stolen;
        Assert.Equal(HttpStatusCode.NoContent, (await browser.SendAsync("DELETE", "/dashboard/session")).Status);
    }

    [Fact]
    public async Task Session_BesideABearerToken_IsNotLookedAt()
    {
        var browser = Browser.At(_host);
        await browser.SignInAsync(AdminHost.Token);
        Assert.Equal(HttpStatusCode.Unauthorized, (await browser.SendAsync("GET", "/dashboard/session", bearer: "Bearer wrong")).Status);
    }

    [Theory]
    [InlineData("cm_session=")]
    [InlineData("cm_session=cm_ds_0123456789012345678901234567890123456789")]
    [InlineData("cm_session=operator-token-of-the-tests")]
    public async Task Session_NobodyOpened_IsRefused(string cookie)
    {
        var browser = Browser.At(_host);
        browser.Cookie = cookie;
        Assert.Equal(HttpStatusCode.Unauthorized, (await browser.SendAsync("GET", "/api/v1/admin/orgs")).Status);
    }

    [Fact]
    public async Task Session_AfterARestart_IsStillOpenUnlessTheOperatorsTokenChanged()
    {
        using var directory = new TemporaryDirectory();
        string cookie;
        await using (var before = await AdminHost.StartAsync(kept: directory))
        {
            var browser = Browser.At(before);
            await browser.SignInAsync(AdminHost.Token);
            cookie = browser.Cookie!;
        }
        await using (var after = await AdminHost.StartAsync(kept: directory))
        {
            var browser = Browser.At(after);
            browser.Cookie = cookie;
            Assert.Equal(HttpStatusCode.OK, (await browser.SendAsync("GET", "/api/v1/admin/orgs")).Status);
        }
        await using var changed = await AdminHost.StartAsync(token: "another-token-of-the-operator", kept: directory);
        var late = Browser.At(changed);
        late.Cookie = cookie;
        Assert.Equal(HttpStatusCode.Unauthorized, (await late.SendAsync("GET", "/api/v1/admin/orgs")).Status);
    }

    [Fact]
    public async Task Session_AfterItsTime_EndsAndIsRemovedAtTheNextSignIn()
    {
        var clock = new TestClock(new DateTimeOffset(2026, 3, 1, 0, 0, 0, TimeSpan.Zero));
        await using var host = await AdminHost.StartAsync(clock);
        var browser = Browser.At(host);
        await browser.SignInAsync(AdminHost.Token);
        clock.Advance(DashboardSessions.Life - TimeSpan.FromSeconds(1));
        Assert.Equal(HttpStatusCode.OK, (await browser.SendAsync("GET", "/dashboard/session")).Status);
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(HttpStatusCode.Unauthorized, (await browser.SendAsync("GET", "/dashboard/session")).Status);
        await browser.SignInAsync(AdminHost.Token);
        Assert.Single(await host.Config.ListAsync("dashboard_sessions", null, null, 10, default));
    }

    [Fact]
    public async Task Session_OfATokenThatEndsSooner_EndsWithIt()
    {
        var clock = new TestClock(new DateTimeOffset(2026, 3, 1, 0, 0, 0, TimeSpan.Zero));
        await using var host = await AdminHost.StartAsync(clock);
        var token = await host.Admin.CreateTokenAsync(new AdminTokenCreate { Role = AdminRole.PlatformAdmin, ExpiresAt = clock.GetUtcNow().AddHours(1) });
        var browser = Browser.At(host);
        Assert.Equal("2026-03-01T01:00:00Z", (string?)(await browser.SignInAsync(token.Token!)).Json!["expires_at"]);
        clock.Advance(TimeSpan.FromHours(1));
        Assert.Equal(HttpStatusCode.Unauthorized, (await browser.SendAsync("GET", "/dashboard/session")).Status);
    }

    [Fact]
    public async Task SignIn_TooManyFailures_WaitsAndThenMayTryAgain()
    {
        var clock = new TestClock(new DateTimeOffset(2026, 3, 1, 0, 0, 0, TimeSpan.Zero));
        await using var host = await AdminHost.StartAsync(clock);
        var browser = Browser.At(host);
        for (var i = 0; i < SignInLimit.MaxFailures; i++)
        {
            Assert.Equal(HttpStatusCode.OK, (await browser.SignInAsync(AdminHost.Token)).Status);
        }
        for (var i = 0; i < SignInLimit.MaxFailures; i++)
        {
            Assert.Equal(HttpStatusCode.Unauthorized, (await browser.SignInAsync("a-wrong-guess-" + i)).Status);
        }
        var (status, _, answer) = await browser.SignInAsync(AdminHost.Token);
        Assert.Equal(HttpStatusCode.TooManyRequests, status);
        Assert.Equal(SignInLimit.Window, answer.Headers.RetryAfter!.Delta);
        clock.Advance(SignInLimit.Window);
        Assert.Equal(HttpStatusCode.OK, (await browser.SignInAsync(AdminHost.Token)).Status);
    }

    [Fact]
    public async Task SignIn_ThroughAProxyThatEndsTls_MakesASecureCookie()
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/dashboard/session") { Content = new StringContent(new JsonObject { ["token"] = AdminHost.Token }.ToJsonString(), null, "application/json") };
        request.Headers.Add("X-Forwarded-Proto", "https");
        using var answer = await _host.Http.SendAsync(request);
        Assert.Contains("; secure", answer.Headers.GetValues("Set-Cookie").Single(), StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task SignInAndOut_Audit_NamesThemWithoutSecrets()
    {
        var browser = Browser.At(_host);
        await browser.SignInAsync(AdminHost.Token);
        var cookie = browser.Cookie!["cm_session=".Length..];
        await browser.SendAsync("DELETE", "/dashboard/session");
        var (_, json, _) = await browser.SendAsync("GET", "/gateway/admin/audit?limit=50", bearer: "Bearer " + AdminHost.Token);
        var entries = json!["data"]!.AsArray().Where(e => (string?)e!["target_type"] == "session").ToList();
        Assert.Contains(entries, e => (string?)e!["action"] == "session.create");
        Assert.Contains(entries, e => (string?)e!["action"] == "session.delete");
        Assert.DoesNotContain(cookie, json.ToJsonString(), StringComparison.Ordinal);
        Assert.DoesNotContain("seal", string.Join(',', entries.Select(e => e!.ToJsonString())), StringComparison.Ordinal);
    }
}
