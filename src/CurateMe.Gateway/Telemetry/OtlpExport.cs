using CurateMe.Gateway.Hosting;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace CurateMe.Gateway.Telemetry;

/// <summary>Where traces and metrics go.</summary>
/// <param name="Endpoint"><c>OTEL_EXPORTER_OTLP_ENDPOINT</c>.</param>
/// <param name="Http"><c>OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf</c>; else gRPC.</param>
/// <param name="ServiceName"><c>OTEL_SERVICE_NAME</c>.</param>
sealed record OtlpSettings(Uri Endpoint, bool Http, string ServiceName);

/// <summary>
/// Sends traces and metrics by OTLP where an endpoint is configured; else it makes nothing, and nobody listens to the gateway's sources. Headers, time-outs and intervals are
/// OpenTelemetry's own variables.
/// </summary>
sealed class OtlpExport(GatewaySettings settings) : IHostedService, IDisposable
{
    TracerProvider? traces;
    MeterProvider? metrics;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (settings.Otlp is { } otlp)
        {
            var resource = ResourceBuilder.CreateDefault().AddService(otlp.ServiceName, serviceVersion: typeof(OtlpExport).Assembly.GetName().Version?.ToString(3));
            traces = Sdk.CreateTracerProviderBuilder().SetResourceBuilder(resource).AddSource(RequestTraces.SourceName).AddOtlpExporter(o => Aim(o, otlp, "traces")).Build();
            metrics = Sdk.CreateMeterProviderBuilder().SetResourceBuilder(resource).AddMeter(RequestMetrics.MeterName, RequestMetrics.GenAiMeterName)
                .AddOtlpExporter(o => Aim(o, otlp, "metrics")).Build();
        }
        return Task.CompletedTask;
    }

    // What was not sent yet is sent by disposing, within the exporters' own time-outs.
    public Task StopAsync(CancellationToken cancellationToken) => Task.Run(Dispose, CancellationToken.None);

    public void Dispose()
    {
        Interlocked.Exchange(ref traces, null)?.Dispose();
        Interlocked.Exchange(ref metrics, null)?.Dispose();
    }

    // An address that is set in code is taken as it is; the variable's is a base.
    static void Aim(OtlpExporterOptions options, OtlpSettings otlp, string signal)
    {
        options.Protocol = otlp.Http ? OtlpExportProtocol.HttpProtobuf : OtlpExportProtocol.Grpc;
        options.Endpoint = otlp.Http ? new Uri($"{otlp.Endpoint.ToString().TrimEnd('/')}/v1/{signal}") : otlp.Endpoint;
    }
}
