using System.Diagnostics.Metrics;
using System.Net;
using System.Text.Json.Nodes;
using CurateMe.Gateway.Admin;
using CurateMe.Gateway.Telemetry;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Records;
using CurateMe.Ledger.Redis;
using CurateMe.Resp;
using CurateMe.Testing;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace CurateMe.Gateway.Tests.Admin;

/// <summary>What is said of the records that were set aside, and of a store, while nobody can look at them.</summary>
public sealed class DeadLetterTests
{
    // Nobody listens there.
    static void RedisAway(IServiceCollection services) =>
        services.AddSingleton(static _ => RespClient.Create(RespOptions.Parse("redis://127.0.0.1:1"))).AddSingleton<DeadLetters>();

    [Fact]
    public async Task Replay_WhenRedisIsAway_StoreUnavailable()
    {
        await using var host = await AdminHost.StartAsync(services: RedisAway);
        host.Get<GatewayFigures>().Take(host.Get<DeadLetters>());
        var (status, json, text) = await host.SendAsync("POST", "/gateway/admin/costs/replay-dlq");
        Assert.True(status == HttpStatusCode.ServiceUnavailable, text);
        Assert.Equal("store_unavailable", (string?)json!["error"]!["code"]);
    }

    [Fact]
    public async Task List_WhenRedisIsAway_IsNotSaidToBeEmpty()
    {
        await using var host = await AdminHost.StartAsync(services: RedisAway);
        host.Get<GatewayFigures>().Take(host.Get<DeadLetters>());
        var (status, json, text) = await host.SendAsync("GET", "/gateway/admin/dlq");
        Assert.True(status == HttpStatusCode.ServiceUnavailable, text);
        Assert.Equal("store_unavailable", (string?)json!["error"]!["code"]);
    }

    [Fact]
    public async Task Depth_WhenRedisIsAway_IsNotSaidToBeZero()
    {
        await using var host = await AdminHost.StartAsync(services: RedisAway);
        host.Get<GatewayFigures>().Take(host.Get<DeadLetters>());
        Assert.Null((await host.Admin.GetMetricsAsync()).CostRecorder.DlqDepth);
        Assert.Null((await host.Admin.GetCostsTodayAsync()).DlqDepth);
    }

    [Fact]
    public async Task Metric_WhenRedisIsAway_HasNoSample()
    {
        await using var rig = await GatewayRig.StartAsync();
        await using var redis = RespClient.Create(RespOptions.Parse("redis://127.0.0.1:1"));
        var figures = new GatewayFigures();
        figures.Take(new DeadLetters(redis, rig.Service<IUsageLedger>(), rig.Service<ICounterStore>()));
        Assert.Contains("\ngateway_dead_letters 0\n", await WatchedAsync(rig.App.Services), StringComparison.Ordinal);
        Assert.DoesNotContain("\ngateway_dead_letters ", await WatchedAsync(new Besides(rig.App.Services, figures)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task CountersMetrics_WhenTheyAreAway_HaveNoSampleButThatTheyAre()
    {
        await using var rig = await GatewayRig.StartAsync();
        var well = await WatchedAsync(rig.App.Services);
        Assert.Contains("\ngateway_store_up{store=\"counters\"} 1\n", well, StringComparison.Ordinal);
        Assert.Contains("\ngateway_store_latency_seconds{store=\"counters\"} ", well, StringComparison.Ordinal);
        Assert.Contains("\ngateway_holds_live 0\n", well, StringComparison.Ordinal);
        var away = await WatchedAsync(new Besides(rig.App.Services, new AwayCounters(rig.Service<ICounterStore>())));
        Assert.Contains("\ngateway_store_up{store=\"counters\"} 0\n", away, StringComparison.Ordinal);
        Assert.Contains("\ngateway_store_latency_seconds{store=\"ledger\"} ", away, StringComparison.Ordinal);
        Assert.DoesNotContain("gateway_store_latency_seconds{store=\"counters\"}", away, StringComparison.Ordinal);
        Assert.DoesNotContain("\ngateway_holds_live ", away, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Figures_WhenCountersAreAway_AreNull()
    {
        static void Away(IServiceCollection services) => services.AddSingleton<ICounterStore>(static s => new AwayCounters(new InProcessCounters(s.GetRequiredService<TimeProvider>())));
        await using var host = await AdminHost.StartAsync(services: Away);
        var store = (await host.Admin.GetMetricsAsync()).BudgetStore;
        Assert.Equal((false, null, null), (store.Connected, store.LatencyMs, store.LiveHolds));
        await using var rig = await GatewayRig.StartAsync(services: Away);
        var health = JsonNode.Parse(await rig.Http.GetStringAsync("/health", TestContext.Current.CancellationToken))!;
        Assert.False((bool)health["counters_connected"]!);
        Assert.Null(health["live_holds"]);
    }

    // As Redis is told of while it does not answer.
    sealed class AwayCounters(ICounterStore inner) : Acceptance.CounterShell(inner)
    {
        public override ValueTask<CounterHealth> CheckAsync(CancellationToken ct) => new(new CounterHealth(Connected: false, LatencyMs: 3_000, LiveHolds: 0, LastWrite: null));
    }

    // What a watch of its own exports after its first look.
    static async Task<string> WatchedAsync(IServiceProvider services)
    {
        await using var own = new ServiceCollection().AddMetrics().BuildServiceProvider();
        var meters = own.GetRequiredService<IMeterFactory>();
        using var watch = new StoreWatch(new Besides(services, meters));
        using var export = new PrometheusExport(meters);
        await watch.StartAsync(default);
        var text = "";
        await Poll.UntilAsync(() => (text = export.Text()).Contains("gateway_store_up{store=\"ledger\"} 1", StringComparison.Ordinal), "the stores were looked at");
        await watch.StopAsync(default);
        return text;
    }

    sealed class Besides(IServiceProvider inner, object more) : IServiceProvider
    {
        public object? GetService(Type serviceType) => serviceType.IsInstanceOfType(more) ? more : inner.GetService(serviceType);
    }
}
