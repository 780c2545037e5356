using CurateMe.Client;
using CurateMe.Gateway.Access;
using CurateMe.Gateway.Alerts;
using CurateMe.Gateway.Approvals;
using CurateMe.Gateway.Dashboard;
using CurateMe.Gateway.ProviderKeys;
using CurateMe.Gateway.Runners;
using CurateMe.Gateway.Telemetry;
using CurateMe.Ledger.Journal;
using CurateMe.Ledger.Records;

namespace CurateMe.Gateway.Admin;

/// <summary>The admin plane as one thing to add and to map.</summary>
static class AdminServices
{
    /// <summary>
    /// Needs beside it: a configuration store with <c>AddKeys</c>, a ledger, a counter store and a reconciler; takes a recorder if there is one.
    /// </summary>
    public static IServiceCollection AddAdmin(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddSingleton(new AdminOptions(configuration[AdminOptions.TokenKey]));
        services.AddSingleton<AdminGate>();
        services.AddSingleton<DashboardSessions>();
        services.AddSingleton<SignInLimit>();
        services.AddSingleton(DashboardOptions.Read(configuration));
        services.AddSingleton<DashboardPages>();
        services.AddSingleton(static s => new LiveFeed(s.GetRequiredService<TimeProvider>(), s.GetService<Resp.RespClient>(), s.GetService<JournalFile>()));
        services.AddHostedService(static s => s.GetRequiredService<LiveFeed>());
        services.AddSingleton<Bootstrap>();
        services.AddSingleton<GatewayFigures>();
        services.AddSingleton<LiveSums>();
        services.AddSingleton<ErrorBook>();
        services.AddSingleton(static s => new LedgerReads(s.GetRequiredService<IUsageLedger>(), s.GetRequiredService<TimeProvider>(), s.GetService<Recorder>()));
        services.AddAlerts();
        services.AddApiDocument();
        services.ConfigureHttpJsonOptions(static json =>
        {
            json.SerializerOptions.TypeInfoResolverChain.Insert(0, AdminJson.Default);
            json.SerializerOptions.Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping;
            json.SerializerOptions.PropertyNamingPolicy = System.Text.Json.JsonNamingPolicy.SnakeCaseLower;
            json.SerializerOptions.Converters.Add(new Rfc3339Converter());
        });
        return services;
    }

    /// <summary>All routes of the admin plane; every other path, and every other method, below its two roots is refused to who has no token, and told of to who has.</summary>
    public static IEndpointRouteBuilder MapAdmin(this IEndpointRouteBuilder app)
    {
        app.MapOpenApi("/openapi/{documentName}.json");
        app.MapSessions();
        app.ServiceProvider.GetRequiredService<DashboardPages>().Map(app);
        var admin = app.MapGroup("/api/v1/admin").WithAdminDefaults();
        admin.MapOrgs();
        admin.MapTeams();
        admin.MapKeys();
        admin.MapTokens();
        admin.MapProviderKeys();
        admin.MapPolicies();
        admin.MapCosts();
        admin.MapUsage();
        admin.MapRequestLog();
        admin.MapBilling();
        admin.MapWebhooks();
        admin.MapPrices();
        admin.MapPreview();
        MapNothing(admin);

        var gateway = app.MapGroup("/gateway/admin").WithAdminDefaults();
        gateway.MapBudgets();
        gateway.MapCounterCosts();
        gateway.MapOperations();
        gateway.MapLatency();
        gateway.MapAuditActions();
        gateway.MapReconciliation();
        gateway.MapRunners();
        gateway.MapApprovals();
        gateway.MapAlerts();
        gateway.MapAccess();
        app.MapApprovalPages();
        gateway.MapOverview();
        gateway.MapLive();
        gateway.MapDeadLetters();
        MapNothing(gateway);
        return app;
    }

    static void MapNothing(RouteGroupBuilder group) =>
        group.Map("/{**path}", static void (HttpContext context) => throw Nothing(context)).ExcludeFromDescription().Requires(AdminRight.Read).TakesAnyParameter();

    static Refusal Nothing(HttpContext context) =>
        PathMethods.Of(context) is { Count: > 0 } methods ? Refusal.WrongMethod(context.Request.Method, context.Request.Path, methods) : Refusal.NotFound("path", context.Request.Path);
}
