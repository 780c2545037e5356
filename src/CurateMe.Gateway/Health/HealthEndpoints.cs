using CurateMe.Gateway.Admin;
using CurateMe.Gateway.Hosting;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Journal;
using CurateMe.Ledger.Records;
using CurateMe.Ledger.Redis;

namespace CurateMe.Gateway.Health;

/// <summary>The state of the gateway for load balancers and operators; no authentication, no secrets, no tenants.</summary>
/// <param name="Status">healthy, degraded (serving, something is away) or unhealthy (requests are refused, or soon lost to sight).</param>
/// <param name="LedgerLatencyMs">Null, like all that a store would have to say, while it is away.</param>
public sealed record HealthReport(
    string Status, bool CountersConnected, bool LedgerConnected, double? LedgerLatencyMs, long QueueDepth, long OldestMs, long? LiveHolds, string? JournalFault, string? LedgerError,
    bool? RedisConnected = null, double? RedisLatencyMs = null, bool? MongoConnected = null, double? MongoLatencyMs = null, long? DlqDepth = null, int? Replicas = null, int? OrgsAway = null,
    IReadOnlyList<string>? Warnings = null);

static class HealthEndpoints
{
    public static void Map(IEndpointRouteBuilder app)
    {
        app.MapMethods("/health", Reading.Methods, async http => await WriteAsync(http, await ReportAsync(http.RequestServices, http.RequestAborted)));
        app.MapMethods("/health/live", Reading.Methods, static () => Results.Text("alive\n"));
        app.MapMethods("/health/ready", Reading.Methods, static (LedgerService ledger, JournalFile journal) =>
            ledger.Ready && journal.Fault is null ? Results.Text("ready\n") : Results.Text("not ready\n", statusCode: StatusCodes.Status503ServiceUnavailable));
    }

    static async Task<HealthReport> ReportAsync(IServiceProvider services, CancellationToken ct)
    {
        var journal = services.GetRequiredService<JournalFile>();
        var recorder = services.GetRequiredService<Recorder>().Figures;
        var counters = await OperationEndpoints.CountersAsync(services.GetRequiredService<ICounterStore>(), ct);
        var ledger = await OperationEndpoints.LedgerAsync(services.GetRequiredService<IUsageLedger>(), ct);
        var status = journal.Fault is not null ? "unhealthy" : !counters.Connected || !ledger.Connected || recorder.LastError is not null ? "degraded" : "healthy";
        var report = new HealthReport(
            status, counters.Connected, ledger.Connected, ledger.LatencyMs, recorder.QueueDepth, recorder.OldestMs, counters.LiveHolds, journal.Fault, recorder.LastError);
        if (services.GetService<SharedWork>() is not { } shared)
        {
            return report;
        }
        var alone = (services.GetRequiredService<ICounterStore>() as ResilientCounters)?.OrgsAway ?? 0;
        var depth = await services.GetRequiredService<DeadLetters>().DepthAsync(ct);
        var worse = !counters.Connected && !ledger.Connected ? "unhealthy" : status == "healthy" && (alone > 0 || depth is not 0) ? "degraded" : status;
        return report with
        {
            Status = worse,
            RedisConnected = counters.Connected,
            RedisLatencyMs = counters.LatencyMs,
            MongoConnected = ledger.Connected,
            MongoLatencyMs = ledger.LatencyMs,
            DlqDepth = depth,
            Replicas = services.GetRequiredService<RedisStore>().Replicas.Count,
            OrgsAway = alone,
            Warnings = shared.Warnings,
        };
    }

    // 200 also when degraded: the gateway serves, and a balancer that took it away would only make it worse.
    static Task WriteAsync(HttpContext http, HealthReport report)
    {
        http.Response.StatusCode = report.Status == "unhealthy" ? StatusCodes.Status503ServiceUnavailable : StatusCodes.Status200OK;
        return http.Response.WriteAsJsonAsync(report, HealthJson.Default.HealthReport);
    }
}
