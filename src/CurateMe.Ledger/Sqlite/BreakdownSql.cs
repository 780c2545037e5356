using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;
using Microsoft.Data.Sqlite;

namespace CurateMe.Ledger.Sqlite;

/// <summary>
/// Sums. Whole days come from the sums of the kind that has the dimensions, or from the roll-up by session; whole hours at their ends from the sums by hour, where those have the
/// dimensions; both with the records that the sums do not have yet. The rest, and dimensions that no sums join, come from the records alone.
/// </summary>
internal static class BreakdownSql
{
    /// <summary>Lets a query over all orgs walk the trees that begin with the org, one org after the other. The orgs are found by a step each, not by reading all rows.</summary>
    const string AnyOrg =
        $"""
        org_id IN (
          WITH RECURSIVE orgs(id) AS (
            SELECT min(org_id) FROM gateway_usage_daily
            UNION ALL SELECT (SELECT min(org_id) FROM gateway_usage_daily WHERE org_id > orgs.id) FROM orgs WHERE orgs.id IS NOT NULL)
          SELECT id FROM orgs WHERE id IS NOT NULL UNION SELECT org_id FROM {LedgerSchema.Tail})
        """;

    internal static List<BreakdownRow> Breakdown(SqliteConnection connection, BreakdownQuery query)
    {
        using var command = connection.CreateCommand();
        var sources = Sources(connection, command, query);
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

    static List<string> Sources(SqliteConnection connection, SqliteCommand command, BreakdownQuery query)
    {
        var org = Org(command, query.OrgId);
        var (byDay, byHour) = Kinds(connection, query.By);
        var sources = new List<string>();
        var days = BreakdownRange.Of(query.From, query.To, byDay is null ? 0 : BreakdownRange.DayMs);
        if (days.HasWhole) AddSums(byDay!.Value, days, "1", Days(days));
        foreach (var (start, end) in days.Parts)
        {
            var hours = BreakdownRange.Of(start, end, byHour is null ? 0 : BreakdownRange.HourMs);
            if (hours.HasWhole)
            {
                var bucket = $"CAST(bucket AS INTEGER) >= {hours.From / BreakdownRange.HourMs} AND CAST(bucket AS INTEGER) < {hours.To / BreakdownRange.HourMs}";
                AddSums(byHour!.Value, hours, bucket, $"ts >= {hours.From} AND ts < {hours.To}");
            }
            foreach (var (from, to) in hours.Parts)
            {
                sources.Add($"SELECT {Columns(query, null)} 1 AS requests, cost_nano_usd, prompt_tokens, completion_tokens FROM gateway_usage WHERE {org} AND ts >= {from} AND ts < {to}");
            }
        }
        return sources;

        void AddSums(SumKind kind, BreakdownRange range, string only, string ofTail)
        {
            var (summed, tail) = kind == SumKind.Session
                ? ($"gateway_usage_daily WHERE {org}", LedgerSchema.Tail)
                : ($"gateway_usage_sums WHERE kind = {(int)kind} AND {SummedOrg(query.OrgId)}", UsageSums.Tail);
            sources.Add($"SELECT {Columns(query, kind)} requests, cost_nano_usd, prompt_tokens, completion_tokens FROM {summed} AND {Days(range)} AND {only}");
            sources.Add($"SELECT {Columns(query, null)} 1 AS requests, cost_nano_usd, prompt_tokens, completion_tokens FROM {tail} AND {(query.OrgId is null ? "1" : org)} AND {ofTail}");
        }
    }

    /// <summary>The sums that answer for whole days, and those for whole hours; null where only the records do.</summary>
    static (SumKind? ByDay, SumKind? ByHour) Kinds(SqliteConnection connection, IReadOnlyList<BreakdownDimension> by)
    {
        var byDay = SumKinds.Of(by, UsageSums.Kept);
        var byHour = SumKinds.Of([.. by, BreakdownDimension.Hour], UsageSums.Kept);
        if (byDay is not (null or SumKind.Session) && UsageSums.Lag(connection) > UsageSums.MaxTail)
        {
            return (byDay is SumKind.Plain or SumKind.SessionAlone ? SumKind.Session : null, null);
        }
        return (byDay, byHour);
    }

    static string Days(BreakdownRange range) => $"period_day >= '{range.FirstDay:O}' AND period_day < '{range.EndDay:O}'";

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
