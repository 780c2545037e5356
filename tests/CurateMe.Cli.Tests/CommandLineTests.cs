using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Xunit;

namespace CurateMe.Cli.Tests;

public sealed class CommandLineTests
{
    // Answers every request alike and remembers the last one.
    sealed class ScriptedGateway(HttpStatusCode status, string body) : HttpMessageHandler
    {
        public string? Request { get; private set; }
        public string? Token { get; private set; }
        public string? Org { get; private set; }

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            Request = $"{request.Method} {request.RequestUri!.PathAndQuery}";
            Token = request.Headers.Authorization?.Parameter;
            Org = request.Headers.TryGetValues("X-Org-ID", out var values) ? values.Single() : null;
            return Task.FromResult(new HttpResponseMessage(status) { Content = new StringContent(body, Encoding.UTF8, "application/json") });
        }
    }

    static async Task<(int Code, string Output, string Errors)> RunAsync(HttpMessageHandler gateway, Func<string, string?> environment, params string[] args)
    {
        using var http = Gateway.Connect(environment, gateway);
        using var output = new StringWriter();
        using var errors = new StringWriter();
        var code = await CommandLine.RunAsync(args, new Gateway(http, environment), output, errors);
        return (code, output.ToString(), errors.ToString());
    }

    static string? Environment(string name) => name == "ADMIN_TOKEN" ? "secret" : null;

    static string Today(string drift, string counters = "42.15", string ledger = "38.90", string reset = "0", string redis = "true", string mongo = "true") => $$"""
        {"mode":"embedded","org_id":null,"date":"2026-05-04","redis_daily_total":{{counters}},"mongodb_daily_total":{{ledger}},"drift_pct":{{drift}},
         "last_redis_write":"2026-05-04T14:32:01Z","last_mongo_write":null,"redis_connected":{{redis}},"mongo_connected":{{mongo}},"held":0,"reset":{{reset}},"queue_depth":0,"dlq_depth":0}
        """;

    [Theory]
    [InlineData("7.7", 1)]
    [InlineData("-2", 1)]
    [InlineData("1.9", 0)]
    [InlineData("0", 0)]
    public async Task CostsToday_PrintsTheFigures_AndFailsOnDrift(string drift, int expected)
    {
        using var gateway = new ScriptedGateway(HttpStatusCode.OK, Today(drift));
        var (code, output, _) = await RunAsync(gateway, Environment, "analytics", "costs", "today");
        Assert.Equal((expected, "GET /gateway/admin/costs/today", "secret", null), (code, gateway.Request, gateway.Token, gateway.Org));
        var json = JsonNode.Parse(output)!;
        Assert.Equal("42.15", json["redis_daily_total"]!.ToJsonString());
        Assert.Equal("38.9", json["mongodb_daily_total"]!.ToJsonString());
        Assert.Equal("2026-05-04T14:32:01Z", (string?)json["last_redis_write"]);
        Assert.Equal("embedded", (string?)json["mode"]);
    }

    [Theory]
    [InlineData("0", "0", "0", "false", "true")]
    [InlineData("0", "0", "0", "true", "false")]
    [InlineData("-100", "0", "38.90", "false", "true")]
    [InlineData("1.9", "42.15", "41.35", "false", "false")]
    public async Task CostsToday_WhileAStoreIsAway_IsAProblem(string drift, string counters, string ledger, string redis, string mongo)
    {
        using var gateway = new ScriptedGateway(HttpStatusCode.OK, Today(drift, counters, ledger, redis: redis, mongo: mongo));
        Assert.Equal(1, (await RunAsync(gateway, Environment, "analytics", "costs", "today")).Code);
    }

    [Theory]
    [InlineData(0, true, 0)]
    [InlineData(3, true, 1)]
    [InlineData(0, false, 1)]
    [InlineData(null, false, 1)]
    public async Task Health_PrintsTheRunbooksFields(int? dlq, bool connected, int expected)
    {
        var body = $$"""
            {"status":"healthy","cost_recorder":{"queue_depth":2,"dropped_records":0,"workers":2,"batch_size":20,"oldest_ms":5,"dlq_depth":{{dlq?.ToString(CultureInfo.InvariantCulture) ?? "null"}},"recorded":9,"retries":0,"last_error":null},
             "budget_store":{"connected":{{(connected ? "true" : "false")}},"latency_ms":0.5,"live_holds":1,"last_write":null},"ledger":{"connected":true,"latency_ms":1.5,"last_write":null},"requests":{} }
            """;
        using var gateway = new ScriptedGateway(HttpStatusCode.OK, body);
        var (code, output, _) = await RunAsync(gateway, Environment, "analytics", "health");
        Assert.Equal(expected, code);
        var json = JsonNode.Parse(output)!;
        Assert.Equal((connected, 0.5, true, 1.5, dlq, 2), ((bool)json["redis_connected"]!, (double)json["redis_latency_ms"]!, (bool)json["mongo_connected"]!, (double)json["mongo_latency_ms"]!, (int?)json["dlq_depth"], (int)json["queue_depth"]!));
    }

    [Theory]
    [InlineData("-100", "0", "0.00082965", "0.00082965", 0)]
    [InlineData("-66.7", "0.3", "0.5", "0.2", 0)]
    [InlineData("-75", "0.4", "0.7", "0.3", 0)]
    [InlineData("-100", "0", "0.00082965", "0.0005", 1)]
    [InlineData("0", "0.5", "0.5", "0.2", 1)]
    public async Task CostsToday_AfterAReset_FailsOnlyOnWhatItDoesNotExplain(string drift, string counters, string ledger, string reset, int expected)
    {
        using var gateway = new ScriptedGateway(HttpStatusCode.OK, Today(drift, counters, ledger, reset));
        var (code, output, _) = await RunAsync(gateway, Environment, "analytics", "costs", "today");
        Assert.Equal((expected, drift), (code, JsonNode.Parse(output)!["drift_pct"]!.ToJsonString()));
    }

    // Answers its questions in turn.
    sealed class GatewayInTurn(params (HttpStatusCode Status, string Body)[] answers) : HttpMessageHandler
    {
        public List<string> Requests { get; } = [];

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var (status, body) = answers[Requests.Count];
            Requests.Add($"{request.Method} {request.RequestUri!.PathAndQuery}");
            return Task.FromResult(new HttpResponseMessage(status) { Content = new StringContent(body, Encoding.UTF8, "application/json") });
        }
    }

    const string WellMetrics = """
        {"cost_recorder":{"queue_depth":0,"dropped_records":0,"workers":2,"batch_size":20,"oldest_ms":0,"dlq_depth":0,"recorded":9,"retries":0,"last_error":null},
         "budget_store":{"connected":true,"latency_ms":0.5,"live_holds":0,"last_write":null},"ledger":{"connected":true,"latency_ms":1.5,"last_write":null},"requests":{} }
        """;

    [Theory]
    [InlineData(HttpStatusCode.OK, """{"status":"healthy","journal_fault":null,"ledger_error":null}""", 0)]
    [InlineData(HttpStatusCode.OK, """{"status":"degraded","journal_fault":null,"ledger_error":"disk full"}""", 1)]
    [InlineData(HttpStatusCode.OK, """{"status":"degraded","journal_fault":null,"ledger_error":null,"orgs_away":2}""", 1)]
    [InlineData(HttpStatusCode.ServiceUnavailable, """{"status":"unhealthy","journal_fault":"No space left on device","ledger_error":null}""", 1)]
    public async Task Health_WhenTheGatewayIsNotWell_SaysSoAndFails(HttpStatusCode status, string health, int expected)
    {
        using var gateway = new GatewayInTurn((HttpStatusCode.OK, WellMetrics), (status, health));
        var (code, output, _) = await RunAsync(gateway, Environment, "analytics", "health");
        Assert.Equal(expected, code);
        Assert.Equal(["GET /gateway/admin/metrics", "GET /health"], gateway.Requests);
        var (json, said) = (JsonNode.Parse(output)!, JsonNode.Parse(health)!);
        foreach (var field in (string[])["status", "journal_fault", "ledger_error", "orgs_away"])
        {
            Assert.True(json.AsObject().ContainsKey(field), field);
            Assert.Equal(said[field]?.ToJsonString(), json[field]?.ToJsonString());
        }
    }

    [Fact]
    public async Task Health_WhenSomethingElseAnswersForTheGateway_CouldNotAsk()
    {
        using var gateway = new GatewayInTurn((HttpStatusCode.OK, WellMetrics), (HttpStatusCode.ServiceUnavailable, "<html>no backend</html>"));
        Assert.Equal(2, (await RunAsync(gateway, Environment, "analytics", "health")).Code);
    }

    [Fact]
    public async Task Commands_ForOneOrg_NameIt()
    {
        using var gateway = new ScriptedGateway(HttpStatusCode.OK, """{"data":[],"next_cursor":null}""");
        var (code, _, _) = await RunAsync(gateway, Environment, "analytics", "costs", "reconcile", "--org", "org_a", "--date", "2026-03-17");
        Assert.Equal((0, "POST /gateway/admin/costs/reconcile", "org_a"), (code, gateway.Request, gateway.Org));
        await RunAsync(gateway, Environment, "errors", "by-source", "gateway");
        Assert.Equal(("GET /gateway/admin/errors?source=gateway", null), (gateway.Request, gateway.Org));
    }

    [Theory]
    [InlineData("{\"replayed\":3,\"remaining\":0}", 0)]
    [InlineData("{\"replayed\":3,\"remaining\":1}", 1)]
    public async Task ReplayDlq_FailsWhileRecordsRemain(string body, int expected)
    {
        using var gateway = new ScriptedGateway(HttpStatusCode.OK, body);
        Assert.Equal(expected, (await RunAsync(gateway, Environment, "analytics", "costs", "replay-dlq")).Code);
    }

    [Theory]
    [InlineData("{\"ok\":true,\"entries\":3,\"first_fault\":null}", 0)]
    [InlineData("{\"ok\":false,\"entries\":3,\"first_fault\":\"entry 2 was changed\"}", 1)]
    public async Task AuditVerify_FailsWhenTheChainIsBroken(string body, int expected)
    {
        using var gateway = new ScriptedGateway(HttpStatusCode.OK, body);
        Assert.Equal(expected, (await RunAsync(gateway, Environment, "audit", "verify")).Code);
    }

    [Fact]
    public async Task AuditRevert_ForOneOrg_NamesIt()
    {
        const string entry = """
            {"audit_id":16,"at":"2026-05-04T14:32:01Z","actor":"admin","action":"policy.revert","target_type":"policy","target_id":"org_a","org_id":"org_a","before":null,"after":null,"previous_hash":"a","hash":"b"}
            """;
        using var gateway = new ScriptedGateway(HttpStatusCode.OK, entry);
        var (code, output, _) = await RunAsync(gateway, Environment, "audit", "revert", "15", "--org", "org_a");
        Assert.Equal((0, "POST /gateway/admin/audit/15/revert", "org_a"), (code, gateway.Request, gateway.Org));
        Assert.Equal(16, (int)JsonNode.Parse(output)!["audit_id"]!);
    }

    [Theory]
    [InlineData(HttpStatusCode.Unauthorized, 2)]
    [InlineData(HttpStatusCode.ServiceUnavailable, 2)]
    [InlineData(HttpStatusCode.NotFound, 1)]
    public async Task Refusals_GoToStderr_WithAnExitCode(HttpStatusCode status, int expected)
    {
        using var gateway = new ScriptedGateway(status, """{"error":{"message":"No.","type":"t","param":null,"code":"c","gateway_error_code":"g"}}""");
        var (code, output, errors) = await RunAsync(gateway, Environment, "audit", "revert", "7");
        Assert.Equal((expected, "", "No."), (code, output, errors.Trim()));
    }

    [Fact]
    public async Task Commands_WithoutTokenOrArguments_CannotAsk()
    {
        using var gateway = new ScriptedGateway(HttpStatusCode.OK, Today("0"));
        var (code, _, errors) = await RunAsync(gateway, _ => null, "analytics", "health");
        Assert.Equal(2, code);
        Assert.Contains("ADMIN_TOKEN", errors);
        Assert.Equal(2, (await RunAsync(gateway, Environment, "analytics", "wealth")).Code);
        Assert.Equal(2, (await RunAsync(gateway, name => name == "CM_URL" ? "nowhere" : "x", "analytics", "health")).Code);
        Assert.Null(gateway.Request);
    }

    [Fact]
    public async Task Errors_AreToldInTheCommandLinesOwnWords()
    {
        using var nameless = new ScriptedGateway(HttpStatusCode.BadRequest, """{"error":{"message":"This request names no org.","type":"t","param":"X-Org-ID","code":"missing_org","gateway_error_code":"g","remediation":"Send the header X-Org-ID."}}""");
        Assert.Equal("This request names no org. Name it by --org or ORG_ID.", (await RunAsync(nameless, Environment, "usage", "export")).Errors.Trim());
        using var absent = new AbsentGateway();
        var (code, _, errors) = await RunAsync(absent, Environment, "analytics", "health");
        Assert.Equal((2, "No answer from http://localhost:8002/: refused"), (code, errors.Trim()));
        using var quoting = new ScriptedGateway(HttpStatusCode.OK, """{"data":[{"source":"gateway","code":"x","count":3,"first_at":"2026-05-04T14:32:01Z","last_at":"2026-05-04T14:33:01Z","last_message":"the org's \"key\""}],"next_cursor":null}""");
        Assert.Contains("the org's \\\"key\\\"", (await RunAsync(quoting, Environment, "errors", "by-source", "gateway")).Output, StringComparison.Ordinal);
    }

    sealed class AbsentGateway : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) => throw new HttpRequestException("refused");
    }

    [Fact]
    public async Task Table_ForOneAnswer_IsALineForEachField()
    {
        using var gateway = new ScriptedGateway(HttpStatusCode.OK, Today("0.5"));
        var (code, output, _) = await RunAsync(gateway, Environment, "analytics", "costs", "today", "--table");
        Assert.Equal(0, code);
        var lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Contains(lines, static l => l.StartsWith("redis_daily_total  ", StringComparison.Ordinal) && l.EndsWith(" 42.15", StringComparison.Ordinal));
        Assert.DoesNotContain(lines, static l => l.Contains("nano_usd", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Table_WhenTextsAreLongerThanACell_ShowsThemInFullBelow()
    {
        const string warning = "redis: maxmemory-policy is allkeys-lru; set it to noeviction, or counters are thrown away when memory is short";
        var metrics = WellMetrics.Replace("\"requests\":{}", $$$"""
            "requests":{},"servers":{"redis":[{"address":"r:6379","role":"master","replicas":0,"eviction_policy":"allkeys-lru","append_only":true,"snapshots":true,"fault":null,"used_memory":1,"max_memory":2,"cluster_state":null}],"mongo":null,"warnings":["{{{warning}}}"]}
            """, StringComparison.Ordinal);
        using var gateway = new GatewayInTurn((HttpStatusCode.OK, metrics), (HttpStatusCode.OK, """{"status":"healthy"}"""));
        var lines = (await RunAsync(gateway, Environment, "analytics", "health", "--table")).Output.Split('\n');
        Assert.Contains(lines, static l => l.StartsWith("servers.warnings ", StringComparison.Ordinal) && l.EndsWith(" 1, below", StringComparison.Ordinal));
        Assert.Equal(warning, lines[Array.IndexOf(lines, "servers.warnings") + 1]);
        Assert.StartsWith("address  role", lines[Array.IndexOf(lines, "servers.redis") + 1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Table_ForAList_IsARowForEachEntry_WithoutEmptyColumns()
    {
        const string errors = """
            {"data":[{"source":"gateway","code":"non_atomic_fallback","count":12,"first_at":"2026-05-04T14:32:01Z","last_at":"2026-05-04T14:33:01Z","last_message":"org_a: a hold was granted"},
                     {"source":"gateway","code":"x","count":3,"first_at":"2026-05-04T14:32:01Z","last_at":"2026-05-04T14:33:01Z","last_message":"m"}],"next_cursor":null}
            """;
        using var gateway = new ScriptedGateway(HttpStatusCode.OK, errors);
        var lines = (await RunAsync(gateway, Environment, "--table", "errors", "by-source", "gateway")).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(4, lines.Length);
        Assert.StartsWith("source   code                 count  first_at", lines[0], StringComparison.Ordinal);
        Assert.StartsWith("gateway  non_atomic_fallback     12  2026-05-04T14:32:01Z", lines[2], StringComparison.Ordinal);
        using var empty = new ScriptedGateway(HttpStatusCode.OK, """{"data":[],"next_cursor":null}""");
        Assert.Equal("none\n", (await RunAsync(empty, Environment, "--table", "errors", "by-source", "gateway")).Output);
    }

    [Theory]
    [InlineData("GET /api/v1/admin/gateway/usage?from=2026-03-01&to=2026-04-01&format=csv&sort=time_asc", "--format", "csv")]
    [InlineData("GET /api/v1/admin/gateway/requests?from=2026-03-01&to=2026-04-01&format=csv", "--requests")]
    [InlineData("GET /api/v1/admin/gateway/requests?from=2026-03-01&to=2026-04-01&format=json&outcome=forwarded", "--format", "json")]
    public async Task UsageExport_CopiesWhatTheGatewayStreams(string request, params string[] more)
    {
        using var gateway = new ScriptedGateway(HttpStatusCode.OK, "request_id,ts\r\ngw_1,2026\r\n");
        var (code, output, errors) = await RunAsync(gateway, Environment, ["usage", "export", "--from", "2026-03-01", "--to", "2026-04-01", "--org", "org_a", .. more]);
        Assert.Equal((0, "request_id,ts\r\ngw_1,2026\r\n", ""), (code, output, errors));
        Assert.Equal((request, "org_a"), (gateway.Request, gateway.Org));
    }

    [Fact]
    public async Task UsageExport_AsATable_IsRefused()
    {
        using var gateway = new ScriptedGateway(HttpStatusCode.OK, "request_id,ts\r\n");
        var (code, output, errors) = await RunAsync(gateway, Environment, "usage", "export", "--table");
        Assert.Equal((2, "", null), (code, output, gateway.Request));
        Assert.Contains("--table", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task UsageExport_WithoutABeginning_IsOfTheMonth()
    {
        using var gateway = new ScriptedGateway(HttpStatusCode.OK, "request_id,ts\r\n");
        await RunAsync(gateway, Environment, "usage", "export", "--to", "2026-03-17");
        Assert.Equal("GET /api/v1/admin/gateway/usage?from=2026-03-01&to=2026-03-17&format=csv&sort=time_asc", gateway.Request);
        string Now() => $"GET /api/v1/admin/gateway/usage?from={TimeProvider.System.GetUtcNow():yyyy-MM}-01&format=csv&sort=time_asc";
        var before = Now();
        await RunAsync(gateway, Environment, "usage", "export");
        Assert.Contains(gateway.Request, (string[])[before, Now()]);
    }

    [Fact]
    public async Task UsageExport_ToAFile_AndWhenRefused()
    {
        var path = Path.GetTempFileName();
        try
        {
            using var gateway = new ScriptedGateway(HttpStatusCode.OK, "request_id,ts\r\n");
            Assert.Equal((0, "", ""), await RunAsync(gateway, Environment, "usage", "export", "--org", "org_a", "-o", path));
            Assert.Equal("request_id,ts\r\n", await File.ReadAllTextAsync(path));
        }
        finally
        {
            File.Delete(path);
        }
        using var refusing = new ScriptedGateway(HttpStatusCode.BadRequest, """{"error":{"message":"`from` must be a time.","type":"t","param":"from","code":"c","gateway_error_code":"g"}}""");
        Assert.Equal((1, "", "`from` must be a time."), await RunAsync(refusing, Environment, "usage", "export", "--from", "x") is var (code, output, errors) ? (code, output, errors.Trim()) : default);
        Assert.Equal(2, (await RunAsync(refusing, Environment, "usage", "export", "--format", "xml")).Code);
    }

    [Fact]
    public async Task UsageExport_ToWhatCannotBeWritten_CouldNotAsk()
    {
        var directory = Directory.CreateTempSubdirectory("cm-export-");
        try
        {
            using var gateway = new ScriptedGateway(HttpStatusCode.OK, "request_id,ts\r\n");
            var (code, output, errors) = await RunAsync(gateway, Environment, "usage", "export", "--org", "org_a", "-o", directory.FullName);
            Assert.Equal((2, ""), (code, output));
            Assert.Contains(directory.FullName, errors, StringComparison.Ordinal);
        }
        finally
        {
            directory.Delete();
        }
    }

    [Fact]
    public async Task Latency_InATable_IsARowForEachStage()
    {
        using var gateway = new ScriptedGateway(HttpStatusCode.OK, """{"stages":[{"stage":"auth","count":3,"p50_ms":0.1,"p95_ms":0.2,"p99_ms":0.3,"max_ms":4},{"stage":"hold","count":3,"p50_ms":1,"p95_ms":2,"p99_ms":3,"max_ms":40}]}""");
        var (code, output, _) = await RunAsync(gateway, Environment, "analytics", "latency", "--table");
        Assert.Equal((0, "GET /gateway/admin/latency"), (code, gateway.Request));
        Assert.Contains("stage  count  p50_ms", output, StringComparison.Ordinal);
        Assert.Contains("hold       3       1", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Reconcile_OfAllOrgs_GoesOneByOne()
    {
        // Every answer is a page of one org, and reads as a page of one result too.
        using var gateway = new ScriptedGateway(
            HttpStatusCode.OK,
            """{"data":[{"org_id":"org_a","name":"A","tier":"free","suspended":false,"created_at":"2026-01-01T00:00:00Z","date":"2026-03-17","changed":2,"reset_in_force":false,"counters":[]}],"next_cursor":null}""");
        var (code, output, _) = await RunAsync(gateway, Environment, "analytics", "costs", "reconcile");
        Assert.Equal((0, "POST /gateway/admin/costs/reconcile"), (code, gateway.Request));
        Assert.Equal(2, (int)JsonNode.Parse(output)!["data"]![0]!["changed"]!);
    }
}
