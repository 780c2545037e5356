using System.Text.Json;
using CurateMe.Ledger.Pricing;

namespace CurateMe.Ledger.Records;

/// <summary>
/// The counts of a record as the ledgers store them: the common ones in columns of their own, the rest as a JSON object by unit name,
/// absent when there are none. Plain input and output tokens are what the totals leave over, so nothing is stored twice.
/// </summary>
internal static class UnitCounts
{
    static readonly BilledUnit[] Rest =
        [.. Enum.GetValues<BilledUnit>().Except([
            BilledUnit.InputToken, BilledUnit.CachedInputToken, BilledUnit.CacheWrite5mToken, BilledUnit.CacheWrite1hToken,
            BilledUnit.OutputToken, BilledUnit.ReasoningToken])];

    /// <summary>The counts without a column as JSON, or null when all are zero.</summary>
    internal static string? RestToJson(in UsageCounts usage)
    {
        var any = false;
        foreach (var unit in Rest) any |= usage[unit] != 0;
        return any ? ToJson(usage) : null;
    }

    static string ToJson(UsageCounts usage) =>
        $"{{{string.Join(',', Rest.Where(unit => usage[unit] != 0).Select(unit => $"\"{unit.Name()}\":{usage[unit]}"))}}}";

    /// <summary>The counts again from what was stored.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The stored figures contradict each other.</exception>
    internal static UsageCounts Read(long prompt, long completion, long reasoning, long cached, long written5m, long written1h, string? rest)
    {
        var usage = new UsageCounts
        {
            [BilledUnit.ReasoningToken] = reasoning,
            [BilledUnit.CachedInputToken] = cached,
            [BilledUnit.CacheWrite5mToken] = written5m,
            [BilledUnit.CacheWrite1hToken] = written1h,
        };
        if (rest is not null)
        {
            using var json = JsonDocument.Parse(rest);
            foreach (var unit in json.RootElement.EnumerateObject())
            {
                var number = BilledUnits.Names.IndexOf(unit.Name);
                if (number >= 0) usage[(BilledUnit)number] = unit.Value.GetInt64();
            }
        }
        usage[BilledUnit.InputToken] = prompt - usage.PromptTokens;
        usage[BilledUnit.OutputToken] = completion - usage.CompletionTokens;
        return usage;
    }
}
