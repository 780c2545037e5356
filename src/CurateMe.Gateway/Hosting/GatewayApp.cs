using System.Text;
using CurateMe.Gateway.Admin;
using CurateMe.Gateway.Dashboard;
using CurateMe.Gateway.Health;
using CurateMe.Gateway.Idempotency;
using CurateMe.Gateway.InputBounds;
using CurateMe.Gateway.IdentityProvider;
using CurateMe.Gateway.Keys;
using CurateMe.Gateway.Protection;
using CurateMe.Gateway.ProviderKeys;
using CurateMe.Gateway.Proxy;
using CurateMe.Gateway.Telemetry;
using CurateMe.Ledger.Alerts;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Configuration;
using CurateMe.Ledger.Entries;
using CurateMe.Ledger.Errors;
using CurateMe.Ledger.Holds;
using CurateMe.Ledger.Journal;
using CurateMe.Ledger.Reconciliation;
using CurateMe.Ledger.Records;
using CurateMe.Ledger.Redis;
using CurateMe.Ledger.Sqlite;

namespace CurateMe.Gateway.Hosting;

/// <summary>Puts the gateway together.</summary>
static class GatewayApp
{
    /// <summary>The app with everything registered and mapped, not started.</summary>
    public static WebApplication Build(WebApplicationBuilder builder, GatewaySettings settings, Action<IServiceCollection>? overrides = null)
    {
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            // As HttpClient reads them: a provider's header passes as the bytes it came in.
            // Our own, which no provider can set, are ASCII, which the server writes quicker.
            kestrel.ResponseHeaderEncodingSelector = static name => HeaderHygiene.IsOurs(name) ? null : Encoding.Latin1;
            kestrel.Limits.MaxRequestBodySize = settings.Forward.MaxBodyBytes + 1L;
            kestrel.Limits.MaxRequestHeadersTotalSize = 64 << 10;
        });
        if (InlineSockets.Wanted)
        {
            builder.WebHost.UseSockets(static sockets => sockets.UnsafePreferInlineScheduling = true);
        }
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(45));
        builder.Services.PostConfigure<LoggerFilterOptions>(LogHygiene.Apply);
        AddLedger(builder.Services, settings);
        AddDataPlane(builder.Services, settings);
        builder.Services.AddKeys();
        builder.Services.AddSingleton(settings.Alerts);
        if (settings.Jwt is { } jwt)
        {
            builder.Services.AddSingleton(jwt);
            builder.Services.AddSingleton<JwtIdentity>();
        }
        builder.Services.AddAdmin(builder.Configuration);
        overrides?.Invoke(builder.Services);
        var app = builder.Build();
        var plain = DataPlane.Map(app, settings.Providers);
        var pipeline = app.Services.GetRequiredService<RequestPipeline>();
        // What routing would find too, by one look instead of a walk; every other spelling is left to it.
        app.Use((http, next) => HttpMethods.IsPost(http.Request.Method) && plain.TryGetValue(http.Request.Path.Value ?? "", out var route) ? pipeline.HandleAsync(http, route) : next(http));
        app.UseRouting();
        HealthEndpoints.Map(app);
        MetricsEndpoints.Map(app, settings);
        app.MapAdmin();
        var metrics = app.Services.GetRequiredService<RequestMetrics>();
        app.Services.GetRequiredService<ErrorEvents>().Added += app.Services.GetRequiredService<ErrorBook>().Add;
        WireDashboard(app.Services, metrics);
        app.Services.GetRequiredService<GatewayFigures>().Requests = () => new Dictionary<string, long> { ["settled"] = metrics.Settled, ["refused"] = metrics.Refused };
        return app;
    }

    static void WireDashboard(IServiceProvider services, RequestMetrics metrics)
    {
        var figures = services.GetRequiredService<GatewayFigures>();
        var added = services.GetRequiredService<AddedLatency>();
        var tally = services.GetRequiredService<DenialTally>();
        var journal = services.GetRequiredService<JournalFile>();
        figures.AddedLatencyP95Ms = () => added.Percentile(0.95);
        figures.Fault = () => journal.Fault;
        figures.Denials = services.GetService<SharedDenials>() is { } shared
            ? async (org, ct) => await shared.TodayAsync(org, ct)
            : (org, _) => ValueTask.FromResult(tally.Today(org));
        if (services.GetService<DeadLetters>() is { } letters)
        {
            figures.Take(letters);
            figures.Servers = services.GetRequiredService<SharedWork>().Describe;
        }
        metrics.RecordSettled += services.GetRequiredService<LiveFeed>().Offer;
    }

    static void AddLedger(IServiceCollection services, GatewaySettings settings)
    {
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton(settings);
        services.AddSingleton(_ => JournalFile.Open(settings.Journal));
        services.AddSingleton<ErrorEvents>();
        if (settings.Shared is { } shared)
        {
            services.AddSharedStores(shared);
        }
        else
        {
            services.AddSingleton<ICounterStore, InProcessCounters>();
            services.AddSingleton<IUsageLedger>(s => SqliteLedger.Open(settings.DataDirectory, s.GetRequiredService<TimeProvider>()));
            services.AddSingleton<IConfigStore>(_ => SqliteConfigStore.Open(settings.DataDirectory));
            services.AddSingleton<IEntryStore>(s => SqliteEntryStore.Open(settings.DataDirectory, s.GetRequiredService<TimeProvider>(), settings.Journal.Durability == JournalDurability.Disk));
            services.AddSingleton<IAlertStore>(_ => SqliteAlertStore.Open(settings.DataDirectory));
            services.AddSingleton<Reconciler>();
        }
        services.AddSingleton(settings.Recorder);
        services.AddSingleton<Recorder>();
        services.AddSingleton<HoldDesk>();
        services.AddSingleton<CounterResets>();
        services.AddSingleton<LedgerService>();
        services.AddHostedService(s => s.GetRequiredService<LedgerService>());
        services.AddHostedService<LedgerUpkeep>();
        services.AddSingleton<DailyReconcile>();
        services.AddHostedService(s => s.GetRequiredService<DailyReconcile>());
    }

    static void AddDataPlane(IServiceCollection services, GatewaySettings settings)
    {
        services.AddMetrics();
        services.AddSingleton(settings.Forward);
        services.AddSingleton(s => new TargetDirectory(settings.Providers, settings.Prices, settings.Forward, s.GetRequiredService<TimeProvider>()));
        services.AddSingleton<Forwarder>();
        services.AddSingleton<StreamRelay>();
        services.AddSingleton<ResponseOwners>();
        services.AddSingleton<BackgroundWatch>();
        services.AddHostedService(s => s.GetRequiredService<BackgroundWatch>());
        services.AddSingleton<StoredResponses>();
        services.AddSingleton<AnswerDelivery>();
        services.AddSingleton<AddedLatency>();
        services.AddSingleton<DenialTally>();
        services.AddSingleton<RequestMetrics>();
        services.AddSingleton(new RefusalLogOptions(Path.Combine(settings.DataDirectory, "refusals")));
        services.AddSingleton<RefusalLog>();
        services.AddHostedService(s => s.GetRequiredService<RefusalLog>());
        services.AddSingleton<PrometheusExport>();
        services.AddSingleton<StoreWatch>();
        services.AddHostedService(s => s.GetRequiredService<StoreWatch>());
        services.AddHostedService<OtlpExport>();
        services.AddSingleton(_ => PromptHash.FromFile(settings.DataDirectory));
        services.AddProviderKeys(settings.MasterKey ?? (settings.Shared is null ? MasterKey.FromFile(settings.DataDirectory) : MasterKey.None), settings.Providers.Select(static p => p.Name));
        services.AddSingleton(settings.Idempotency);
        services.AddSingleton<DaySpend>();
        services.AddSingleton<UnmadeClaims>();
        services.AddHostedService(s => s.GetRequiredService<UnmadeClaims>());
        services.AddSingleton<IdempotentCalls>();
        services.AddSingleton<InputHabits>();
        services.AddSingleton<Pulses>();
        services.AddSingleton<KeyGuard>();
        services.AddHostedService(s => s.GetRequiredService<KeyGuard>());
        services.AddSingleton<WaitingRooms>();
        services.AddSingleton<AdmissionQueue>();
        services.AddSingleton<Planner>();
        services.AddSingleton<RequestFailures>();
        services.AddSingleton<RequestPipeline>();
    }
}
