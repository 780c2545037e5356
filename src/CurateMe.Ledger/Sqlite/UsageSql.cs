using CurateMe.Ledger.Records;
using Microsoft.Data.Sqlite;

namespace CurateMe.Ledger.Sqlite;

/// <summary>The queries for records. The tenant is in every WHERE clause (I10).</summary>
internal static class UsageSql
{
    internal static List<UsageRecord> Find(SqliteConnection connection, string orgId, IReadOnlyCollection<RequestId> ids)
    {
        using var command = connection.CreateCommand();
        command.CommandText = $"SELECT {LedgerSchema.Columns} FROM gateway_usage WHERE request_id = $id AND org_id = $org";
        var wanted = command.Parameters.Add("$id", SqliteType.Text);
        command.Parameters.AddWithValue("$org", orgId);
        List<UsageRecord> found = [];
        foreach (var id in ids)
        {
            wanted.Value = id.ToString();
            found.AddRange(UsageRows.ReadAll(command));
        }
        return found;
    }

    internal static UsagePage Query(SqliteConnection connection, UsageQuery query, UsageCursor? after)
    {
        var limit = Math.Clamp(query.Limit, 1, UsageQuery.MaxLimit);
        using var command = connection.CreateCommand();
        var key = query.Sort.ByCost() ? "cost_nano_usd" : "ts";
        var (direction, beyond) = query.Sort.Descending() ? ("DESC", "<") : ("ASC", ">");
        var conditions = Conditions(query, command);
        if (after is { } cursor)
        {
            conditions.Add($"({key}, request_id) {beyond} ($key, $after)");
            command.Parameters.AddWithValue("$key", cursor.Key);
            command.Parameters.AddWithValue("$after", cursor.Id.ToString());
        }
        // The ids of a page come from the index alone where the conditions allow it; only its rows are then read.
        command.CommandText =
            $"""
            SELECT {LedgerSchema.Columns} FROM gateway_usage WHERE request_id IN (
              SELECT request_id FROM gateway_usage INDEXED BY gateway_usage_by_time
              WHERE {string.Join(" AND ", conditions)}
              ORDER BY {key} {direction}, request_id {direction} LIMIT {limit + 1})
            ORDER BY {key} {direction}, request_id {direction}
            """;
        var records = UsageRows.ReadAll(command);
        if (records.Count <= limit) return new UsagePage(records, null);
        records.RemoveAt(limit);
        return new UsagePage(records, UsageCursor.After(query.Sort, records[^1]).ToString());
    }

    static List<string> Conditions(UsageQuery query, SqliteCommand command)
    {
        var conditions = new List<string>();
        void Where(string condition, string name, object? value)
        {
            if (value is null) return;
            conditions.Add($"{condition} {name}");
            command.Parameters.AddWithValue(name, value);
        }
        Where("org_id =", "$org", query.OrgId);
        Where("ts >=", "$from", Milliseconds(query.From));
        Where("ts <", "$to", Milliseconds(query.To));
        Where("key_id =", "$key_id", query.KeyId);
        Where("team_id =", "$team", query.TeamId);
        Where("runner_id =", "$runner", query.RunnerId);
        Where("session_id =", "$session", query.SessionId);
        Where("model =", "$model", query.Model);
        Where("provider =", "$provider", query.Provider);
        Where("status =", "$status", query.Status?.Name());
        Where("usage_source =", "$source", query.Source?.Name());
        if (query.Tag is not null)
        {
            conditions.Add("instr(',' || tags || ',', $tag) > 0");
            command.Parameters.AddWithValue("$tag", $",{query.Tag},");
        }
        return conditions;
    }

    static long? Milliseconds(DateTimeOffset? bound) => bound is { } at ? BreakdownRange.Milliseconds(at) : null;
}
