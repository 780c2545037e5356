namespace CurateMe.Gateway.Hosting;

/// <summary>The settings that there are, as the command line names them.</summary>
static class KnownSettings
{
    /// <summary>Names of settings; those that end in a colon are sections whose keys are the operator's, or the framework's.</summary>
    public static readonly IReadOnlyList<string> Names =
    [
        "urls", "environment", "contentRoot", "applicationName", "AllowedHosts",
        "CM_DATA_DIR", "CM_DASHBOARD_DIR", "CM_PRICES", "CM_MASTER_KEY", "CM_DAILY_RECONCILE", "CM_PUBLIC_URL", "ADMIN_TOKEN",
        "REDIS_URL", "MONGODB_URL", "Redis:AllowEviction", "COST_RECORDER_WORKERS", "COST_RECORDER_BATCH_SIZE",
        "Journal:Durability", "Journal:SegmentMegabytes",
        "Forward:MaxBodyBytes", "Forward:TightenInput", "Forward:Retries", "Forward:ConnectTimeoutSeconds", "Forward:TotalTimeoutSeconds", "Forward:StreamIdleTimeoutSeconds",
        "Forward:DrainTimeoutSeconds", "Forward:BreakerCalls", "Forward:BreakerWindowSeconds", "Forward:BreakerPauseSeconds",
        "Idempotency:Hours", "Idempotency:MaxAnswerBytes", "Idempotency:MaxKeysPerDay", "Idempotency:MaxMegabytesPerDay",
        "Webhooks:AllowPrivateNetworks", "Webhooks:AllowHttp", "Webhooks:TimeoutSeconds",
        "Alerts:SweepSeconds", "Alerts:WatchSeconds", "Alerts:DriftMinutes", "Alerts:RetentionDays",
        "Metrics:Open", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_SERVICE_NAME",
        "Providers:", "Jwt:", "Logging:", "Kestrel:",
    ];

    public static bool Has(string name) =>
        Names.Any(n => n[^1] == ':' ? name.Length > n.Length && name.StartsWith(n, StringComparison.OrdinalIgnoreCase) : name.Equals(n, StringComparison.OrdinalIgnoreCase));
}
