using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Routing;
using Xunit;

namespace CurateMe.Gateway.Tests.Admin;

/// <summary>Every route of the whole gateway is behind the admin plane's rights, behind an API key, or one of the few that are open on purpose.</summary>
public sealed class BorderTests
{
    const string Token = "border-admin-token-0123";

    // What anybody who reaches the port may ask; the link to an approval carries a signature.
    static readonly string[] Open = ["/", "/health", "/health/live", "/health/ready", "/openapi/{documentName}.json", "/approvals/{approval}/{decision}"];

    static IEnumerable<(string Pattern, string Method)> Routes(GatewayRig rig) =>
        from endpoint in rig.Service<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
        let pattern = endpoint.RoutePattern.RawText ?? ""
        from method in endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? ["GET", "POST"]
        select ("/" + pattern.TrimStart('/'), method);

    static bool IsAdmin(string pattern) =>
        pattern.StartsWith("/api/v1/admin", StringComparison.Ordinal) || pattern.StartsWith("/gateway/admin", StringComparison.Ordinal) || pattern == "/metrics";

    [Fact]
    public async Task Routes_All_AreOfThePlanesOrOpenOnPurpose()
    {
        await using var rig = await GatewayRig.StartAsync(new Dictionary<string, string?> { ["ADMIN_TOKEN"] = Token });
        var others = Routes(rig).Select(static r => r.Pattern).Where(static p => !IsAdmin(p) && !p.StartsWith("/v1/", StringComparison.Ordinal) && !p.StartsWith("/dashboard", StringComparison.Ordinal)).Distinct(StringComparer.Ordinal);
        Assert.Equal(Open.Order(StringComparer.Ordinal), others.Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData(null)]
    [InlineData(Token)]
    [InlineData("cm_sk_0000000000000000000000000000000000000000")]
    [InlineData("cm_at_0000000000000000000000000000000000000000")]
    public async Task DataPlane_WithoutAKeyOfAnOrg_ServesNothing(string? secret)
    {
        await using var rig = await GatewayRig.StartAsync(new Dictionary<string, string?> { ["ADMIN_TOKEN"] = Token });
        var key = await rig.KeyAsync();
        var routes = Routes(rig).Where(static r => r.Pattern.StartsWith("/v1/", StringComparison.Ordinal)).ToList();
        Assert.True(routes.Count > 20, $"only {routes.Count} routes");
        foreach (var (pattern, method) in routes)
        {
            using var request = new HttpRequestMessage(new HttpMethod(method), Regex.Replace(pattern, @"\{[^}]*\}", "x"));
            request.Content = method == "GET" ? null : new StringContent("""{"model":"gpt-4o-mini","messages":[{"role":"user","content":"ping"}]}""", Encoding.UTF8, "application/json");
            request.Headers.Authorization = secret is null ? null : new AuthenticationHeaderValue("Bearer", secret);
            using var answer = await rig.Http.SendAsync(request);
            Assert.True(answer.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.NotFound or HttpStatusCode.MethodNotAllowed, $"{method} {pattern} was answered {answer.StatusCode}");
        }
        Assert.Empty(rig.Simulator.Bill.Entries);
        using var mine = await rig.ChatAsync(key, new { model = "gpt-4o-mini", max_tokens = 5, messages = new[] { new { role = "user", content = "ping" } } });
        Assert.Equal(HttpStatusCode.OK, mine.StatusCode);
    }

    [Fact]
    public async Task Routes_OfTheAdminPlane_AreClosedToApiKeys()
    {
        await using var rig = await GatewayRig.StartAsync(new Dictionary<string, string?> { ["ADMIN_TOKEN"] = Token });
        var key = await rig.KeyAsync();
        foreach (var (pattern, method) in Routes(rig).Where(static r => IsAdmin(r.Pattern)))
        {
            using var request = new HttpRequestMessage(new HttpMethod(method), Regex.Replace(pattern, @"\{[^}]*\}", "x"));
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
            using var answer = await rig.Http.SendAsync(request);
            Assert.True(answer.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.NotFound or HttpStatusCode.MethodNotAllowed, $"{method} {pattern} was answered {answer.StatusCode}");
        }
    }
}
