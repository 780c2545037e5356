using System.Globalization;
using CurateMe.Ledger.Records;

namespace CurateMe.Testing.Records;

/// <summary>All fields of a record as text, to compare two and to show how they differ.</summary>
internal static class SameRecord
{
    internal static string Text(UsageRecord r) => string.Create(CultureInfo.InvariantCulture,
        $"""
        {r.Id} {r.OrgId} team={r.TeamId ?? "null"} {r.KeyId} runner={r.RunnerId ?? "null"} session={r.SessionId ?? "null"} {r.Provider} {r.Model} {r.RequestedModel} {r.Endpoint} {r.Stream}
        {r.Day:O} {r.Timestamp:O} hold={r.Hold} {r.PriceVersion} {r.Tier} ip={r.ClientIp ?? "null"} tags={r.Tags ?? "null"} {r.PromptHash} {r.Status} {r.StatusCode} {r.Source} cost={r.Cost} {r.LatencyMs} {r.TtftMs}
        {r.Usage}
        """);
}
