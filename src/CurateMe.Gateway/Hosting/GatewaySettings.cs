using System.Globalization;
using CurateMe.Gateway.Alerts;
using CurateMe.Gateway.Configuration;
using CurateMe.Gateway.IdentityProvider;
using CurateMe.Gateway.Idempotency;
using CurateMe.Gateway.ProviderKeys;
using CurateMe.Gateway.Providers;
using CurateMe.Gateway.Proxy;
using CurateMe.Gateway.Telemetry;
using CurateMe.Ledger.Journal;
using CurateMe.Ledger.Mongo;
using CurateMe.Ledger.Pricing;
using CurateMe.Ledger.Records;
using CurateMe.Ledger.Redis;
using CurateMe.Resp;

namespace CurateMe.Gateway.Hosting;

/// <summary>All of the configuration, read once and checked; nothing reads a key anywhere else.</summary>
sealed record GatewaySettings
{
    /// <summary><c>CM_DATA_DIR</c>: where everything that must last lies.</summary>
    public required string DataDirectory { get; init; }

    /// <summary><c>REDIS_URL</c> and <c>MONGODB_URL</c>; null is the embedded default.</summary>
    public SharedSettings? Shared { get; init; }

    /// <summary><c>ADMIN_TOKEN</c>; null has one made at the first start.</summary>
    public string? AdminToken { get; init; }

    /// <summary><c>CM_MASTER_KEY</c>; null has one made in the data directory, where no other gateway shares the configuration.</summary>
    public MasterKey? MasterKey { get; init; }

    /// <summary><c>CM_DAILY_RECONCILE</c>: the time of day (UTC) from which on the day before is reconciled; null never.</summary>
    public TimeOnly? DailyReconcileAt { get; init; } = new(0, 10);

    /// <summary><c>--demo</c>: the built-in simulator answers for every provider.</summary>
    public bool Demo { get; init; }

    /// <summary><c>Metrics__Open</c>: whoever reaches the port may read <c>/metrics</c>.</summary>
    public bool OpenMetrics { get; init; }

    /// <summary>Null sends nothing.</summary>
    public OtlpSettings? Otlp { get; init; }
    public required RecorderOptions Recorder { get; init; }
    public required JournalOptions Journal { get; init; }
    public required ForwardOptions Forward { get; init; }
    public IdempotencyOptions Idempotency { get; init; } = new();
    public required IReadOnlyList<ProviderRow> Providers { get; init; }
    public required PriceList Prices { get; init; }
    public required AlertOptions Alerts { get; init; }

    /// <summary><c>Jwt__…</c>: tokens of an identity provider open the admin plane; null for none.</summary>
    public JwtOptions? Jwt { get; init; }

    static readonly string[] MongoSchemes = ["mongodb://", "mongodb+srv://"];

    static readonly string[] ProviderFlags =
        [nameof(ProviderOptions.KeyOptional), nameof(ProviderOptions.AskStreamUsage), nameof(ProviderOptions.ReasoningBeside), nameof(ProviderOptions.ByDeployment)];

