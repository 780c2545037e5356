using CurateMe.Ledger.Money;

namespace CurateMe.Client;

/// <summary>One request as the ledger keeps it. Holds no prompt and no completion.</summary>
public sealed record UsageEntry
{
    public required string RequestId { get; init; }
    public required string OrgId { get; init; }
    public string? TeamId { get; init; }
    public required string KeyId { get; init; }
    public string? RunnerId { get; init; }
    public string? SessionId { get; init; }
    public required string Provider { get; init; }
    public required string Model { get; init; }
    public required string RequestedModel { get; init; }
    public required string Endpoint { get; init; }
    public bool Stream { get; init; }

    /// <summary><c>settled</c>, <c>client_left</c>, <c>upstream_broken</c>, <c>abandoned</c>, <c>expired</c> or <c>failed</c>.</summary>
    public required string Status { get; init; }

    /// <summary>The provider's HTTP status; where it gave no answer, that of the gateway's own (502, 503, 504); 0 when the gateway died before there was one.</summary>
    public int StatusCode { get; init; }
    public long PromptTokens { get; init; }
    public long CompletionTokens { get; init; }
    public long ReasoningTokens { get; init; }
    public long CacheReadTokens { get; init; }

    /// <summary>Both durations together.</summary>
    public long CacheCreationTokens { get; init; }
    public long CacheCreation5mTokens { get; init; }
    public long CacheCreation1hTokens { get; init; }
    public long AudioInputTokens { get; init; }
    public long AudioOutputTokens { get; init; }
    public long Images { get; init; }

    /// <summary>Every billed unit that is not zero, by name.</summary>
    public required IReadOnlyDictionary<string, long> Units { get; init; }
    public required long HoldNanoUsd { get; init; }
    public required long CostNanoUsd { get; init; }
    public required NanoUsd CostUsd { get; init; }

    /// <summary>The provider billed more than was held.</summary>
    public bool Overage { get; init; }
    public required string PriceVersion { get; init; }
    public required string ServiceTier { get; init; }

    /// <summary><c>provider</c>, <c>estimated</c> or <c>presumed</c>; of a failed request, which is charged nothing, <c>provider</c>.</summary>
    public required string UsageSource { get; init; }
    public int LatencyMs { get; init; }
    public int TtftMs { get; init; }

    /// <summary>16 hexadecimal digits of a keyed hash; equal for equal requests of one org.</summary>
    public required string PromptHash { get; init; }
    public string? ClientIp { get; init; }
    public required IReadOnlyDictionary<string, string> Tags { get; init; }
    public required DateOnly PeriodDay { get; init; }

    /// <summary><c>YYYY-MM</c>.</summary>
    public required string PeriodMonth { get; init; }
    public required DateTimeOffset Ts { get; init; }

    /// <summary>From quote to charge; only where one request is asked for.</summary>
    [System.Text.Json.Serialization.JsonIgnore(Condition = System.Text.Json.Serialization.JsonIgnoreCondition.WhenWritingNull)]
    public UsageStory? Story { get; init; }
}
