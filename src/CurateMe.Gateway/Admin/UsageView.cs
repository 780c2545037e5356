using System.Globalization;
using CurateMe.Client;
using CurateMe.Ledger.Pricing;
using CurateMe.Ledger.Records;

namespace CurateMe.Gateway.Admin;

/// <summary>A usage record as its contract.</summary>
static class UsageView
{
    public static UsageEntry Of(UsageRecord record)
    {
        var usage = record.Usage;
        return new UsageEntry
        {
            RequestId = record.Id.ToString(),
            OrgId = record.OrgId,
            TeamId = record.TeamId,
            KeyId = record.KeyId,
            RunnerId = record.RunnerId,
            SessionId = Session(record),
            Provider = record.Provider,
            Model = record.Model,
            RequestedModel = record.RequestedModel,
            Endpoint = record.Endpoint,
            Stream = record.Stream,
            Status = Choice.Word(record.Status),
            StatusCode = record.StatusCode,
            PromptTokens = usage.PromptTokens,
            CompletionTokens = usage.CompletionTokens,
            ReasoningTokens = usage[BilledUnit.ReasoningToken],
            CacheReadTokens = usage[BilledUnit.CachedInputToken] + usage[BilledUnit.CachedAudioInputToken] + usage[BilledUnit.CachedImageInputToken],
            CacheCreationTokens = usage[BilledUnit.CacheWrite5mToken] + usage[BilledUnit.CacheWrite1hToken],
            CacheCreation5mTokens = usage[BilledUnit.CacheWrite5mToken],
            CacheCreation1hTokens = usage[BilledUnit.CacheWrite1hToken],
            AudioInputTokens = usage[BilledUnit.AudioInputToken],
            AudioOutputTokens = usage[BilledUnit.AudioOutputToken],
            Images = usage[BilledUnit.Image],
            Units = Units(usage),
            HoldNanoUsd = record.Hold.Value,
            CostNanoUsd = record.Cost.Value,
            CostUsd = record.Cost,
            Overage = record.Overage,
            PriceVersion = record.PriceVersion,
            ServiceTier = Choice.Word(record.Tier),
            UsageSource = Choice.Word(record.Source),
            LatencyMs = record.LatencyMs,
            TtftMs = record.TtftMs,
            PromptHash = record.PromptHash.ToString("x16", CultureInfo.InvariantCulture),
            ClientIp = record.ClientIp,
            Tags = Tags(record.Tags),
            PeriodDay = record.Day,
            PeriodMonth = Times.MonthText(record.Day),
            Ts = record.Timestamp,
        };
    }

    // A session's id in the ledger begins with its runner's, which stands beside it.
    static string? Session(UsageRecord record) =>
        record is { RunnerId: { } runner, SessionId: { } session } && session.StartsWith(runner + "/", StringComparison.Ordinal) ? session[(runner.Length + 1)..] : record.SessionId;

    static Dictionary<string, long> Units(UsageCounts usage)
    {
        var units = new Dictionary<string, long>(StringComparer.Ordinal);
        for (var unit = 0; unit < BilledUnits.Count; unit++)
        {
            if (usage[(BilledUnit)unit] is > 0 and var count)
            {
                units[((BilledUnit)unit).Name()] = count;
            }
        }
        return units;
    }

    static Dictionary<string, string> Tags(string? tags)
    {
        var read = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var tag in (tags ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = tag.IndexOf('=', StringComparison.Ordinal);
            read[equals < 0 ? tag : tag[..equals]] = equals < 0 ? "" : tag[(equals + 1)..];
        }
        return read;
    }
}
