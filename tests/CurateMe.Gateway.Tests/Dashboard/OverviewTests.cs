using System.Net;
using System.Text.Json.Nodes;
using CurateMe.Client;
using CurateMe.Gateway.Telemetry;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Pricing;
using CurateMe.Testing;
using Xunit;

namespace CurateMe.Gateway.Tests.Dashboard;

public sealed class OverviewTests
{
    const string Token = "overview-operator-token";

    static readonly object Ping = new { model = "gpt-4o-mini", max_tokens = 20, messages = new[] { new { role = "user", content = "ping" } } };

    static Task<GatewayRig> RigAsync() => GatewayRig.StartAsync(new Dictionary<string, string?> { ["ADMIN_TOKEN"] = Token });

    static async Task<JsonNode> GetAsync(GatewayRig rig, string path, string? org = null, string? token = Token, string? patch = null)
    {
        using var request = new HttpRequestMessage(patch is null ? HttpMethod.Get : HttpMethod.Post, path) { Headers = { Authorization = new("Bearer", token) } };
        if (org is not null)
        {
            request.Headers.Add("X-Org-ID", org);
        }
        if (patch is not null)
        {
            request.Content = new StringContent(patch, null, "application/json");
        }
        using var answer = await rig.Http.SendAsync(request);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.StatusCode == HttpStatusCode.OK, $"{path}: {answer.StatusCode} {text}");
        return JsonNode.Parse(text)!;
    }

    [Fact]
    public async Task Overview_AfterRequestsAndDenials_AddsUp()
    {
        await using var rig = await RigAsync();
        var key = await rig.KeyAsync(policy: new PolicyDocument { DailyBudget = new MoneyLimit(NanoUsd.FromDollars(1)), ModelAllowlist = ["gpt-4o-mini"] });
        for (var i = 0; i < 3; i++)
        {
            using (await rig.ChatAsync(key, Ping)) { }
        }
        using (var denied = await rig.ChatAsync(key, new { model = "gpt-4o", messages = new[] { new { role = "user", content = "ping" } } }))
        {
            Assert.Equal(HttpStatusCode.Forbidden, denied.StatusCode);
        }
        var records = await rig.RecordsAsync();
        var sum = records.Sum(r => r.Cost.Value);
        var overview = await GetAsync(rig, "/gateway/admin/overview", "org_test");
        Assert.Equal(sum, (long)overview["today"]!["spent_nano_usd"]!);
        Assert.Equal(sum, (long)overview["month"]!["spent_nano_usd"]!);
        Assert.Equal(1_000_000_000, (long)overview["today"]!["budget_nano_usd"]!);
        Assert.Equal(sum, (long)overview["burn_rate_per_hour_nano_usd"]!);
        Assert.Equal(3, (long)overview["requests_today"]!);
        Assert.True((long)overview["today"]!["forecast_nano_usd"]! >= sum);
        var denial = Assert.Single(overview["denials"]!.AsArray());
        Assert.Equal(("model_not_allowed", 1L), ((string)denial!["code"]!, (long)denial["requests"]!));
        Assert.True((double)overview["added_latency_p95_ms"]! > 0);
        Assert.Equal("healthy", (string?)overview["status"]);
        Assert.Equal(0, (long)overview["drift"]!["difference_nano_usd"]!);
        Assert.Equal(sum, (long)(await GetAsync(rig, "/gateway/admin/overview"))["today"]!["spent_nano_usd"]!);
    }

    [Fact]
    public async Task Overview_ForOneTenant_HasNothingOfAll()
    {
        await using var rig = await RigAsync();
        var theirs = await rig.KeyAsync("org_theirs", key: "key_theirs");
        await rig.KeyAsync("org_mine", key: "key_mine");
        using (await rig.ChatAsync(theirs, Ping)) { }
        using (await rig.ChatAsync(theirs, new { model = "no-such-model", messages = Array.Empty<int>() })) { }
        await rig.RecordsAsync("org_theirs");
        var viewer = await new AdminClient(rig.Http, Token).CreateTokenAsync(new AdminTokenCreate { Role = AdminRole.Viewer, OrgId = "org_mine" });
        var overview = await GetAsync(rig, "/gateway/admin/overview", token: viewer.Token);
        Assert.Equal("org_mine", (string?)overview["org_id"]);
        Assert.Equal(0, (long)overview["today"]!["spent_nano_usd"]!);
        Assert.Empty(overview["denials"]!.AsArray());
        foreach (var figure in new[] { "queue_depth", "dlq_depth", "live_holds", "oldest_ms", "last_error" })
        {
            Assert.Null(overview["stores"]![figure]);
        }
    }

    [Fact]
    public async Task Overview_AfterAReset_NamesItBesideTheDrift()
    {
        await using var rig = await RigAsync();
        using (await rig.ChatAsync(await rig.KeyAsync(), Ping)) { }
        var cost = Assert.Single(await rig.RecordsAsync()).Cost.Value;
        await new AdminClient(rig.Http, Token).ResetDailyAsync("org_test");
        foreach (var org in (string?[])["org_test", null])
        {
            var drift = (await GetAsync(rig, "/gateway/admin/overview", org))["drift"]!;
            Assert.Equal((0.0, 0L, cost), ((double)drift["pct"]!, (long)drift["difference_nano_usd"]!, (long)drift["reset_nano_usd"]!));
            Assert.Equal((cost, cost), (Nano(drift["counters"]!), Nano(drift["ledger"]!)));
        }
        Assert.Equal(0, (long)(await GetAsync(rig, "/gateway/admin/overview", "org_test"))["today"]!["spent_nano_usd"]!);
    }

    [Fact]
    public async Task Overview_OfMoreOrgsThanAPage_CountsThemAll()
    {
        await using var rig = await RigAsync();
        var admin = new AdminClient(rig.Http, Token);
        for (var i = 0; i < 200; i++)
        {
            await admin.CreateOrgAsync(new OrgCreate { OrgId = $"org_a{i:000}", Name = "A" });
        }
        using (await rig.ChatAsync(await rig.KeyAsync("org_z", key: "key_z"), Ping)) { }
        var cost = Assert.Single(await rig.RecordsAsync("org_z")).Cost.Value;
        var overview = await GetAsync(rig, "/gateway/admin/overview");
        Assert.Equal((0.0, cost), ((double)overview["drift"]!["pct"]!, Nano(overview["drift"]!["counters"]!)));
        Assert.Equal(cost, (long)overview["today"]!["spent_nano_usd"]!);
    }

    static long Nano(JsonNode dollars) => (long)((decimal)dollars * 1_000_000_000);

    [Fact]
    public async Task Usage_OneRequest_TellsItsWholeStory()
    {
        await using var rig = await RigAsync();
        using (await rig.ChatAsync(await rig.KeyAsync(team: new CurateMe.Gateway.Governance.TeamDocument { TeamId = "team_a", OrgId = "org_test", Name = "A", CreatedAt = DateTimeOffset.UnixEpoch }), Ping)) { }
        var record = Assert.Single(await rig.RecordsAsync());
        var story = (await GetAsync(rig, $"/api/v1/admin/gateway/usage/{record.Id}", "org_test"))["story"]!;
        Assert.Equal(record.Hold.Value, (long)story["hold"]!["amount_nano_usd"]!);
        Assert.Equal(["org", "team:team_a", "key:key_test"], story["hold"]!["nodes"]!.AsArray().Select(n => (string)n!));
        Assert.Equal("settled", (string?)story["end"]!["how"]);
        Assert.True((bool)story["prices_in_force"]!);
        Assert.True((bool)story["lines_match"]!);
        Assert.Equal(record.Usage[BilledUnit.InputToken], (long)story["lines"]!.AsArray().Single(l => (string?)l!["unit"] == "input_tokens")!["count"]!);
        var page = await GetAsync(rig, "/api/v1/admin/gateway/usage", "org_test");
        Assert.Null(page["data"]![0]!["story"]);
    }

    [Fact]
    public async Task Preview_OfSmallerLimits_CountsWhatTheyWouldDeny()
    {
        await using var rig = await RigAsync();
        var key = await rig.KeyAsync();
        for (var i = 0; i < 4; i++)
        {
            using (await rig.ChatAsync(key, Ping)) { }
        }
        using (await rig.ChatAsync(key, new { model = "gpt-4o", max_tokens = 20, messages = new[] { new { role = "user", content = "ping" } } })) { }
        var records = await rig.RecordsAsync();
        const string Path = "/api/v1/admin/gateway/policy/org_test/preview";

        var nothing = await GetAsync(rig, Path, patch: "{}");
        Assert.Equal((5, 0, 0), ((int)nothing["requests"]!, (int)nothing["would_deny"]!, (int)nothing["would_deny_at_most"]!));

        var models = await GetAsync(rig, Path, patch: """{"model_allowlist":["gpt-4o-mini"]}""");
        Assert.Equal(1, (int)models["would_deny"]!);
        Assert.Equal(1, (int)models["by_code"]!["model_not_allowed"]!);
        Assert.Equal(records.Single(r => r.Model == "gpt-4o").Cost.Value, (long)models["denied_cost_nano_usd"]!);

        var spent = (records[0].Cost + records[1].Cost).Value;
        var budget = await GetAsync(rig, Path, patch: $$"""{"daily_budget":{{new NanoUsd(spent)}},"model_allowlist":["gpt-4o-mini"]}""");
        Assert.Equal((2, 1), ((int)budget["by_code"]!["daily_budget"]!, (int)budget["by_code"]!["model_not_allowed"]!));

        var rate = await GetAsync(rig, Path, patch: """{"rate_limit_rpm":2}""");
        Assert.Equal(3, (int)rate["by_code"]!["rate_limited"]!);
        Assert.Equal(5, (int)(await GetAsync(rig, Path, patch: """{"daily_budget":0}"""))["would_deny"]!);
        Assert.Equal(5, (int)(await GetAsync(rig, Path, patch: """{"hitl_threshold":0.000000001}"""))["would_ask_for_approval"]!);

        Assert.Null((await GetAsync(rig, "/api/v1/admin/gateway/policy/org_test"))["overrides"]!["daily_budget"]);
        using var bad = new HttpRequestMessage(HttpMethod.Post, Path) { Content = new StringContent("""{"daily_budget":-1}""", null, "application/json"), Headers = { Authorization = new("Bearer", Token) } };
        Assert.Equal(HttpStatusCode.BadRequest, (await rig.Http.SendAsync(bad)).StatusCode);
    }

    [Fact]
    public async Task Prices_ByPages_AreTheWholeList()
    {
        await using var rig = await RigAsync();
        List<string> seen = [];
        string? cursor = null;
        do
        {
            var page = await GetAsync(rig, $"/api/v1/admin/prices?limit=50{(cursor is null ? "" : "&cursor=" + cursor)}");
            Assert.Equal(rig.Prices.Version, (string?)page["version"]);
            seen.AddRange(page["data"]!.AsArray().Select(p => $"{p!["provider"]}/{p["model"]}"));
            cursor = (string?)page["next_cursor"];
        }
        while (cursor is not null);
        Assert.Equal(rig.Prices.Providers.SelectMany(rig.Prices.For).Select(p => $"{p.Provider}/{p.Model}").Order(StringComparer.Ordinal), seen);

        var mini = (await GetAsync(rig, "/api/v1/admin/prices?provider=openai&q=GPT-4O-MINI"))["data"]!.AsArray().Single(p => (string?)p!["model"] == "gpt-4o-mini")!;
        var input = mini["prices"]!.AsArray().Single(u => (string?)u!["unit"] == "input_tokens" && (string?)u["tier"] == "standard" && !(bool)u["long_context"]!)!;
        Assert.Equal(rig.Prices.Find("openai", "gpt-4o-mini")!.PicoPerUnit(BilledUnit.InputToken), (long)input["pico_usd"]!);
        Assert.Equal(0.15m, (decimal)input["usd_per_million"]!);
    }

    [Fact]
    public void AddedLatency_Percentile_IsWithinAnEighthAboveTheTruth()
    {
        var clock = new TestClock();
        var latency = new AddedLatency(clock);
        Assert.Null(latency.Percentile(0.95));
        for (var i = 1; i <= 1000; i++)
        {
            latency.Add(i / 1_000_000.0);
        }
        Assert.InRange(latency.Percentile(0.95)!.Value, 0.95, 0.95 * 1.13);
        Assert.InRange(latency.Percentile(1)!.Value, 1, 1.13);
        clock.Advance(AddedLatency.Window);
        Assert.NotNull(latency.Percentile(0.95));
        clock.Advance(AddedLatency.Window);
        Assert.Null(latency.Percentile(0.95));
    }

    [Fact]
    public void Denials_OfYesterday_AreForgotten()
    {
        var clock = new TestClock();
        var tally = new DenialTally(clock);
        tally.Add("org_a", "daily_budget");
        tally.Add("org_a", "daily_budget");
        tally.Add(null, "invalid_api_key");
        Assert.Equal(2, tally.Today("org_a")["daily_budget"]);
        Assert.Empty(tally.Today("org_b"));
        Assert.Equal(2, tally.Today(null).Count);
        Assert.Equal(3, tally.Take().Counts.Sum(c => c.Count));
        Assert.Empty(tally.Take().Counts);
        clock.Advance(TimeSpan.FromDays(1));
        Assert.Empty(tally.Today("org_a"));
    }
}
