using System.Diagnostics;
using CurateMe.Client;
using CurateMe.Gateway.Proxy;
using CurateMe.Ledger.Records;

namespace CurateMe.Gateway.Telemetry;

/// <summary>One span for each request, made when it has ended, with OpenTelemetry's names for generative AI. Ids and figures, never content.</summary>
static class RequestTraces
{
    public const string SourceName = "CurateMe.Gateway";

    static readonly ActivitySource Source = new(SourceName);

    /// <summary>Whether anybody listens.</summary>
    public static bool On => Source.HasListeners();

    public static void Settled(UsageRecord record, HttpContext http) =>
        Make($"{Operation(record.Endpoint)} {record.Model}", ActivityKind.Client, http, record.Timestamp, span => Tell(span, record));

    public static void Refused(ErrorCode code, Exchange exchange) => Make("refuse", ActivityKind.Server, exchange.Http, exchange.Admitted, span =>
    {
        span.SetTag("error.type", code.Code);
        span.SetTag("http.response.status_code", code.Status);
        span.SetTag("gateway.request_id", exchange.Id.ToString());
        span.SetTag("gateway.org_id", exchange.Principal?.OrgId);
        span.SetTag("gateway.key_id", exchange.Principal?.KeyId);
        span.SetStatus(ActivityStatusCode.Error);
    });

    // The host makes an activity for every request, which is never kept or sent: below it a span would not be kept either, and would lack its parent if it were.
    static void Make(string name, ActivityKind kind, HttpContext http, DateTimeOffset from, Action<Activity> tell)
    {
        var hosts = Activity.Current;
        Activity.Current = null;
        try
        {
            using var span = Source.StartActivity(name, kind, Parent(http), tags: null, links: null, from);
            if (span is not null)
            {
                tell(span);
            }
        }
        finally
        {
            Activity.Current = hosts;
        }
    }

    static void Tell(Activity span, UsageRecord record)
    {
        var usage = record.Usage;
        span.SetTag("gen_ai.operation.name", Operation(record.Endpoint));
        span.SetTag("gen_ai.provider.name", Provider(record.Provider));
        span.SetTag("gen_ai.request.model", record.RequestedModel);
        span.SetTag("gen_ai.response.model", record.Model);
        span.SetTag("gen_ai.usage.input_tokens", usage.PromptTokens);
        span.SetTag("gen_ai.usage.output_tokens", usage.CompletionTokens);
        span.SetTag("http.response.status_code", record.StatusCode);
        span.SetTag("gateway.request_id", record.Id.ToString());
        span.SetTag("gateway.org_id", record.OrgId);
        span.SetTag("gateway.key_id", record.KeyId);
        span.SetTag("gateway.cost_nano_usd", record.Cost.Value);
        span.SetTag("gateway.usage_source", Choice.Word(record.Source));
        if (record.Status != RecordStatus.Settled)
        {
            span.SetTag("error.type", Choice.Word(record.Status));
            span.SetStatus(ActivityStatusCode.Error);
        }
        span.SetEndTime(record.Timestamp.UtcDateTime.AddMilliseconds(record.LatencyMs));
    }

    /// <summary>OpenTelemetry's word for what an endpoint does.</summary>
    public static string Operation(string endpoint) => endpoint switch
    {
        "chat.completions" or "messages" or "responses" => "chat",
        "completions" => "text_completion",
        "images.generations" => "image_generation",
        _ => endpoint,
    };

    /// <summary>OpenTelemetry's name of a provider, where it has one of its own.</summary>
    public static string Provider(string row) => row switch
    {
        "google" => "gcp.gemini",
        "azure" => "azure.ai.openai",
        "mistral" => "mistral_ai",
        "xai" => "x_ai",
        _ => row,
    };

    static ActivityContext Parent(HttpContext http) =>
        ActivityContext.TryParse(http.Request.Headers.TraceParent, http.Request.Headers.TraceState, isRemote: true, out var parent) ? parent : default;
}
