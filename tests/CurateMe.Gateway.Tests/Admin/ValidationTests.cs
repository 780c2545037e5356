using System.Net;
using CurateMe.Client;
using Xunit;

namespace CurateMe.Gateway.Tests.Admin;

public sealed class ValidationTests(AdminFixture fixture) : IClassFixture<AdminFixture>
{
    readonly AdminHost _host = fixture.Host;

    async Task RefusedAsync(string method, string path, string? orgId, string body, string? param, int status = 400, string? code = null)
    {
        var changes = await _host.Config.RevisionAsync(default);
        var answer = await _host.SendAsync(method, path, body, orgId: orgId);
        Assert.True((int)answer.Status == status, $"{body} was answered {(int)answer.Status}: {answer.Text}");
        Assert.Equal(param, (string?)answer.Json!["error"]!["param"]);
        Assert.NotEmpty((string?)answer.Json["error"]!["message"] ?? "");
        Assert.Equal("invalid_request_error", (string?)answer.Json["error"]!["type"]);
        Assert.Equal(code ?? (string?)answer.Json["error"]!["code"], (string?)answer.Json["error"]!["code"]);
        Assert.DoesNotContain("System.", answer.Text);
        if (orgId is null)
        {
            Assert.Equal(changes, await _host.Config.RevisionAsync(default));
        }
    }

    [Theory]
    [InlineData("""{"org_id":"a b"}""", "org_id")]
    [InlineData("""{"org_id":"org_{x}"}""", "org_id")]
    [InlineData("""{"org_id":""}""", "org_id")]
    [InlineData("""{"org_id":7}""", "org_id")]
    [InlineData("""{"name":""}""", "name")]
    [InlineData("""{"name":"a\u0000b"}""", "name")]
    [InlineData("""{"tier":"gold"}""", "tier")]
    [InlineData("""{"tier":1}""", "tier")]
    [InlineData("""{"tear":"free"}""", "tear")]
    [InlineData("""{"name":"a","name":"b"}""", "name")]
    [InlineData("""{"name":"a" """, "name")]
    [InlineData("""[]""", null)]
    [InlineData("""null""", null)]
    [InlineData("""7""", null)]
    [InlineData("""x""", null)]
    public Task OrgCreate_BadBody_NamesTheField(string body, string? param) => RefusedAsync("POST", "/api/v1/admin/orgs", null, body, param);

    [Theory]
    [InlineData("""{"org_id":7}""", "org_id", "invalid_field")]
    [InlineData("""{"name":["a"]}""", "name", "invalid_field")]
    [InlineData("""{"name":{}}""", "name", "invalid_field")]
    [InlineData("""{"name":"a" """, "name", "invalid_json")]
    [InlineData("""{"name":}""", "name", "invalid_json")]
    [InlineData("""[]""", null, "invalid_json")]
    public Task Body_OfAWrongType_IsNoBrokenJson(string body, string? param, string code) => RefusedAsync("POST", "/api/v1/admin/orgs", null, body, param, code: code);

