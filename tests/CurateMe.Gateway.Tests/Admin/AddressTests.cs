using System.Net;
using Xunit;

namespace CurateMe.Gateway.Tests.Admin;

/// <summary>Addresses that are nearly right: a wrong method, a misspelt parameter.</summary>
public sealed class AddressTests(AdminFixture fixture) : IClassFixture<AdminFixture>
{
    readonly AdminHost _host = fixture.Host;

    [Theory]
    [InlineData("DELETE", "/api/v1/admin/orgs", "GET, POST")]
    [InlineData("POST", "/api/v1/admin/gateway/usage", "GET")]
    [InlineData("HEAD", "/api/v1/admin/gateway/usage/gw_1", "GET")]
    [InlineData("PUT", "/api/v1/admin/gateway/policy/org_x", "GET, PATCH")]
    [InlineData("GET", "/api/v1/admin/keys/key_x/rotate", "POST")]
    [InlineData("PUT", "/gateway/admin/audit/7/revert", "POST")]
    [InlineData("POST", "/gateway/admin/budgets/org_x/nodes/org", "PUT")]
    public async Task WrongMethod_OnAPathThatThereIs_Is405WithThoseThatThereAre(string method, string path, string allow)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        request.Headers.Authorization = new("Bearer", AdminHost.Token);
        using var answer = await _host.Http.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, answer.StatusCode);
        Assert.Equal(allow, string.Join(", ", answer.Content.Headers.Allow));
        if (method != "HEAD")
        {
            Assert.Contains("\"code\":\"method_not_allowed\"", await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("GET", "/api/v1/admin/no-such-path")]
    [InlineData("PUT", "/gateway/admin/audit/x/revert")]
    public async Task Path_ThatThereIsNot_Is404(string method, string path) => Assert.Equal(HttpStatusCode.NotFound, (await _host.SendAsync(method, path)).Status);

    [Fact]
    public async Task Message_WithQuotes_IsReadable() =>
        Assert.Contains("There is no key \\\"nope\\\".", (await _host.SendAsync("GET", "/api/v1/admin/keys/nope")).Text, StringComparison.Ordinal);

    [Fact]
    public async Task WrongMethod_WithoutAToken_Is401() =>
        Assert.Equal(HttpStatusCode.Unauthorized, (await _host.SendAsync("DELETE", "/api/v1/admin/orgs", token: null)).Status);

    [Theory]
    [InlineData("/api/v1/admin/gateway/usage?form=2026-03-01", "form", "from")]
    [InlineData("/api/v1/admin/gateway/usage?source=presumed", "source", "usage_source")]
    [InlineData("/api/v1/admin/gateway/requests?outcomes=refused", "outcomes", "outcome")]
    [InlineData("/api/v1/admin/gateway/costs/daily?day=2026-03-01", "day", "date")]
    [InlineData("/api/v1/admin/gateway/costs/breakdown?form=2026-03-01&by=model", "form", "from")]
    [InlineData("/api/v1/admin/gateway/billing?moth=2026-03", "moth", "month")]
    [InlineData("/gateway/admin/audit?targetid=x", "targetid", "target_id")]
    [InlineData("/gateway/admin/errors?sources=gateway", "sources", "source")]
    [InlineData("/api/v1/admin/orgs?limits=1", "limits", "limit")]
    [InlineData("/gateway/admin/costs/today?org_id=x", "org_id", "It takes none in its address. Name the org in the header X-Org-ID.")]
    public async Task Parameter_ThatIsNotKnown_IsRefusedWithThoseThatAre(string path, string param, string told)
    {
        var (org, _) = await _host.OrgAsync();
        var answer = await _host.SendAsync("GET", path, orgId: org);
        Assert.Equal(HttpStatusCode.BadRequest, answer.Status);
        Assert.Equal("unknown_parameter", (string?)answer.Json!["error"]!["code"]);
        Assert.Equal(param, (string?)answer.Json["error"]!["param"]);
        Assert.Contains(told, (string?)answer.Json["error"]!["remediation"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Parameter_ThatIsNotKnown_IsNamedOnlyToWhoHasAToken() =>
        Assert.Equal(HttpStatusCode.Unauthorized, (await _host.SendAsync("GET", "/api/v1/admin/orgs?limits=1", token: null)).Status);

    [Fact]
    public async Task Parameters_ThatTheDocumentNames_AreTheOnesThatAreTaken()
    {
        var (org, _) = await _host.OrgAsync();
        var paths = (await _host.SendAsync("GET", "/openapi/v1.json")).Json!["paths"]!.AsObject();
        foreach (var (path, methods) in paths.Where(static p => p.Value!["get"] is not null && p.Key is not "/gateway/admin/live"))
        {
            var names = methods!["get"]!["parameters"]!.AsArray().Where(static p => (string?)p!["in"] == "query").Select(static p => (string?)p!["name"]).ToList();
            var answer = await _host.SendAsync("GET", $"{path.Replace('{', '_').Replace('}', '_')}?{string.Join('&', names.Select(static n => n + "="))}", orgId: org);
            Assert.False((string?)answer.Json?["error"]?["code"] == "unknown_parameter", $"{path}: {answer.Text}");
            var other = await _host.SendAsync("GET", $"{path.Replace('{', '_').Replace('}', '_')}?no_such=1", orgId: org);
            Assert.Equal("unknown_parameter", (string?)other.Json?["error"]?["code"]);
        }
    }
}