    /// <summary>Reads the configuration.</summary>
    /// <param name="faults">What was found before.</param>
    /// <exception cref="ConfigurationException">Lists every fault.</exception>
    public static GatewaySettings Read(IConfiguration configuration, bool demo, ConfigurationFaults? faults = null)
    {
        faults ??= new ConfigurationFaults();
        var directory = Hosting.DataDirectory.Of(configuration);
        KnownSettings.Check(configuration, faults);
        FrameworkSettings.Check(configuration, faults);
        var shared = ReadStores(configuration, faults);
        var settings = new GatewaySettings
        {
            DataDirectory = directory,
            Shared = shared,
            AdminToken = ReadAdminToken(configuration, faults),
            DailyReconcileAt = ReadTime(configuration, "CM_DAILY_RECONCILE", new TimeOnly(0, 10), faults),
            Demo = demo,
            MasterKey = ReadMasterKey(configuration, faults),
            OpenMetrics = ReadFlag(configuration, "Metrics:Open", standard: false, faults),
            Otlp = ReadOtlp(configuration, faults),
            Recorder = new RecorderOptions
            {
                Workers = ReadNumber(configuration, "COST_RECORDER_WORKERS", 2, 1, 64, faults),
                BatchSize = ReadNumber(configuration, "COST_RECORDER_BATCH_SIZE", 20, 1, 10_000, faults),
            },
            Journal = ReadJournal(configuration, directory, faults),
            Forward = ReadForward(configuration, faults),
            Idempotency = ReadIdempotency(configuration, faults),
            Providers = ReadProviders(configuration, faults),
            Prices = ReadPrices(configuration, faults),
            Alerts = AlertOptions.Read(configuration, faults),
            Jwt = JwtOptions.Read(configuration, faults),
        };
        faults.ThrowIfAny();
        return settings;
    }

    static SharedSettings? ReadStores(IConfiguration configuration, ConfigurationFaults faults)
    {
        var redis = !string.IsNullOrEmpty(configuration["REDIS_URL"]);
        var mongo = !string.IsNullOrEmpty(configuration["MONGODB_URL"]);
        if (redis && !mongo)
        {
            faults.Add("MONGODB_URL", "is missing while REDIS_URL is set; shared mode needs both, the embedded default neither");
        }
        if (mongo && !redis)
        {
            faults.Add("REDIS_URL", "is missing while MONGODB_URL is set; shared mode needs both, the embedded default neither");
        }
        var allow = ReadFlag(configuration, "Redis:AllowEviction", standard: false, faults);
        var servers = redis ? ReadRedis(configuration["REDIS_URL"]!, faults) : null;
        var ledger = mongo ? ReadMongo(configuration["MONGODB_URL"]!, faults) : null;
        return servers is null || ledger is null ? null : new SharedSettings(servers, ledger, allow);
    }

    static RespOptions? ReadRedis(string url, ConfigurationFaults faults)
    {
        try
        {
            return RespOptions.Parse(url) with { Limits = RedisCounters.ReplyLimits };
        }
        catch (Exception e) when (e is FormatException or ArgumentException)
        {
            faults.Add("REDIS_URL", "cannot be read: " + e.Message);
            return null;
        }
    }

    // The driver reads the rest of it; until then it is not loaded.
    static MongoOptions? ReadMongo(string url, ConfigurationFaults faults)
    {
        if (MongoSchemes.Any(s => url.Length > s.Length && url.StartsWith(s, StringComparison.OrdinalIgnoreCase)))
        {
            return new MongoOptions { Url = url };
        }
        faults.Add("MONGODB_URL", "is not a MongoDB address; write mongodb://user:password@host:27017/database, with user and password percent-encoded");
        return null;
    }

    static OtlpSettings? ReadOtlp(IConfiguration configuration, ConfigurationFaults faults)
    {
        if (configuration["OTEL_EXPORTER_OTLP_ENDPOINT"] is not { Length: > 0 } text)
        {
            return null;
        }
        if (!Uri.TryCreate(text, UriKind.Absolute, out var endpoint) || endpoint.Scheme is not ("http" or "https"))
        {
            faults.Add("OTEL_EXPORTER_OTLP_ENDPOINT", "must be an address such as http://collector:4317");
            return null;
        }
        var protocol = configuration["OTEL_EXPORTER_OTLP_PROTOCOL"] is { Length: > 0 } given ? given : "grpc";
        if (protocol is not ("grpc" or "http/protobuf"))
        {
            faults.Add("OTEL_EXPORTER_OTLP_PROTOCOL", "must be grpc or http/protobuf");
        }
        return new OtlpSettings(endpoint, protocol == "http/protobuf", configuration["OTEL_SERVICE_NAME"] is { Length: > 0 } name ? name : "curateme-gateway");
    }

