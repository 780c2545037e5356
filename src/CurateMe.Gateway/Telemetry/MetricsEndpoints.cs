using CurateMe.Client;
using CurateMe.Gateway.Admin;
using CurateMe.Gateway.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace CurateMe.Gateway.Telemetry;

/// <summary><c>/metrics</c> for Prometheus, and the time of each stage for people.</summary>
static class MetricsEndpoints
{
    /// <summary>Open to everybody with <c>Metrics__Open=true</c>; else for a platform administrator's token, as a scraper sends it.</summary>
    public static void Map(IEndpointRouteBuilder app, GatewaySettings settings)
    {
        if (settings.OpenMetrics)
        {
            app.MapMethods("/metrics", Reading.Methods, Text).ExcludeFromDescription();
        }
        else
        {
            app.MapGroup("").WithAdminDefaults().MapMethods("/metrics", Reading.Methods, Text).ExcludeFromDescription().Requires(AdminRight.Platform).TakesAnyParameter();
        }
    }

    public static RouteGroupBuilder MapLatency(this RouteGroupBuilder gateway)
    {
        gateway.MapGet("/latency", Latency).WithName("GetLatency").WithTags("Operations").Requires(AdminRight.Platform);
        return gateway;
    }

    static ContentHttpResult Text(PrometheusExport export) => TypedResults.Text(export.Text(), PrometheusExport.ContentType);

    static Ok<LatencyReport> Latency(IServiceProvider services) => TypedResults.Ok(new LatencyReport
    {
        Stages = [.. services.GetService<RequestMetrics>()?.Stages.Figures().Select(static f => new StageLatency(f.Stage, f.Count, f.P50Ms, f.P95Ms, f.P99Ms, f.MaxMs)) ?? []],
    });
}
