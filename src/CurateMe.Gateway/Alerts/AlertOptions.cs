using CurateMe.Gateway.Configuration;

namespace CurateMe.Gateway.Alerts;

/// <summary>Settings of events and webhooks.</summary>
sealed record AlertOptions
{
    /// <summary><c>Webhooks__AllowPrivateNetworks</c>: webhooks may go to loopback, private and link-local addresses.</summary>
    public bool AllowPrivateNetworks { get; init; }

    /// <summary><c>Webhooks__AllowHttp</c>: webhooks may be without TLS.</summary>
    public bool AllowHttp { get; init; }

    /// <summary><c>Webhooks__TimeoutSeconds</c>: longest attempt, name and connection included.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Waits before each further attempt; after the last one the delivery has failed. 24 hours in all.</summary>
    public IReadOnlyList<TimeSpan> Retries { get; init; } =
    [
        TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(30), TimeSpan.FromMinutes(2), TimeSpan.FromMinutes(10), TimeSpan.FromMinutes(30), TimeSpan.FromHours(1),
        TimeSpan.FromHours(2), TimeSpan.FromHours(4), TimeSpan.FromHours(8), TimeSpan.FromHours(8),
    ];

    /// <summary><c>Alerts__SweepSeconds</c>: how often budgets that money was spent of are looked at.</summary>
    public TimeSpan SweepEvery { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary><c>Alerts__WatchSeconds</c>: how often counters and ledger are compared.</summary>
    public TimeSpan WatchEvery { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary><c>Alerts__DriftMinutes</c>: how long a drift must last to be told of.</summary>
    public TimeSpan DriftFor { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary><c>Alerts__RetentionDays</c>: how long events and deliveries are kept. At least a month and a day, since events are their own memory of what was told.</summary>
    public TimeSpan Retention { get; init; } = TimeSpan.FromDays(40);

    /// <summary><c>CM_PUBLIC_URL</c>: where people reach this gateway; begins the links in events.</summary>
    public Uri? PublicUrl { get; init; }

    public static AlertOptions Read(IConfiguration configuration, ConfigurationFaults faults)
    {
        var standard = new AlertOptions();
        return new AlertOptions
        {
            AllowPrivateNetworks = ReadFlag(configuration, "Webhooks:AllowPrivateNetworks", faults),
            AllowHttp = ReadFlag(configuration, "Webhooks:AllowHttp", faults),
            Timeout = TimeSpan.FromSeconds(ReadNumber(configuration, "Webhooks:TimeoutSeconds", (int)standard.Timeout.TotalSeconds, 1, 60, faults)),
            SweepEvery = TimeSpan.FromSeconds(ReadNumber(configuration, "Alerts:SweepSeconds", (int)standard.SweepEvery.TotalSeconds, 1, 3_600, faults)),
            WatchEvery = TimeSpan.FromSeconds(ReadNumber(configuration, "Alerts:WatchSeconds", (int)standard.WatchEvery.TotalSeconds, 1, 3_600, faults)),
            DriftFor = TimeSpan.FromMinutes(ReadNumber(configuration, "Alerts:DriftMinutes", (int)standard.DriftFor.TotalMinutes, 0, 1_440, faults)),
            Retention = TimeSpan.FromDays(ReadNumber(configuration, "Alerts:RetentionDays", (int)standard.Retention.TotalDays, 32, 3_650, faults)),
            PublicUrl = ReadUrl(configuration, faults),
        };
    }

    static Uri? ReadUrl(IConfiguration configuration, ConfigurationFaults faults)
    {
        if (configuration["CM_PUBLIC_URL"] is not { Length: > 0 } text)
        {
            return null;
        }
        if (Uri.TryCreate(text.TrimEnd('/') + "/", UriKind.Absolute, out var url) && url.Scheme is "https" or "http" && url.Query.Length == 0 && url.UserInfo.Length == 0)
        {
            return url;
        }
        faults.Add("CM_PUBLIC_URL", "is no address such as https://gateway.example.com");
        return null;
    }

    static bool ReadFlag(IConfiguration configuration, string key, ConfigurationFaults faults)
    {
        if (configuration[key] is not { Length: > 0 } text)
        {
            return false;
        }
        if (!bool.TryParse(text, out var value))
        {
            faults.Add(key.Replace(":", "__", StringComparison.Ordinal), "is neither true nor false");
        }
        return value;
    }

    static int ReadNumber(IConfiguration configuration, string key, int standard, int least, int most, ConfigurationFaults faults)
    {
        if (configuration[key] is not { Length: > 0 } text)
        {
            return standard;
        }
        if (int.TryParse(text, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var value) && value >= least && value <= most)
        {
            return value;
        }
        faults.Add(key.Replace(":", "__", StringComparison.Ordinal), $"must be a whole number from {least} to {most}");
        return standard;
    }
}
