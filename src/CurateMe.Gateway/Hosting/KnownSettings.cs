using CurateMe.Gateway.Configuration;
using CurateMe.Gateway.Providers;

namespace CurateMe.Gateway.Hosting;

/// <summary>The settings that there are, as the command line names them.</summary>
static class KnownSettings
{
    const string Any = "*";

    static readonly string[] Prefixes = ["CM_", "COST_RECORDER_"];

    /// <summary>Names of settings; <c>*</c> stands for a name that the operator chooses, and those that end in a colon are sections whose keys are the framework's.</summary>
    public static readonly IReadOnlyList<string> Names =
    [
        "urls", "environment", "contentRoot", "applicationName", "AllowedHosts",
        "CM_DATA_DIR", "CM_DASHBOARD_DIR", "CM_PRICES", "CM_MASTER_KEY", "CM_DAILY_RECONCILE", "CM_PUBLIC_URL", "ADMIN_TOKEN",
        "REDIS_URL", "MONGODB_URL", "Redis:AllowEviction", "COST_RECORDER_WORKERS", "COST_RECORDER_BATCH_SIZE",
        "Journal:Durability", "Journal:SegmentMegabytes",
        "Forward:MaxBodyBytes", "Forward:TightenInput", "Forward:Retries", "Forward:ConnectTimeoutSeconds", "Forward:TotalTimeoutSeconds", "Forward:StreamIdleTimeoutSeconds",
        "Forward:DrainTimeoutSeconds", "Forward:ClientStallTimeoutSeconds", "Forward:BreakerCalls", "Forward:BreakerWindowSeconds", "Forward:BreakerPauseSeconds",
        "Idempotency:Hours", "Idempotency:MaxAnswerBytes", "Idempotency:MaxKeysPerDay", "Idempotency:MaxMegabytesPerDay",
        "Webhooks:AllowPrivateNetworks", "Webhooks:AllowHttp", "Webhooks:TimeoutSeconds",
        "Alerts:SweepSeconds", "Alerts:WatchSeconds", "Alerts:DriftMinutes", "Alerts:RetentionDays",
        "Metrics:Open", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_SERVICE_NAME",
        .. typeof(ProviderOptions).GetProperties().Select(static field => $"Providers:{Any}:{field.Name}"),
        "Jwt:Issuer", "Jwt:Audience", "Jwt:MetadataAddress", "Jwt:JwksAddress", "Jwt:AllowHttp", "Jwt:RoleClaim", "Jwt:OrgClaim", "Jwt:NameClaim", $"Jwt:Roles:{Any}", $"Jwt:Orgs:{Any}",
        "Logging:", "Kestrel:",
    ];

    // The sections that are the gateway's alone.
    static readonly HashSet<string> Sections = new(Names.Where(static n => n.IndexOf(':', StringComparison.Ordinal) is > 0 and var colon && colon < n.Length - 1).Select(static n => n.Split(':')[0]), StringComparer.OrdinalIgnoreCase);

    public static bool Has(string name) =>
        Names.Any(n => n[^1] == ':' ? name.Length > n.Length && name.StartsWith(n, StringComparison.OrdinalIgnoreCase) : n.Equals(name, StringComparison.OrdinalIgnoreCase) || IsOneOf(name, n));

    /// <summary>The setting that a misspelt name was meant to be; null when none is near.</summary>
    public static string? Nearest(string name) => NearMatch.Of(name, Names.Where(static n => n[^1] != ':').Select(n => Filled(n, name)));

    /// <summary>
    /// Adds a fault for every name in a section of the gateway's, near a setting of one, or near a setting with its prefix, that is no setting: what is misspelt would be ignored.
    /// Other names may be other programs', and are let be.
    /// </summary>
    public static void Check(IConfiguration configuration, ConfigurationFaults faults)
    {
        foreach (var (name, _) in configuration.AsEnumerable().Where(static s => s.Value is not null && IsOurs(s.Key) && !Has(s.Key)).OrderBy(static s => s.Key, StringComparer.Ordinal))
        {
            faults.Add(Variable(name), "is no setting; " + (Nearest(name) is { } meant ? $"did you mean {Variable(meant)}?" : $"there is {string.Join(", ", Beside(name).Select(Variable))}"));
        }
    }

    static bool IsOurs(string name) =>
        name.IndexOf(':', StringComparison.Ordinal) is > 0 and var colon
            ? Sections.Contains(name[..colon]) || Nearest(name) is not null
            : Prefixes.Any(p => name.StartsWith(p, StringComparison.Ordinal)) && Nearest(name) is not null;

    static IEnumerable<string> Beside(string name) =>
        Names.Where(n => n.StartsWith(name.Split(':')[0] + ":", StringComparison.OrdinalIgnoreCase)).Select(n => Filled(n, name));

    static bool IsOneOf(string name, string pattern)
    {
        var (parts, wanted) = (name.Split(':'), pattern.Split(':'));
        return parts.Length == wanted.Length && wanted.Zip(parts).All(static p => p.First == Any ? p.Second.Length > 0 : p.First.Equals(p.Second, StringComparison.OrdinalIgnoreCase));
    }

    // A pattern with the operator's own names where a given name has them.
    static string Filled(string pattern, string name)
    {
        var parts = name.Split(':');
        return string.Join(':', pattern.Split(':').Select((part, i) => part == Any ? i < parts.Length ? parts[i] : "NAME" : part));
    }

    static string Variable(string name) => name.Replace(":", "__", StringComparison.Ordinal);
}
