using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using CurateMe.Client;
using Microsoft.AspNetCore.Routing;
using Xunit;

namespace CurateMe.Gateway.Tests.Admin;

/// <summary>Random and mutated admin requests: never a 5xx, never a stack trace, never a change without an audit entry.</summary>
public sealed class FuzzTests(AdminFixture fixture, ITestOutputHelper output) : IClassFixture<AdminFixture>
{
    const int Requests = 10_000;

    static readonly string[] Methods = ["GET", "POST", "PATCH", "PUT", "DELETE"];

    // What a mere list of routes would not reach often enough; every other route is added from the host's own.
    static readonly string[] Routes =
    [
        "GET,POST /api/v1/admin/orgs",
        "GET,PATCH /api/v1/admin/orgs/{0}",
        "GET /api/v1/admin/tiers",
        "GET,POST /api/v1/admin/teams",
        "GET,PATCH /api/v1/admin/teams/{1}",
        "GET,POST /api/v1/admin/keys",
        "GET,PATCH /api/v1/admin/keys/{2}",
        "POST /api/v1/admin/keys/{2}/disable",
        "POST /api/v1/admin/keys/{2}/enable",
        "POST /api/v1/admin/keys/{2}/rotate",
        "GET,POST /api/v1/admin/tokens",
        "DELETE /api/v1/admin/tokens/{3}",
        "GET,PATCH,PATCH,PATCH /api/v1/admin/gateway/policy/{0}",
        "GET /api/v1/admin/gateway/costs/daily",
        "GET /api/v1/admin/gateway/costs/breakdown",
        "GET /api/v1/admin/gateway/usage",
        "GET /api/v1/admin/gateway/usage/{3}",
        "GET /api/v1/admin/gateway/requests",
        "GET /api/v1/admin/gateway/billing",
        "GET /gateway/admin/budgets/{0}",
        "PUT /gateway/admin/budgets/{0}/nodes/org",
        "PUT /gateway/admin/budgets/{0}/nodes/key:{2}",
        "PUT /gateway/admin/budgets/{0}/nodes/{3}",
        "POST /gateway/admin/costs/reset-daily",
        "GET /gateway/admin/metrics",
        "GET /gateway/admin/audit",
        "GET /gateway/admin/{3}",
        "GET /gateway/admin/audit/verify",
        "POST /gateway/admin/audit/{3}/revert",
        "POST /gateway/admin/audit/5/revert",
        "GET,POST /gateway/admin/runners",
        "GET /gateway/admin/runners/costs",
        "PATCH /gateway/admin/runners/{3}/config",
        "POST /gateway/admin/runners/r1/sessions/{3}/stop",
        "GET /gateway/admin/approvals",
        "POST /gateway/admin/approvals/{3}/approve",
        "POST /gateway/admin/approvals/{3}/reject",
        "GET /gateway/admin/costs/today",
        "POST /gateway/admin/costs/reconcile",
        "POST /gateway/admin/costs/replay-dlq",
        "POST /gateway/admin/budgets/{0}/reconcile",
        "GET /gateway/admin/errors",
        "GET /gateway/admin/alerts",
        "GET /gateway/admin/access/refused",
        "GET,POST /api/v1/admin/webhooks",
        "GET,PATCH,DELETE /api/v1/admin/webhooks/{3}",
        "GET /api/v1/admin/webhooks/{3}/deliveries",
        "POST /api/v1/admin/webhooks/{3}/rotate",
        "POST /api/v1/admin/webhooks/{3}/deliveries/{3}/replay",
    ];

    static readonly string[] Fields =
    [
        "org_id", "team_id", "name", "tier", "suspended", "daily_budget", "monthly_budget", "max_cost_per_request", "hitl_threshold", "model_allowlist", "ip_allowlist", "rate_limit_rpm",
        "max_concurrency", "queue", "expires_at", "grace_seconds", "on_budget_store_loss", "model_aliases", "fallbacks", "clamp_output", "default_max_output_tokens", "role", "runner_id", "url", "events", "budget_warning_threshold", "\\ud800", "",
    ];

    static readonly string[] Values =
    [
        "null", "true", "0", "1", "-1", "24.5", "1e308", "1e-30", "NaN", "9007199254740993", "\"\"", "\"a\"", "\"unlimited\"", "\"free\"", "\"viewer\"", "\"\\u0000\"", "\"\\ud800\"", "\"ä€😀\"",
        "[]", "[null]", "[\"gpt-4o\"]", "[\"10.0.0.0/8\"]", "{}", "{\"a\":\"b\"}", "{\"a\":null}", "{\"max_depth\":3}", "{\"a\":[\"b\"]}", "\"2999-01-01T00:00:00Z\"", "\"9999-12-31T23:59:59-14:00\"",
        "\"0001-01-01T00:00:00+14:00\"", "\"deny\"", "[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]", "\"" + "x", "12345678901234567890123456789",
    ];

    // Bodies that some endpoint takes, so that there are changes to watch.
    static readonly string[] Sane =
    [
        "{}", "{\"name\":\"a\"}", "{\"daily_budget\":5}", "{\"role\":\"viewer\"}", "{\"tier\":\"growth\"}", "{\"monthly_budget\":null}", "{\"grace_seconds\":9}", "{\"model_allowlist\":[\"o3\"]}",
        "{\"queue\":{\"max_depth\":3}}", "{\"hitl_threshold\":\"unlimited\"}",
    ];

