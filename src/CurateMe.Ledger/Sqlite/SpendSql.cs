using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;
using Microsoft.Data.Sqlite;

namespace CurateMe.Ledger.Sqlite;

/// <summary>What counters are rebuilt from: the roll-up, less the few records that are to be left out, read as one state of the file.</summary>
internal static class SpendSql
{
    /// <summary>The records to leave out: those of the end of the index by time, and those named.</summary>
    const string LeftOut =
        """
        org_id = $org AND request_id IN (
          SELECT request_id FROM gateway_usage WHERE org_id = $org AND ts >= $before UNION SELECT value FROM json_each($except))
        """;

    internal static List<LeafSpend> ByKey(SqliteConnection connection, SpendPeriod period, SpendScope scope)
    {
        using var command = connection.CreateCommand();
        var org = BreakdownSql.Org(command, scope.OrgId);
        const string Days = "period_day >= $first AND period_day < $end";
        command.CommandText =
            $"""
            SELECT org_id, nullif(team, ''), key_id, sum(cost), sum(requests) FROM (
              SELECT org_id, team_id AS team, key_id, cost_nano_usd AS cost, requests FROM gateway_usage_daily WHERE {org} AND {Days}
              UNION ALL SELECT org_id, coalesce(team_id, ''), key_id, cost_nano_usd, 1 FROM {LedgerSchema.Tail} AND {org} AND {Days}
              {LessRecords(command, scope, "coalesce(team_id, ''), key_id, -cost_nano_usd, -1", Days)})
            GROUP BY org_id, team, key_id HAVING sum(requests) > 0
            """;
        command.Parameters.AddWithValue("$first", period.Day.ToString("O"));
        command.Parameters.AddWithValue("$end", period.End.ToString("O"));
        var rows = new List<LeafSpend>();
        using var row = command.ExecuteReader();
        while (row.Read()) rows.Add(new LeafSpend(row.GetString(0), Text(row, 1), row.GetString(2), new NanoUsd(row.GetInt64(3)), row.GetInt64(4)));
        return rows;
    }

    internal static List<SessionSpend> BySession(SqliteConnection connection, DateTimeOffset since, SpendScope scope)
    {
        using var command = connection.CreateCommand();
        var org = BreakdownSql.Org(command, scope.OrgId);
        const string Recent = "(org_id, session_id) IN (SELECT org_id, session_id FROM recent)";
        command.CommandText =
            $"""
            WITH recent AS MATERIALIZED (
              SELECT org_id, session_id FROM gateway_usage_daily WHERE {org} AND period_day >= $day AND last_ts >= $since AND session_id <> ''
              UNION SELECT org_id, session_id FROM {LedgerSchema.Tail} AND {org} AND ts >= $since AND session_id <> '')
            SELECT org_id, nullif(runner, ''), session_id, sum(cost), sum(requests), max(last) FROM (
              SELECT org_id, runner_id AS runner, session_id, cost_nano_usd AS cost, requests, last_ts AS last
              FROM gateway_usage_daily WHERE session_id <> '' AND {Recent}
              UNION ALL SELECT org_id, coalesce(runner_id, ''), session_id, cost_nano_usd, 1, ts FROM {LedgerSchema.Tail} AND {org} AND {Recent}
              {LessRecords(command, scope, "coalesce(runner_id, ''), session_id, -cost_nano_usd, -1, 0", Recent)})
            GROUP BY org_id, runner, session_id HAVING sum(requests) > 0
            """;
        command.Parameters.AddWithValue("$day", DateOnly.FromDateTime(since.UtcDateTime).ToString("O"));
        command.Parameters.AddWithValue("$since", BreakdownRange.Milliseconds(since));
        var rows = new List<SessionSpend>();
        using var row = command.ExecuteReader();
        while (row.Read())
        {
            rows.Add(new SessionSpend(
                row.GetString(0), Text(row, 1), row.GetString(2), new NanoUsd(row.GetInt64(3)), row.GetInt64(4), DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(5))));
        }
        return rows;
    }

    static string LessRecords(SqliteCommand command, SpendScope scope, string columns, string condition)
    {
        if (!scope.LeavesOut) return "";
        command.Parameters.AddWithValue("$before", scope.BeforeMs);
        command.Parameters.AddWithValue("$except", $"[{string.Join(',', (scope.Except ?? new HashSet<RequestId>()).Select(id => $"\"{id}\""))}]");
        return $"UNION ALL SELECT org_id, {columns} FROM gateway_usage WHERE {LeftOut} AND {condition}";
    }

    static string? Text(SqliteDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);
}