    static string? ReadAdminToken(IConfiguration configuration, ConfigurationFaults faults)
    {
        var token = configuration["ADMIN_TOKEN"];
        if (token is { Length: > 0 and < 16 })
        {
            faults.Add("ADMIN_TOKEN", "is shorter than 16 characters; use a long random one, or leave it out to have one made");
        }
        return string.IsNullOrEmpty(token) ? null : token;
    }

    static MasterKey? ReadMasterKey(IConfiguration configuration, ConfigurationFaults faults)
    {
        if (configuration[MasterKey.Variable] is not { Length: > 0 } text)
        {
            return null;
        }
        var key = MasterKey.Parse(text);
        if (key is null)
        {
            faults.Add(MasterKey.Variable, "is not base64 of 32 bytes; make one by `openssl rand -base64 32`");
        }
        return key;
    }

    static JournalOptions ReadJournal(IConfiguration configuration, string directory, ConfigurationFaults faults)
    {
        var durability = JournalDurability.Process;
        if (configuration["Journal:Durability"] is { } text && !Enum.TryParse(text, ignoreCase: true, out durability))
        {
            faults.Add("Journal__Durability", "is not one of process, disk");
        }
        return new JournalOptions
        {
            Directory = Path.Combine(directory, "journal"),
            Durability = durability,
            SegmentBytes = (long)ReadNumber(configuration, "Journal:SegmentMegabytes", 64, 1, 1024, faults) << 20,
        };
    }

    static ForwardOptions ReadForward(IConfiguration configuration, ConfigurationFaults faults)
    {
        var standard = new ForwardOptions();
        return new ForwardOptions
        {
            MaxBodyBytes = ReadNumber(configuration, "Forward:MaxBodyBytes", standard.MaxBodyBytes, 1024, 256 << 20, faults),
            TightenInput = ReadFlag(configuration, "Forward:TightenInput", standard.TightenInput, faults),
            Retries = ReadNumber(configuration, "Forward:Retries", standard.Retries, 0, 10, faults),
            ConnectTimeout = ReadSeconds(configuration, "Forward:ConnectTimeoutSeconds", standard.ConnectTimeout, faults),
            TotalTimeout = ReadSeconds(configuration, "Forward:TotalTimeoutSeconds", standard.TotalTimeout, faults),
            StreamIdleTimeout = ReadSeconds(configuration, "Forward:StreamIdleTimeoutSeconds", standard.StreamIdleTimeout, faults),
            DrainTimeout = ReadSeconds(configuration, "Forward:DrainTimeoutSeconds", standard.DrainTimeout, faults),
            ClientStallTimeout = ReadSeconds(configuration, "Forward:ClientStallTimeoutSeconds", standard.ClientStallTimeout, faults),
            BreakerCalls = ReadNumber(configuration, "Forward:BreakerCalls", standard.BreakerCalls, 2, 1_000_000, faults),
            BreakerWindow = ReadSeconds(configuration, "Forward:BreakerWindowSeconds", standard.BreakerWindow, faults),
            BreakerPause = ReadSeconds(configuration, "Forward:BreakerPauseSeconds", standard.BreakerPause, faults),
        };
    }

    static IdempotencyOptions ReadIdempotency(IConfiguration configuration, ConfigurationFaults faults)
    {
        var standard = new IdempotencyOptions();
        return new IdempotencyOptions
        {
            TimeToLive = TimeSpan.FromHours(ReadNumber(configuration, "Idempotency:Hours", (int)standard.TimeToLive.TotalHours, 1, 720, faults)),
            MaxAnswerBytes = ReadNumber(configuration, "Idempotency:MaxAnswerBytes", standard.MaxAnswerBytes, 0, 8 << 20, faults),
            MaxKeysPerDay = ReadNumber(configuration, "Idempotency:MaxKeysPerDay", standard.MaxKeysPerDay, 0, 100_000_000, faults),
            MaxBytesPerDay = (long)ReadNumber(configuration, "Idempotency:MaxMegabytesPerDay", (int)(standard.MaxBytesPerDay >> 20), 0, 1 << 20, faults) << 20,
        };
    }

