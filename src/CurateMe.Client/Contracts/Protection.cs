using System.Text.Json.Serialization;
using CurateMe.Ledger.Money;

namespace CurateMe.Client;

/// <summary>What is done when a key's spending looks as if it ran away.</summary>
[JsonConverter(typeof(ChoiceConverter<ProtectionAction>))]
public enum ProtectionAction : byte
{
    Off,

    /// <summary>The event <c>cost_anomaly</c>.</summary>
    Alert,

    /// <summary>The event, and the key may send <c>throttle_rpm</c> requests a minute for <c>throttle_seconds</c>.</summary>
    Throttle,

    /// <summary>The event, and the key is disabled until somebody enables it.</summary>
    DisableKey,
}

/// <summary>So many requests of one key within a time.</summary>
public sealed record RateRule
{
    /// <summary>Default: alert.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ProtectionAction? Action { get; init; }

    /// <summary>2 to 1,000,000.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Requests { get; init; }

    /// <summary>1 to 3,600. Default: 60.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? WindowSeconds { get; init; }
}

/// <summary>A key's spending in an hour against the mean of those of the 24 hours before in which it spent.</summary>
public sealed record SpikeRule
{
    /// <summary>Default: alert.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ProtectionAction? Action { get; init; }

    /// <summary>Above 1, at most 1,000, with at most two decimals. Default: 5.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public decimal? Factor { get; init; }

    /// <summary>Dollars below which an hour is no spike. Default: 1.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public NanoUsd? MinUsd { get; init; }
}

/// <summary>A model that the org did not use for 30 days, against the dearest that it did, by their price for output.</summary>
public sealed record ModelRule
{
    /// <summary>Default: alert.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ProtectionAction? Action { get; init; }

    /// <summary>Above 1, at most 1,000, with at most two decimals. Default: 3.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public decimal? Factor { get; init; }
}

/// <summary>What is watched for, and what is done then.</summary>
public sealed record ProtectionDocument
{
    /// <summary>Requests with the same body. Default: 30 in 60 s.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public RateRule? RetryStorm { get; init; }

    /// <summary>Requests of any kind. Default: 1,000 in 60 s.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public RateRule? RunawayAgent { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public SpikeRule? HourlySpike { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public ModelRule? NewExpensiveModel { get; init; }

    /// <summary>Requests a minute of a throttled key, 0 to 100,000. Default: 6.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? ThrottleRpm { get; init; }

    /// <summary>How long a key is throttled, 1 to 86,400. Default: 600.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? ThrottleSeconds { get; init; }
}

/// <summary>The protection in force.</summary>
public sealed record ProtectionView
{
    public required RateRule RetryStorm { get; init; }
    public required RateRule RunawayAgent { get; init; }
    public required SpikeRule HourlySpike { get; init; }
    public required ModelRule NewExpensiveModel { get; init; }
    public required int ThrottleRpm { get; init; }
    public required int ThrottleSeconds { get; init; }
}
