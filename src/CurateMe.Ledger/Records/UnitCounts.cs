using System.Text.Json;
using CurateMe.Ledger.Pricing;

namespace CurateMe.Ledger.Records;

/// <summary>
/// The counts of a record as the ledgers store them: the common ones in columns of their own, the rest by unit name,
/// absent when there are none. Plain input and output tokens are what the totals leave over, so nothing is stored twice.
/// </summary>
internal static class UnitCounts
{
    static readonly BilledUnit[] WithoutColumn =
        [.. Enum.GetValues<BilledUnit>().Except([
            BilledUnit.InputToken, BilledUnit.CachedInputToken, BilledUnit.CacheWrite5mToken, BilledUnit.CacheWrite1hToken,
            BilledUnit.OutputToken, BilledUnit.ReasoningToken])];

    internal static bool HasRest(in UsageCounts usage)
    {
        foreach (var unit in WithoutColumn)
        {
            if (usage[unit] != 0) return true;
        }
        return false;
    }

    /// <summary>The counts without a column, save those that are zero.</summary>
    internal static IEnumerable<(string Unit, long Count)> Rest(UsageCounts usage) =>
        WithoutColumn.Where(unit => usage[unit] != 0).Select(unit => (unit.Name(), usage[unit]));

    /// <summary>The counts without a column as a JSON object, or null when all are zero.</summary>
    internal static string? RestToJson(in UsageCounts usage) =>
        HasRest(in usage) ? $"{{{string.Join(',', Rest(usage).Select(rest => $"\"{rest.Unit}\":{rest.Count}"))}}}" : null;

    internal static IEnumerable<(string Unit, long Count)> RestFromJson(string? json)
    {
        if (json is null) return [];
        using var rest = JsonDocument.Parse(json);
        return [.. rest.RootElement.EnumerateObject().Select(unit => (unit.Name, unit.Value.GetInt64()))];
    }

    /// <summary>The counts again from what was stored.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The stored figures contradict each other.</exception>
    internal static UsageCounts Read(
        long prompt, long completion, long reasoning, long cached, long written5m, long written1h, IEnumerable<(string Unit, long Count)> rest)
    {
        var usage = new UsageCounts
        {
            [BilledUnit.ReasoningToken] = reasoning,
            [BilledUnit.CachedInputToken] = cached,
            [BilledUnit.CacheWrite5mToken] = written5m,
            [BilledUnit.CacheWrite1hToken] = written1h,
        };
        foreach (var (unit, count) in rest)
        {
            var number = BilledUnits.Names.IndexOf(unit);
            if (number >= 0) usage[(BilledUnit)number] = count;
        }
        usage[BilledUnit.InputToken] = prompt - usage.PromptTokens;
        usage[BilledUnit.OutputToken] = completion - usage.CompletionTokens;
        return usage;
    }
}
