using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace CurateMe.Ledger.Sqlite;

/// <summary>Opening a database file of ours: WAL, and a schema that is brought up to date step by step under <c>user_version</c>.</summary>
internal static class SqliteFile
{
    /// <summary>Longest wait for another process's write transaction.</summary>
    internal const int BusyTimeoutMs = 5_000;

    // Each connection is used by one thread at a time, and so need not lock itself at each of the forty calls that store a record.
    // Where something opened SQLite before us it says no, and connections lock themselves: that is only slower.
    static SqliteFile()
    {
        Batteries_V2.Init();
        _ = raw.sqlite3_config(raw.SQLITE_CONFIG_MULTITHREAD);
    }

    /// <summary>Opens the one connection that writes, makes the file if there is none, and applies the schema steps it has not had.</summary>
    /// <param name="steps">SQL of each schema version; steps are appended, never changed.</param>
    /// <exception cref="SqliteException">The file cannot be opened, or is no database.</exception>
    /// <exception cref="InvalidOperationException">The file was made by a newer version of this program.</exception>
    internal static SqliteConnection OpenWriter(string path, string synchronous, IReadOnlyList<string> steps)
    {
        var connection = Open(path, SqliteOpenMode.ReadWriteCreate);
        try
        {
            Execute(connection, $"PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous={synchronous}; PRAGMA wal_autocheckpoint=2000; PRAGMA cache_size=-32768;");
            Migrate(connection, path, steps);
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>Opens a connection that can only read.</summary>
    internal static SqliteConnection OpenReader(string path)
    {
        var connection = Open(path, SqliteOpenMode.ReadWrite); // a reader of a WAL takes part in its shared memory
        Execute(connection, "PRAGMA query_only=1; PRAGMA cache_size=-16384; PRAGMA mmap_size=1073741824;");
        return connection;
    }

    internal static void Execute(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    static SqliteConnection Open(string path, SqliteOpenMode mode)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Mode = mode, Pooling = false }.ToString());
        connection.Open();
        Execute(connection, $"PRAGMA busy_timeout={BusyTimeoutMs};");
        return connection;
    }

    static void Migrate(SqliteConnection connection, string path, IReadOnlyList<string> steps)
    {
        using var transaction = connection.BeginTransaction();
        using var command = connection.CreateCommand();
        command.CommandText = "PRAGMA user_version";
        var version = (long)command.ExecuteScalar()!;
        if (version > steps.Count)
        {
            throw new InvalidOperationException(
                $"{path} has schema version {version}; this program knows {steps.Count}. It was written by a newer version: run that one, or restore a backup.");
        }
        for (var step = (int)version; step < steps.Count; step++)
        {
            Execute(connection, steps[step]);
            Execute(connection, $"PRAGMA user_version={step + 1}");
        }
        transaction.Commit();
    }
}