    [Theory]
    [InlineData("NaN")]
    [InlineData("Infinity")]
    [InlineData("-Infinity")]
    [InlineData("-1")]
    [InlineData("-0.000000001")]
    [InlineData("1e308")]
    [InlineData("1e999999")]
    [InlineData("1000000000.000000001")]
    [InlineData("9007199254740993")]
    [InlineData("9223372036854775808")]
    [InlineData("0.0000000001")]
    [InlineData("\"24.5\"")]
    [InlineData("\"NaN\"")]
    [InlineData("true")]
    [InlineData("[]")]
    [InlineData("{}")]
    public async Task AC14_Amounts_ThatAreNone_NameTheField(string value)
    {
        var (org, client) = await _host.OrgAsync();
        var team = await client.CreateTeamAsync(new TeamCreate());
        var key = await client.CreateKeyAsync(new KeyCreate());
        foreach (var field in (string[])["daily_budget", "monthly_budget"])
        {
            var body = $$"""{"{{field}}":{{value}}}""";
            await RefusedAsync("PATCH", $"/api/v1/admin/gateway/policy/{org}", null, body, field);
            await RefusedAsync("POST", "/api/v1/admin/teams", org, body, field);
            await RefusedAsync("PATCH", $"/api/v1/admin/teams/{team.TeamId}", null, body, field);
            await RefusedAsync("POST", "/api/v1/admin/keys", org, body, field);
            await RefusedAsync("PATCH", $"/api/v1/admin/keys/{key.KeyId}", null, body, field);
            await RefusedAsync("PUT", $"/gateway/admin/budgets/{org}/nodes/org", null, body, field);
        }
        await RefusedAsync("PATCH", $"/api/v1/admin/gateway/policy/{org}", null, $$"""{"max_cost_per_request":{{value}}}""", "max_cost_per_request");
        await RefusedAsync("PATCH", $"/api/v1/admin/gateway/policy/{org}", null, $$"""{"hitl_threshold":{{value}}}""", "hitl_threshold");
    }

    [Theory]
    [InlineData("0", 0)]
    [InlineData("0.000000001", 1)]
    [InlineData("9007199.254740993", 9007199254740993)]
    [InlineData("1e9", 1_000_000_000_000_000_000)]
    [InlineData("24.50", 24_500_000_000)]
    public async Task AC14_Amounts_AreKeptToTheNanoDollar(string value, long nano)
    {
        var (org, _) = await _host.OrgAsync();
        var answer = await _host.SendAsync("PATCH", $"/api/v1/admin/gateway/policy/{org}", $$"""{"daily_budget":{{value}}}""");
        Assert.Equal(HttpStatusCode.OK, answer.Status);
        Assert.Equal(nano, (long)answer.Json!["daily_budget_nano_usd"]!);
        Assert.Equal(nano, (await _host.Admin.GetPolicyAsync(org)).DailyBudget!.Value.Value);
    }

    [Theory]
    [InlineData("""{"daily_budgt":1}""", "daily_budgt")]
    [InlineData("""{"rate_limit_rpm":-1}""", "rate_limit_rpm")]
    [InlineData("""{"rate_limit_rpm":1.5}""", "rate_limit_rpm")]
    [InlineData("""{"rate_limit_rpm":99999999999}""", "rate_limit_rpm")]
    [InlineData("""{"max_concurrency":1000001}""", "max_concurrency")]
    [InlineData("""{"queue":{"max_depth":-1}}""", "queue.max_depth")]
    [InlineData("""{"queue":{"max_wait_ms":600001}}""", "queue.max_wait_ms")]
    [InlineData("""{"queue":{"depth":1}}""", "queue.depth")]
    [InlineData("""{"queue":7}""", "queue")]
    [InlineData("""{"on_budget_store_loss":"panic"}""", "on_budget_store_loss")]
    [InlineData("""{"on_missing_usage":0}""", "on_missing_usage")]
    [InlineData("""{"on_unpriced_model":""}""", "on_unpriced_model")]
    [InlineData("""{"default_max_output_tokens":0}""", "default_max_output_tokens")]
    [InlineData("""{"min_output_tokens":"16"}""", "min_output_tokens")]
    [InlineData("""{"clamp_output":"yes"}""", "clamp_output")]
    [InlineData("""{"model_allowlist":"gpt-4o"}""", "model_allowlist")]
    [InlineData("""{"model_allowlist":["gpt-4o",""]}""", "model_allowlist[1]")]
    [InlineData("""{"model_allowlist":[null]}""", "model_allowlist[0]")]
    [InlineData("""{"model_allowlist":["g*t"]}""", "model_allowlist[0]")]
    [InlineData("""{"model_aliases":{"a":""}}""", "model_aliases.a")]
    [InlineData("""{"model_aliases":{"a":"x","A":"y"}}""", "model_aliases.a")]
    [InlineData("""{"fallbacks":{"gpt-4o":[]}}""", "fallbacks.gpt-4o")]
    [InlineData("""{"fallbacks":{"gpt-4o":["a",null]}}""", "fallbacks.gpt-4o[1]")]
    [InlineData("""{"daily_budget":1,"daily_budget":2}""", "daily_budget")]
    public async Task PolicyPatch_BadBody_NamesTheField(string body, string param)
    {
        var (org, _) = await _host.OrgAsync();
        await RefusedAsync("PATCH", $"/api/v1/admin/gateway/policy/{org}", null, body, param);
    }