    static readonly string[] Odd = ["", "%00", "..", "%2e%2e%2f", "a%20b", "%ff", "😀", "key_nowhere", "team:x", ":", "org", "gw_00000000000000000000000000", new string('a', 300), "%0d%0a"];

    static readonly string[] Queries =
    [
        "limit=5", "limit=-1", "limit=1e9", "cursor=YQ", "cursor=%00", "cursor=////", "sort=cost_desc", "sort=1", "from=2026-01-01", "to=2026-03-17T00:00:00Z", "from=9999-12-31", "to=0001-01-01",
        "by=model", "by=tag:app,hour", "by=,", "by=tag:%00", "month=2026-02", "month=0000-00", "date=2024-02-29", "date=x", "format=csv", "format=", "status=settled", "status=held", "key_id=%27--", "model=ä",
        "usage_source=presumed", "action=x", "target_id=%00", "session_id=a&runner_id=b",
    ];

    [Fact]
    public async Task Requests_RandomAndMutated_NeverFailAndNeverChangeUnseen()
    {
        var seed = Environment.TickCount;
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        var host = fixture.Host;
        string[] routes = [.. Routes, .. OfTheHost(host)];
        var (org, client) = await host.OrgAsync();
        var team = await client.CreateTeamAsync(new TeamCreate());
        var key = await client.CreateKeyAsync(new KeyCreate { TeamId = team.TeamId });
        string?[] tokens = [AdminHost.Token, AdminHost.Token, AdminHost.Token, (await client.CreateTokenAsync(new AdminTokenCreate { Role = AdminRole.OrgAdmin, OrgId = org })).Token, null];
        T Pick<T>(params T[] from) => from[random.Next(from.Length)];

        string Body()
        {
            if (random.Next(3) == 0)
            {
                return Pick(Sane);
            }
            var body = new StringBuilder("{");
            for (var i = random.Next(4); i >= 0; i--)
            {
                body.Append('"').Append(Pick(Fields)).Append("\":").Append(Pick(Values)).Append(i > 0 ? "," : "}");
            }
            if (random.Next(10) == 0)
            {
                body[random.Next(body.Length)] = (char)random.Next(1, 256);
            }
            return random.Next(20) == 0 ? body.ToString(0, random.Next(body.Length)) : body.ToString();
        }

        var (changes, audits) = (await host.Config.RevisionAsync(default), await AuditsAsync(host));
        var statuses = new SortedDictionary<int, int>();
        for (var i = 0; i < Requests; i++)
        {
            string Thing(string real) => random.Next(8) == 0 ? Pick(Odd) : real;
            var route = Pick(routes).Split(' ');
            var path = string.Format(null, route[1], Thing(org), Thing(team.TeamId), Thing(key.KeyId), Pick(Odd));
            for (var q = random.Next(3); q > 0; q--)
            {
                path += (path.Contains('?', StringComparison.Ordinal) ? '&' : '?') + Pick(Queries);
            }
            var method = random.Next(10) == 0 ? Pick(Methods) : Pick(route[0].Split(','));
            var body = method == "GET" || random.Next(8) == 0 ? null : Body();
            var told = $"seed {seed}, request {i}: {method} {path} {body}";
            var answer = await host.SendAsync(method, path, body, Pick(tokens), random.Next(3) == 0 ? Pick(org, "org_nowhere", "%", " ") : org, Pick("application/json", "application/json", "application/json", "text/plain", "x"));
            statuses[(int)answer.Status] = statuses.GetValueOrDefault((int)answer.Status) + 1;
            Assert.True((int)answer.Status < 500, $"{told} was answered {answer.Status}: {answer.Text}");
            Assert.False(answer.Text.Contains("   at ", StringComparison.Ordinal) || answer.Text.Contains("Exception", StringComparison.Ordinal), $"{told} was answered {answer.Text}");
            var (nowChanges, nowAudits) = (await host.Config.RevisionAsync(default), await AuditsAsync(host));
            Assert.True(nowChanges == changes || nowAudits > audits, $"{told} changed something without an audit entry");
            Assert.True(nowChanges == changes || answer.Status is HttpStatusCode.OK or HttpStatusCode.Created, $"{told} changed something and was answered {answer.Status}");
            (changes, audits) = (nowChanges, nowAudits);
        }
        output.WriteLine(string.Join(", ", statuses.Select(s => $"{s.Key}: {s.Value}")));
        Assert.True(statuses.GetValueOrDefault(200) > Requests / 20, "the fuzz hardly reaches anything");
        Assert.True(statuses.ContainsKey(201));
    }

    // So that a new route cannot be forgotten.
    static IEnumerable<string> OfTheHost(AdminHost host) =>
        host.Get<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(static e => e.RoutePattern.RawText is { } text && text.Contains("/admin", StringComparison.Ordinal) && !text.Contains("**", StringComparison.Ordinal))
            .Select(static e => $"{string.Join(',', e.Metadata.GetMetadata<HttpMethodMetadata>()!.HttpMethods)} {Regex.Replace(e.RoutePattern.RawText!, @"\{(\w+)(:\w+)?\}", static m => m.Groups[1].Value switch
            {
                "org" => "{0}",
                "team" => "{1}",
                "key" => "{2}",
                _ => "{3}",
            })}");

    static async Task<long> AuditsAsync(AdminHost host) => (await host.Config.AuditAsync(new() { Limit = 1 }, default)).Select(e => e.Sequence).FirstOrDefault();
}
