using System.Text.Json;
using System.Text.Json.Serialization;

namespace CurateMe.Gateway.Simulator;

/// <summary>
/// What was used, as a provider's invoice would count it. <see cref="PromptTokens"/> and <see cref="CompletionTokens"/> are totals;
/// the other token counts are parts of them (cached, cache writes, audio and image input of the first; reasoning, audio and image output of the second).
/// </summary>
internal sealed record BilledUnits
{
    public int PromptTokens { get; init; }
    public int CacheReadTokens { get; init; }
    public int CacheCreation5mTokens { get; init; }
    public int CacheCreation1hTokens { get; init; }
    public int AudioPromptTokens { get; init; }
    public int ImagePromptTokens { get; init; }
    public int CompletionTokens { get; init; }
    public int ReasoningTokens { get; init; }
    public int AudioCompletionTokens { get; init; }
    public int ImageCompletionTokens { get; init; }

    /// <summary>Pictures made.</summary>
    public int Images { get; init; }

    /// <summary>Characters spoken.</summary>
    public int Characters { get; init; }

    /// <summary>Sound heard or made, in milliseconds.</summary>
    public int AudioMilliseconds { get; init; }

    public BilledUnits Plus(BilledUnits other) => new()
    {
        PromptTokens = PromptTokens + other.PromptTokens,
        CacheReadTokens = CacheReadTokens + other.CacheReadTokens,
        CacheCreation5mTokens = CacheCreation5mTokens + other.CacheCreation5mTokens,
        CacheCreation1hTokens = CacheCreation1hTokens + other.CacheCreation1hTokens,
        AudioPromptTokens = AudioPromptTokens + other.AudioPromptTokens,
        ImagePromptTokens = ImagePromptTokens + other.ImagePromptTokens,
        CompletionTokens = CompletionTokens + other.CompletionTokens,
        ReasoningTokens = ReasoningTokens + other.ReasoningTokens,
        AudioCompletionTokens = AudioCompletionTokens + other.AudioCompletionTokens,
        ImageCompletionTokens = ImageCompletionTokens + other.ImageCompletionTokens,
        Images = Images + other.Images,
        Characters = Characters + other.Characters,
        AudioMilliseconds = AudioMilliseconds + other.AudioMilliseconds,
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
    public bool Stream { get; init; }

    /// <summary>The caller left, or the connection was cut, before generation ended: only what was generated is charged.</summary>
    public bool Cancelled { get; init; }
    public required BilledUnits Units { get; init; }

    /// <summary>Reads one line of a bill file.</summary>
    public static BillEntry Parse(string line) =>
        JsonSerializer.Deserialize(line, BillJson.Default.BillEntry) ?? throw new FormatException("an empty line on the bill");
}

/// <summary>Sums of one provider, model and operation.</summary>
internal sealed record BillTotal(string Provider, string Model, string Operation, long Calls, long Cancelled, BilledUnits Units);

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
