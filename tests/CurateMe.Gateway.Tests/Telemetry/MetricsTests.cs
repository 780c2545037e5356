using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using CurateMe.Client;
using CurateMe.Gateway.Telemetry;
using CurateMe.Ledger.Money;
using CurateMe.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;
using Xunit;

namespace CurateMe.Gateway.Tests.Telemetry;

public sealed partial class MetricsTests
{
    const string Token = "metrics-admin-token-0123";
    const string Prompt = "a prompt that nobody else may read";

    static readonly Dictionary<string, string?> Settings = new() { ["ADMIN_TOKEN"] = Token };

    static object Chat(string model = "gpt-4o-mini") => new { model, max_tokens = 5, messages = new[] { new { role = "user", content = Prompt } } };

    static string Root()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(directory!.FullName, "CurateMe.slnx")))
        {
            directory = directory.Parent;
        }
        return directory.FullName;
    }

    static async Task<(HttpStatusCode Status, string Text)> GetAsync(GatewayRig rig, string path, string? token = Token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
        using var response = await rig.Http.SendAsync(request);
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Metrics_Served_AreExactlyThoseDocumented()
    {
        await using var rig = await GatewayRig.StartAsync(Settings);
        var served = Types().Matches((await GetAsync(rig, "/metrics")).Text).Select(static m => m.Groups["name"].Value).ToList();
        var written = Documented().Matches(await File.ReadAllTextAsync(Path.Combine(Root(), "docs", "reference", "metrics.md"))).Select(static m => m.Groups["name"].Value).ToList();
        Assert.Equal(written.Order(StringComparer.Ordinal), served.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Metrics_InAlertsAndDashboard_AreServed()
    {
        await using var rig = await GatewayRig.StartAsync(Settings);
        await GetAsync(rig, "/metrics");
        var key = await rig.KeyAsync();
        using (await rig.ChatAsync(key, Chat()))
        using (await rig.ChatAsync(key, Chat("no-such-model")))
        {
            await rig.RecordsAsync();
        }
        string text = "";
        await Poll.UntilAsync(() => (text = GetAsync(rig, "/metrics").Result.Text).Contains("gateway_cost_drift_percent ", StringComparison.Ordinal), "the stores were looked at");
        var samples = Samples().Matches(text).Select(static m => m.Groups["name"].Value).ToHashSet(StringComparer.Ordinal);
        foreach (var file in (string[])["deploy/prometheus/alerts.yml", "deploy/grafana/curateme-gateway.json"])
        {
            var used = Used().Matches(await File.ReadAllTextAsync(Path.Combine(Root(), file))).Select(static m => m.Value).Distinct(StringComparer.Ordinal).Where(static n => n is not ("gateway_status" or "gateway_endpoint")).ToList();
            Assert.True(used.Count > 5, file);
            Assert.Empty(used.Except(samples));
        }
    }

    [Fact]
    public async Task Metrics_AfterRequests_CountThem()
    {
        await using var rig = await GatewayRig.StartAsync(Settings);
        await GetAsync(rig, "/metrics");
        var key = await rig.KeyAsync();
        var poor = await rig.KeyAsync(key: "key_poor", limits: k => k with { DailyBudget = NanoUsd.Zero });
        for (var i = 0; i < 3; i++)
        {
            using var answer = await rig.ChatAsync(key, Chat());
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }
        using (await rig.ChatAsync(poor, Chat()))
        {
        }
        var cost = (await rig.RecordsAsync()).Sum(static r => r.Cost.Value);
        var text = (await GetAsync(rig, "/metrics")).Text;
        const string labels = """{gen_ai_provider_name="openai",gateway_endpoint="chat.completions",gateway_status="settled",gateway_usage_source="provider"}""";
        Assert.Equal(3, Value(text, "gateway_requests_settled_total" + labels));
        Assert.Equal(cost, Value(text, "gateway_spend_total" + labels));
        Assert.Equal(1, Value(text, """gateway_requests_refused_total{error_type="key_daily_budget"}"""));
        Assert.Equal(3, Value(text, "gateway_governance_duration_seconds_count"));
        Assert.Equal(3, Value(text, """gateway_request_duration_seconds_bucket{le="+Inf"}"""));
        Assert.Equal(3, Value(text, "gateway_recorder_recorded_total"));
        Assert.Equal(0, Value(text, "gateway_recorder_queue_depth"));
        Assert.Equal(1, Value(text, "gateway_journal_up"));
        Assert.DoesNotContain("key_test", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Metrics_AreForPlatformAdministrators_UnlessOpened()
    {
        await using (var rig = await GatewayRig.StartAsync(Settings))
        {
            await rig.KeyAsync();
            var viewer = await new AdminClient(rig.Http, Token).CreateTokenAsync(new AdminTokenCreate { Role = AdminRole.OrgAdmin, OrgId = "org_test" });
            Assert.Equal(HttpStatusCode.OK, (await GetAsync(rig, "/metrics")).Status);
            Assert.Equal(HttpStatusCode.Unauthorized, (await GetAsync(rig, "/metrics", token: null)).Status);
            Assert.Equal(HttpStatusCode.Unauthorized, (await GetAsync(rig, "/metrics", "cm_at_wrong")).Status);
            Assert.Equal(HttpStatusCode.Forbidden, (await GetAsync(rig, "/metrics", viewer.Token)).Status);
        }
        await using var open = await GatewayRig.StartAsync(new Dictionary<string, string?>(Settings) { ["Metrics:Open"] = "true" });
        Assert.Equal(HttpStatusCode.OK, (await GetAsync(open, "/metrics", token: null)).Status);
    }

    [Fact]
    public async Task Latency_AfterRequests_HasEveryStage()
    {
        await using var rig = await GatewayRig.StartAsync(Settings);
        var key = await rig.KeyAsync();
        for (var i = 0; i < 4; i++)
        {
            using var answer = await rig.ChatAsync(key, Chat(), headers: new Dictionary<string, string> { ["X-Sim"] = "latency_ms=40" });
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }
        var (_, text) = await GetAsync(rig, "/gateway/admin/latency");
        var stages = JsonElement.Parse(text).GetProperty("stages").EnumerateArray().ToList();
        Assert.Equal(["auth", "read", "quote", "govern", "hold", "upstream", "settle"], stages.Select(static s => s.GetProperty("stage").GetString()));
        Assert.All(stages, static s => Assert.Equal(4, s.GetProperty("count").GetInt64()));
        Assert.All(stages, static s => Assert.True(s.GetProperty("p50_ms").GetDouble() <= s.GetProperty("p99_ms").GetDouble()));
        Assert.True(stages[5].GetProperty("p50_ms").GetDouble() >= 40, text);
    }

    [Fact]
    public void StageTimes_Percentiles_AreAtMostAnEighthTooHigh()
    {
        var times = new StageTimes();
        for (var microseconds = 1; microseconds <= 100_000; microseconds++)
        {
            times.Record(Stage.Hold, microseconds * System.Diagnostics.Stopwatch.Frequency / 1_000_000);
        }
        var hold = times.Figures()[(int)Stage.Hold];
        Assert.Equal(("hold", 100_000L), (hold.Stage, hold.Count));
        Assert.InRange(hold.P50Ms, 50, 50 * 9 / 8.0);
        Assert.InRange(hold.P95Ms, 95, 95 * 9 / 8.0);
        Assert.InRange(hold.P99Ms, 99, 99 * 9 / 8.0);
        Assert.InRange(hold.MaxMs, 100, 100 * 9 / 8.0);
        Assert.Equal(0, times.Figures()[(int)Stage.Auth].Count);
        times.Turn();
        Assert.Equal(100_000, times.Figures()[(int)Stage.Hold].Count);
        times.Turn();
        Assert.Equal(0, times.Figures()[(int)Stage.Hold].Count);
    }

    [Fact]
    public void StageTimes_OfAnyLength_AllocateNothing()
    {
        var times = new StageTimes();
        times.Record(Stage.Auth, 1);
        var before = GC.GetAllocatedBytesForCurrentThread();
        foreach (var ticks in (ReadOnlySpan<long>)[-5, 0, 1, 7, 8, 9, 1_000, long.MaxValue / 2_000_000, 1L << 42])
        {
            times.Record(Stage.Auth, ticks);
        }
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
        Assert.Equal(10, times.Figures()[0].Count);
    }

    [Fact]
    public async Task Otlp_WithAnEndpoint_SendsSpansAndMetricsByTheirNames_AndNoContent()
    {
        await using var collector = await Collector.StartAsync();
        await using (var rig = await GatewayRig.StartAsync(new Dictionary<string, string?>(Settings)
        {
            ["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.Address,
            ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf",
            ["OTEL_SERVICE_NAME"] = "gateway-under-test",
        }))
        {
            var key = await rig.KeyAsync();
            // A caller who says that his trace is not kept is heeded, and the test's own client may say so.
            var kept = new Dictionary<string, string> { ["traceparent"] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" };
            using var answer = await rig.ChatAsync(key, Chat(), headers: kept);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            using var refused = await rig.ChatAsync("cm_sk_abcdefghijklmnopqrstuvwxyz0123456789", Chat(), headers: kept);
            await rig.QuietAsync();
            await rig.App.StopAsync();
            Assert.True(collector.Has("/v1/traces", key) is false && collector.Has("/v1/metrics", key) is false);
        }
        foreach (var name in (string[])["chat gpt-4o-mini", "gen_ai.operation.name", "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "gen_ai.request.model", "gen_ai.provider.name", "gateway.cost_nano_usd", "gateway-under-test", "refuse", "invalid_api_key"])
        {
            Assert.True(collector.Has("/v1/traces", name), $"no {name} in the traces");
        }
        foreach (var name in (string[])["gen_ai.client.token.usage", "gen_ai.client.operation.duration", "gen_ai.token.type", "gateway.requests.settled", "gateway.recorder.queue_depth"])
        {
            Assert.True(collector.Has("/v1/metrics", name), $"no {name} in the metrics");
        }
        Assert.True(collector.HasBytes("/v1/traces", Convert.FromHexString("0af7651916cd43dd8448eb211c80319c")), "the caller's trace goes on");
        Assert.False(collector.Has("/v1/traces", Prompt) || collector.Has("/v1/metrics", Prompt));
    }

    [Fact]
    public async Task Otlp_RequestsWithoutATrace_AreTracesOfTheirOwn()
    {
        await using var collector = await Collector.StartAsync();
        await using (var rig = await GatewayRig.StartAsync(new Dictionary<string, string?>(Settings)
        {
            ["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.Address,
            ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf",
        }))
        {
            var key = await rig.KeyAsync();
            // As most callers: no traceparent at all.
            using var plain = new HttpClient(new SocketsHttpHandler { ActivityHeadersPropagator = null }) { BaseAddress = rig.Address };
            foreach (var secret in (string[])[key, "cm_sk_abcdefghijklmnopqrstuvwxyz0123456789"])
            {
                using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/openai/chat/completions") { Content = JsonContent.Create(Chat()) };
                request.Headers.Add("X-CM-API-Key", secret);
                using var answer = await plain.SendAsync(request);
            }
            await rig.QuietAsync();
            await rig.App.StopAsync();
        }
        Assert.True(collector.Has("/v1/traces", "chat gpt-4o-mini"), "the settled request is a span");
        Assert.True(collector.Has("/v1/traces", "refuse"), "the refused request is a span");
    }

    [Theory]
    [InlineData("OTEL_EXPORTER_OTLP_ENDPOINT", "collector")]
    [InlineData("OTEL_EXPORTER_OTLP_PROTOCOL", "json")]
    public void Otlp_Misconfigured_StopsTheStart(string name, string value)
    {
        var configuration = new Microsoft.Extensions.Configuration.ConfigurationManager { ["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://127.0.0.1:4317", [name] = value };
        var failure = Assert.Throws<Configuration.ConfigurationException>(() => CurateMe.Gateway.Hosting.GatewaySettings.Read(configuration, demo: true));
        Assert.Contains(name, failure.Message, StringComparison.Ordinal);
    }

    static double Value(string text, string series) =>
        double.Parse(text.Split('\n').SingleOrDefault(l => l.StartsWith(series + " ", StringComparison.Ordinal))?.Split(' ')[^1] ?? throw new InvalidOperationException($"no {series} in\n{text}"), CultureInfo.InvariantCulture);

    [GeneratedRegex("^# TYPE (?<name>[a-z_]+) ", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex Types();

    [GeneratedRegex(@"^\| `(?<name>gateway_[a-z_]+)` \|", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex Documented();

    [GeneratedRegex("^(?<name>[a-z_]+)[{ ]", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex Samples();

    [GeneratedRegex(@"\bgateway_[a-z_]+\b")]
    private static partial Regex Used();

    /// <summary>Takes what is exported, and keeps the bodies: names in them are plain text.</summary>
    sealed class Collector(WebApplication app, ConcurrentQueue<(string Path, byte[] Body)> bodies) : IAsyncDisposable
    {
        public string Address => app.Urls.First();

        public static async Task<Collector> StartAsync()
        {
            var builder = WebApplication.CreateSlimBuilder();
            builder.Logging.ClearProviders();
            builder.WebHost.UseUrls("http://127.0.0.1:0");
            var app = builder.Build();
            ConcurrentQueue<(string, byte[])> bodies = new();
            app.MapPost("/v1/{signal}", async (HttpContext http) =>
            {
                using var body = new MemoryStream();
                await http.Request.Body.CopyToAsync(body);
                bodies.Enqueue((http.Request.Path, body.ToArray()));
                http.Response.ContentType = "application/x-protobuf";
            });
            await app.StartAsync();
            return new Collector(app, bodies);
        }

        public bool Has(string path, string text) => HasBytes(path, Encoding.UTF8.GetBytes(text));

        public bool HasBytes(string path, byte[] bytes) => bodies.Any(b => b.Path == path && b.Body.AsSpan().IndexOf(bytes) >= 0);

        public ValueTask DisposeAsync() => app.DisposeAsync();
    }
}
