using System.Text.Json;
using System.Text.Json.Serialization;
using CurateMe.Ledger.Pricing;

namespace CurateMe.Gateway.Simulator;

/// <summary>
/// What was used, as a provider's invoice would count it. <see cref="PromptTokens"/> and <see cref="CompletionTokens"/> are totals;
/// the other token counts are disjoint parts of them (cached, cache writes, audio and image input of the first; reasoning, audio and image output of the second).
/// Pictures in a prompt are a part of their own only where the provider tells them apart.
/// </summary>
internal sealed record BillCounts
{
    public int PromptTokens { get; init; }
    public int CacheReadTokens { get; init; }

    [JsonPropertyName("cache_write_5m_tokens")]
    public int CacheWrite5mTokens { get; init; }

    [JsonPropertyName("cache_write_1h_tokens")]
    public int CacheWrite1hTokens { get; init; }
    public int AudioPromptTokens { get; init; }
    public int ImagePromptTokens { get; init; }
    public int CompletionTokens { get; init; }
    public int ReasoningTokens { get; init; }
    public int AudioCompletionTokens { get; init; }
    public int ImageCompletionTokens { get; init; }

    /// <summary>Pictures made, where they are billed by the piece.</summary>
    public int Images { get; init; }

    /// <summary>Characters spoken, where they are billed.</summary>
    public int Characters { get; init; }

    /// <summary>Sound heard, in milliseconds, where it is billed.</summary>
    public int AudioMilliseconds { get; init; }
    public int WebSearches { get; init; }

    /// <summary>The same in the units of the price list.</summary>
    public UsageCounts ToUsageCounts()
    {
        var counts = new UsageCounts();
        counts[BilledUnit.InputToken] = PromptTokens - CacheReadTokens - CacheWrite5mTokens - CacheWrite1hTokens - AudioPromptTokens - ImagePromptTokens;
        counts[BilledUnit.CachedInputToken] = CacheReadTokens;
        counts[BilledUnit.CacheWrite5mToken] = CacheWrite5mTokens;
        counts[BilledUnit.CacheWrite1hToken] = CacheWrite1hTokens;
        counts[BilledUnit.AudioInputToken] = AudioPromptTokens;
        counts[BilledUnit.ImageInputToken] = ImagePromptTokens;
        counts[BilledUnit.OutputToken] = CompletionTokens - ReasoningTokens - AudioCompletionTokens - ImageCompletionTokens;
        counts[BilledUnit.ReasoningToken] = ReasoningTokens;
        counts[BilledUnit.AudioOutputToken] = AudioCompletionTokens;
        counts[BilledUnit.ImageOutputToken] = ImageCompletionTokens;
        counts[BilledUnit.Image] = Images;
        counts[BilledUnit.Character] = Characters;
        counts[BilledUnit.InputSecond] = (AudioMilliseconds + 999L) / 1000;
        counts[BilledUnit.WebSearch] = WebSearches;
        return counts;
    }

    public BillCounts Plus(BillCounts other) => new()
    {
        PromptTokens = PromptTokens + other.PromptTokens,
        CacheReadTokens = CacheReadTokens + other.CacheReadTokens,
        CacheWrite5mTokens = CacheWrite5mTokens + other.CacheWrite5mTokens,
        CacheWrite1hTokens = CacheWrite1hTokens + other.CacheWrite1hTokens,
        AudioPromptTokens = AudioPromptTokens + other.AudioPromptTokens,
        ImagePromptTokens = ImagePromptTokens + other.ImagePromptTokens,
        CompletionTokens = CompletionTokens + other.CompletionTokens,
        ReasoningTokens = ReasoningTokens + other.ReasoningTokens,
        AudioCompletionTokens = AudioCompletionTokens + other.AudioCompletionTokens,
        ImageCompletionTokens = ImageCompletionTokens + other.ImageCompletionTokens,
        Images = Images + other.Images,
        Characters = Characters + other.Characters,
        AudioMilliseconds = AudioMilliseconds + other.AudioMilliseconds,
        WebSearches = WebSearches + other.WebSearches,
    };
}

/// <summary>One line of the bill: a call that the provider charges for.</summary>
internal sealed record BillEntry
{
    /// <summary>Counts from 1 in the order in which calls were charged.</summary>
    public long Sequence { get; init; }
    public required string Provider { get; init; }
    public required string Model { get; init; }

    /// <summary>Operation, e.g. <c>chat.completions</c>.</summary>
    public required string Operation { get; init; }

    /// <summary>The caller's <c>X-Client-Request-Id</c>, at most <see cref="Bill.MaxIdLength"/> characters; null when it sent none.</summary>
    public string? RequestId { get; init; }
    public string? ServiceTier { get; init; }

    /// <summary>What the price of a picture depends on, as <c>size/quality</c>; null for anything else.</summary>
    public string? Variant { get; init; }
    public bool Stream { get; init; }

    /// <summary>The caller left, or the connection was cut, before generation ended: only what was generated is charged.</summary>
    public bool Cancelled { get; init; }
    public required BillCounts Units { get; init; }

    /// <summary>Reads one line of a bill file.</summary>
    public static BillEntry Parse(string line) =>
        JsonSerializer.Deserialize(line, BillJson.Default.BillEntry) ?? throw new FormatException("an empty line on the bill");
}

/// <summary>Sums of one provider, model and operation.</summary>
internal sealed record BillTotal(string Provider, string Model, string Operation, long Calls, long Cancelled, BillCounts Units);

/// <param name="Entries">Lines charged since the start or the last clearing.</param>
/// <param name="Full">The named maximum was reached: later lines are in no list, file or total.</param>
internal sealed record BillTotals(long Entries, bool Full, IReadOnlyList<BillTotal> Totals);

/// <param name="NextSince">Pass as <c>since</c> to go on.</param>
internal sealed record BillPage(IReadOnlyList<BillEntry> Data, long NextSince, bool HasMore);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(BillEntry))]
[JsonSerializable(typeof(BillTotals))]
[JsonSerializable(typeof(BillPage))]
internal sealed partial class BillJson : JsonSerializerContext;
