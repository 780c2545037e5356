using CurateMe.Ledger.Configuration;
using CurateMe.Ledger.Records;
using Microsoft.Data.Sqlite;

namespace CurateMe.Ledger.Sqlite;

/// <summary>Rows of config.db as documents and audit entries, and back.</summary>
internal static class ConfigRows
{
    /// <param name="condition">With the parameters $a, $b and $c, and the order.</param>
    internal static List<ConfigDocument> Documents(SqliteConnection connection, string condition, int limit, params ReadOnlySpan<object?> parameters)
    {
        using var command = connection.CreateCommand();
        command.CommandText = $"SELECT {ConfigSchema.DocumentColumns} FROM config_documents WHERE {condition} LIMIT {ConfigChange.Limit(limit)}";
        for (var i = 0; i < parameters.Length; i++)
        {
            if (parameters[i] is { } value) command.Parameters.AddWithValue($"${(char)('a' + i)}", value);
        }
        var documents = new List<ConfigDocument>();
        using var row = command.ExecuteReader();
        while (row.Read())
        {
            documents.Add(new ConfigDocument(
                row.GetString(0), row.GetString(1), Text(row, 2), Text(row, 3), Text(row, 4) ?? "null", row.GetInt64(5), row.GetInt64(6), row.IsDBNull(4)));
        }
        return documents;
    }

    internal static long Revision(SqliteConnection connection, SqliteTransaction? transaction)
    {
        using var command = Command(connection, transaction, "SELECT coalesce(max(revision), 0) FROM config_documents");
        return (long)command.ExecuteScalar()!;
    }

    /// <summary>The version that is stored, 0 when there was never one.</summary>
    internal static (long Version, bool Deleted) Version(SqliteConnection connection, SqliteTransaction transaction, ConfigWrite write)
    {
        using var command = Command(
            connection, transaction, "SELECT version, json IS NULL FROM config_documents WHERE collection = $a AND id = $b", write.Collection, write.Id);
        using var row = command.ExecuteReader();
        return row.Read() ? (row.GetInt64(0), row.GetBoolean(1)) : (0, true);
    }

    internal static void Store(SqliteConnection connection, SqliteTransaction transaction, ConfigWrite write, long version, long revision)
    {
        using var command = Command(
            connection,
            transaction,
            $"""
            INSERT INTO config_documents ({ConfigSchema.DocumentColumns}) VALUES ($a, $b, $c, $d, $e, $f, $g) ON CONFLICT (collection, id) DO UPDATE SET
              org_id = excluded.org_id, lookup = excluded.lookup, json = excluded.json, version = excluded.version, revision = excluded.revision
            """,
            write.Collection, write.Id, write.OrgId, write.Lookup, write.Json, version, revision);
        command.ExecuteNonQuery();
    }

    /// <summary>Adds to the chain, whose end no one else can move within this transaction.</summary>
    internal static void Append(SqliteConnection connection, SqliteTransaction transaction, AuditDraft audit)
    {
        var (sequence, hash) = (0L, AuditChain.Genesis);
        using (var last = Command(connection, transaction, "SELECT sequence, hash FROM config_audit ORDER BY sequence DESC LIMIT 1"))
        using (var row = last.ExecuteReader())
        {
            if (row.Read()) (sequence, hash) = (row.GetInt64(0), row.GetString(1));
        }
        var (number, draft, previous, own) = AuditChain.Append(sequence, hash, audit);
        using var command = Command(
            connection,
            transaction,
            $"INSERT INTO config_audit ({ConfigSchema.AuditColumns}) VALUES ($a, $b, $c, $d, $e, $f, $g, $h, $i, $j, $k, $l)",
            number, draft.At.ToUnixTimeMilliseconds(), draft.Actor, draft.FromIp, draft.Action, draft.TargetType, draft.TargetId, draft.OrgId,
            draft.BeforeJson, draft.AfterJson, previous, own);
        command.ExecuteNonQuery();
    }

    internal static List<AuditEntry> Audit(SqliteConnection connection, AuditQuery query)
    {
        using var command = connection.CreateCommand();
        var conditions = new List<string> { "true" };
        void Where(string condition, string name, object? value)
        {
            if (value is null) return;
            conditions.Add($"{condition} {name}");
            command.Parameters.AddWithValue(name, value);
        }
        Where("org_id =", "$org", query.OrgId);
        Where("action =", "$action", query.Action);
        Where("target_id =", "$target", query.TargetId);
        Where("at >=", "$from", query.From is { } from ? BreakdownRange.Milliseconds(from) : null);
        Where("at <", "$to", query.To is { } to ? BreakdownRange.Milliseconds(to) : null);
        Where("sequence <", "$before", query.BeforeSequence);
        command.CommandText =
            $"SELECT {ConfigSchema.AuditColumns} FROM config_audit WHERE {string.Join(" AND ", conditions)} ORDER BY sequence DESC LIMIT {ConfigChange.Limit(query.Limit)}";
        var entries = new List<AuditEntry>();
        using var row = command.ExecuteReader();
        while (row.Read())
        {
            entries.Add(new AuditEntry(
                row.GetInt64(0),
                new AuditDraft(
                    DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(1)), row.GetString(2), Text(row, 3), row.GetString(4), row.GetString(5), row.GetString(6),
                    Text(row, 7), Text(row, 8), Text(row, 9)),
                row.GetString(10),
                row.GetString(11)));
        }
        return entries;
    }

    static SqliteCommand Command(SqliteConnection connection, SqliteTransaction? transaction, string sql, params ReadOnlySpan<object?> parameters)
    {
        var command = connection.CreateCommand();
        command.Transaction = transaction;
        command.CommandText = sql;
        for (var i = 0; i < parameters.Length; i++) command.Parameters.AddWithValue($"${(char)('a' + i)}", parameters[i] ?? DBNull.Value);
        return command;
    }

    static string? Text(SqliteDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);
}
