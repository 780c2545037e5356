using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;
using Microsoft.Data.Sqlite;

namespace CurateMe.Ledger.Sqlite;

/// <summary>
/// Sums. Whole days come from the sums of the kind that has the dimensions, or from the roll-up by session, and the records that those do not have yet; parts of days, and dimensions
/// that no sums join, from the records alone.
/// </summary>
internal static class BreakdownSql
{
    /// <summary>Lets a query over all orgs walk the trees that begin with the org, one org after the other.</summary>
    const string AnyOrg = $"org_id IN (SELECT org_id FROM gateway_usage_daily UNION SELECT org_id FROM {LedgerSchema.Tail})";

    internal static List<BreakdownRow> Breakdown(SqliteConnection connection, BreakdownQuery query)
    {
        using var command = connection.CreateCommand();
        var org = Org(command, query.OrgId);
        var kind = SumKinds.Of(query.By, UsageSums.Kept);
        if (kind is not (null or SumKind.Session) && UsageSums.Lag(connection) > UsageSums.MaxTail)
        {
            kind = kind is SumKind.Plain or SumKind.SessionAlone ? SumKind.Session : null;
        }
        var range = BreakdownRange.Of(query.From, query.To, wholeDays: kind is not null);
        var sources = new List<string>();
        if (range.FirstDay < range.EndDay)
        {
            const string Days = "period_day >= $first AND period_day < $end";
            var (summed, tail) = kind == SumKind.Session
                ? ($"gateway_usage_daily WHERE {org}", LedgerSchema.Tail)
                : ($"gateway_usage_sums WHERE kind = {(int)kind!} AND {SummedOrg(query.OrgId)}", UsageSums.Tail);
            sources.Add($"SELECT {Columns(query, kind)} requests, cost_nano_usd, prompt_tokens, completion_tokens FROM {summed} AND {Days}");
            sources.Add($"SELECT {Columns(query, null)} 1 AS requests, cost_nano_usd, prompt_tokens, completion_tokens FROM {tail} AND {(query.OrgId is null ? "1" : org)} AND {Days}");
            command.Parameters.AddWithValue("$first", range.FirstDay.ToString("O"));
            command.Parameters.AddWithValue("$end", range.EndDay.ToString("O"));
        }
        foreach (var (from, to) in range.Parts)
        {
            sources.Add($"SELECT {Columns(query, null)} 1 AS requests, cost_nano_usd, prompt_tokens, completion_tokens FROM gateway_usage WHERE {org} AND ts >= {from} AND ts < {to}");
        }
        if (sources.Count == 0) return [];
        if (query.By.Contains(BreakdownDimension.Tag))
        {
            connection.CreateFunction<string?, string?, string?>("tag_value", RecordTags.Find, isDeterministic: true);
            command.Parameters.AddWithValue("$tag", query.TagName ?? throw new ArgumentException("A breakdown by tag needs the tag's name.", nameof(query)));
        }
        var groups = string.Join(',', Enumerable.Range(1, query.By.Count));
        command.CommandText =
            $"""
            SELECT {string.Concat(query.By.Select((_, i) => $"d{i}, "))} sum(cost_nano_usd), sum(requests), sum(prompt_tokens), sum(completion_tokens)
            FROM ({string.Join(" UNION ALL ", sources)})
            {(groups.Length == 0 ? "HAVING sum(requests) > 0" : $"GROUP BY {groups}")}
            ORDER BY sum(cost_nano_usd) DESC{(groups.Length == 0 ? "" : "," + groups)} LIMIT {Math.Clamp(query.Limit, 1, BreakdownQuery.MaxRows)}
            """;
        return ReadRows(command, query.By);
    }

    internal static string Org(SqliteCommand command, string? orgId)
    {
        if (orgId is null) return AnyOrg;
        command.Parameters.AddWithValue("$org", orgId);
        return "org_id = $org";
    }

    static string SummedOrg(string? orgId) => orgId is null ? "1" : "org_id = $org";

    /// <param name="sums">The kind of the sums, or null for records.</param>
    static string Columns(BreakdownQuery query, SumKind? sums) =>
        string.Concat(query.By.Select((dimension, i) => $"{Column(dimension, sums)} AS d{i}, "));

    static string Column(BreakdownDimension dimension, SumKind? sums) => dimension switch
    {
        BreakdownDimension.Model => "model",
        BreakdownDimension.Provider => "provider",
        BreakdownDimension.Key => "key_id",
        BreakdownDimension.Day => "period_day",
        BreakdownDimension.Team => Optional("team_id", sums),
        BreakdownDimension.Runner => Optional("runner_id", sums),
        BreakdownDimension.Session => Optional(sums == SumKind.SessionAlone ? "bucket" : "session_id", sums),
        BreakdownDimension.Hour => sums is not null ? "CAST(bucket AS INTEGER)" : "ts / 3600000",
        BreakdownDimension.Tag => sums is not null ? "tag_value(bucket, $tag)" : "tag_value(tags, $tag)",
        _ => throw new ArgumentOutOfRangeException(nameof(dimension), dimension, "not a dimension"),
    };

    static string Optional(string column, SumKind? sums) => sums is not null ? $"nullif({column}, '')" : column;

    static List<BreakdownRow> ReadRows(SqliteCommand command, IReadOnlyList<BreakdownDimension> by)
    {
        var rows = new List<BreakdownRow>();
        using var row = command.ExecuteReader();
        while (row.Read())
        {
            var values = new string?[by.Count];
            for (var i = 0; i < values.Length; i++)
            {
                values[i] = by[i] == BreakdownDimension.Hour ? BreakdownRange.HourText(row.GetInt64(i)) : Text(row, i);
            }
            var n = values.Length;
            rows.Add(new BreakdownRow(values, new NanoUsd(row.GetInt64(n)), row.GetInt64(n + 1), row.GetInt64(n + 2), row.GetInt64(n + 3)));
        }
        return rows;
    }

    static string? Text(SqliteDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);
}