    [Theory]
    [InlineData("""{"team_id":"no/pe"}""", "team_id")]
    [InlineData("""{"team_id":"team_nowhere"}""", "team_id")]
    [InlineData("""{"name":" "}""", "name")]
    [InlineData("""{"rate_limit_rpm":-1}""", "rate_limit_rpm")]
    [InlineData("""{"max_concurrency":"unlimited"}""", "max_concurrency")]
    [InlineData("""{"model_allowlist":["a b"]}""", "model_allowlist[0]")]
    [InlineData("""{"ip_allowlist":["10.0.0.0/8","10.0.0.0/99"]}""", "ip_allowlist[1]")]
    [InlineData("""{"ip_allowlist":["localhost"]}""", "ip_allowlist[0]")]
    [InlineData("""{"expires_at":"2020-01-01T00:00:00Z"}""", "expires_at")]
    [InlineData("""{"expires_at":"2999-01-01"}""", "expires_at")]
    [InlineData("""{"expires_at":"2999-01-01T00:00:00"}""", "expires_at")]
    [InlineData("""{"expires_at":"tomorrow"}""", "expires_at")]
    [InlineData("""{"expires_at":4102444800}""", "expires_at")]
    [InlineData("""{"key":"cm_sk_mine"}""", "key")]
    public async Task KeyCreateAndPatch_BadBody_NameTheField(string body, string param)
    {
        var (org, client) = await _host.OrgAsync();
        var key = await client.CreateKeyAsync(new KeyCreate());
        await RefusedAsync("POST", "/api/v1/admin/keys", org, body, param);
        await RefusedAsync("PATCH", $"/api/v1/admin/keys/{key.KeyId}", null, body, param);
    }

    [Theory]
    [InlineData("""{"grace_seconds":-1}""", "grace_seconds")]
    [InlineData("""{"grace_seconds":2592001}""", "grace_seconds")]
    [InlineData("""{"grace":1}""", "grace")]
    public async Task KeyRotate_BadBody_NamesTheField(string body, string param)
    {
        var (_, client) = await _host.OrgAsync();
        var key = await client.CreateKeyAsync(new KeyCreate());
        await RefusedAsync("POST", $"/api/v1/admin/keys/{key.KeyId}/rotate", null, body, param);
    }

    [Theory]
    [InlineData("""{"disabled":false}""", "disabled")]
    [InlineData("""{"key_id":"x"}""", "key_id")]
    [InlineData("""{"org_id":"x"}""", "org_id")]
    [InlineData("""{"last4":"x"}""", "last4")]
    [InlineData("""{"name":null}""", "name")]
    public async Task KeyPatch_FieldThatIsNotThePatchersBusiness_IsRefused(string body, string param)
    {
        var (_, client) = await _host.OrgAsync();
        var key = await client.CreateKeyAsync(new KeyCreate());
        await RefusedAsync("PATCH", $"/api/v1/admin/keys/{key.KeyId}", null, body, param);
    }

    [Theory]
    [InlineData("""{}""", "role")]
    [InlineData("""{"role":"king"}""", "role")]
    [InlineData("""{"role":"viewer","name":""}""", "name")]
    [InlineData("""{"role":"platform_admin","org_id":"org_x"}""", "org_id")]
    [InlineData("""{"role":"viewer"}""", "X-Org-ID")]
    [InlineData("""{"role":"viewer","expires_at":"2001-01-01T00:00:00Z"}""", "expires_at")]
    public Task TokenCreate_BadBody_NamesTheField(string body, string param) => RefusedAsync("POST", "/api/v1/admin/tokens", null, body, param);