    static List<ProviderRow> ReadProviders(IConfiguration configuration, ConfigurationFaults faults)
    {
        var rows = ProviderRows.BuiltIn.ToList();
        foreach (var section in configuration.GetSection("Providers").GetChildren())
        {
            var name = section.Key.ToLowerInvariant();
            if (name.Length is 0 or > 64 || !name.All(static c => char.IsAsciiLetterOrDigit(c) || c == '-'))
            {
                faults.Add($"Providers__{section.Key}", "is no provider name; use letters, digits and dashes");
                continue;
            }
            var at = rows.FindIndex(r => r.Name == name);
            var row = ReadProvider(section, faults).Apply(at < 0 ? null : rows[at], name, faults);
            if (at < 0)
            {
                rows.Add(row);
            }
            else
            {
                rows[at] = row;
            }
        }
        return rows;
    }

    // A flag that cannot be read is taken out: it must not hide what else is wrong.
    static ProviderOptions ReadProvider(IConfigurationSection section, ConfigurationFaults faults)
    {
        var fields = section.GetChildren().ToDictionary(static f => f.Key, static f => f.Value, StringComparer.OrdinalIgnoreCase);
        foreach (var flag in ProviderFlags.Where(f => fields.GetValueOrDefault(f) is { Length: > 0 } text && !bool.TryParse(text, out _)))
        {
            faults.Add($"Providers__{section.Key}__{flag}", "is neither true nor false");
            fields.Remove(flag);
        }
        return new ConfigurationBuilder().AddInMemoryCollection(fields).Build().Get<ProviderOptions>() ?? new ProviderOptions();
    }

    static PriceList ReadPrices(IConfiguration configuration, ConfigurationFaults faults)
    {
        if (configuration["CM_PRICES"] is not { Length: > 0 } paths)
        {
            return PriceList.BuiltIn;
        }
        try
        {
            return PriceList.LoadFiles(paths.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries));
        }
        catch (PriceListException e)
        {
            faults.Add("CM_PRICES", "cannot be used: " + e.Message);
            return PriceList.BuiltIn;
        }
    }

    static bool ReadFlag(IConfiguration configuration, string key, bool standard, ConfigurationFaults faults)
    {
        if (configuration[key] is not { Length: > 0 } text)
        {
            return standard;
        }
        if (bool.TryParse(text, out var value))
        {
            return value;
        }
        faults.Add(key.Replace(":", "__", StringComparison.Ordinal), "is neither true nor false");
        return standard;
    }

    static TimeOnly? ReadTime(IConfiguration configuration, string key, TimeOnly standard, ConfigurationFaults faults)
    {
        if (configuration[key] is not { Length: > 0 } text)
        {
            return standard;
        }
        if (text == "off")
        {
            return null;
        }
        if (!TimeOnly.TryParseExact(text, "HH:mm", CultureInfo.InvariantCulture, DateTimeStyles.None, out var at))
        {
            faults.Add(key, "must be a time of day in UTC such as 00:10, or off");
        }
        return at;
    }

    static TimeSpan ReadSeconds(IConfiguration configuration, string key, TimeSpan standard, ConfigurationFaults faults) =>
        TimeSpan.FromSeconds(ReadNumber(configuration, key, (int)standard.TotalSeconds, 1, 86_400, faults));

    static int ReadNumber(IConfiguration configuration, string key, int standard, int least, int most, ConfigurationFaults faults)
    {
        if (configuration[key] is not { Length: > 0 } text)
        {
            return standard;
        }
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value >= least && value <= most)
        {
            return value;
        }
        faults.Add(key.Replace(":", "__", StringComparison.Ordinal), $"must be a whole number from {least} to {most}");
        return standard;
    }
}