    [Theory]
    [InlineData("usage?limit=0", "limit")]
    [InlineData("usage?limit=1001", "limit")]
    [InlineData("usage?limit=ten", "limit")]
    [InlineData("usage?sort=dearest", "sort")]
    [InlineData("usage?cursor=%25%25", "cursor")]
    [InlineData("usage?status=held_up", "status")]
    [InlineData("usage?from=yesterday", "from")]
    [InlineData("usage?from=2026-02-30", "from")]
    [InlineData("usage?to=99999-01-01T00:00:00Z", "to")]
    [InlineData("usage?format=xml", "format")]
    [InlineData("usage?model=%00", "model")]
    [InlineData("costs/daily?date=2026-3-1", "date")]
    [InlineData("costs/daily?date=0001-01-01", "date")]
    [InlineData("costs/breakdown?by=colour", "by")]
    [InlineData("costs/breakdown?by=model,model", "by")]
    [InlineData("costs/breakdown?by=tag:", "by")]
    [InlineData("costs/breakdown?from=2026-02-01&to=2026-01-01", "from")]
    [InlineData("costs/breakdown?from=2020-01-01&to=2026-01-01", "from")]
    [InlineData("billing?month=2026-13", "month")]
    [InlineData("billing?month=March", "month")]
    public async Task Queries_BadParameter_NameIt(string query, string param)
    {
        var (org, _) = await _host.OrgAsync();
        var answer = await _host.SendAsync("GET", $"/api/v1/admin/gateway/{query}", orgId: org);
        Assert.True(answer.Status == HttpStatusCode.BadRequest, answer.Text);
        Assert.Equal(param, (string?)answer.Json!["error"]!["param"]);
    }

    [Fact]
    public async Task Body_TooLargeOrNoJson_IsRefused()
    {
        var large = await _host.SendAsync("POST", "/api/v1/admin/orgs", $$"""{"name":"{{new string('a', 2 << 20)}}"}""");
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, large.Status);
        var form = await _host.SendAsync("POST", "/api/v1/admin/orgs", "name=a", contentType: "application/x-www-form-urlencoded");
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, form.Status);
        var deep = await _host.SendAsync("POST", "/api/v1/admin/orgs", new string('[', 200) + new string(']', 200));
        Assert.Equal(HttpStatusCode.BadRequest, deep.Status);
        var empty = await _host.SendAsync("POST", "/api/v1/admin/orgs", "");
        Assert.Equal(HttpStatusCode.BadRequest, empty.Status);
    }

    [Theory]
    [InlineData("GET", "/api/v1/admin/keys")]
    [InlineData("GET", "/api/v1/admin/teams")]
    [InlineData("GET", "/api/v1/admin/gateway/usage")]
    [InlineData("GET", "/api/v1/admin/gateway/costs/daily")]
    [InlineData("GET", "/api/v1/admin/gateway/costs/breakdown")]
    [InlineData("POST", "/gateway/admin/costs/reset-daily")]
    public async Task Operator_WithoutOrg_IsToldTheHeader(string method, string path)
    {
        var answer = await _host.SendAsync(method, path);
        Assert.Equal(HttpStatusCode.BadRequest, answer.Status);
        Assert.Equal("X-Org-ID", (string?)answer.Json!["error"]!["param"]);
        Assert.Equal(HttpStatusCode.NotFound, (await _host.SendAsync(method, path, orgId: "org_nowhere")).Status);
    }

    [Fact]
    public async Task Org_SaidTwiceDifferently_IsRefused()
    {
        var (org, _) = await _host.OrgAsync();
        var (other, _) = await _host.OrgAsync();
        await RefusedAsync("POST", "/api/v1/admin/keys", org, $$"""{"org_id":"{{other}}"}""", "org_id");
    }
}
