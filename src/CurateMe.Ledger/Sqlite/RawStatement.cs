using System.Text;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace CurateMe.Ledger.Sqlite;

/// <summary>
/// A statement prepared once and run for every record. It goes past ADO.NET, whose parameter objects cost more than SQLite's own work.
/// Not thread-safe: it belongs to the writing connection.
/// </summary>
internal sealed class RawStatement : IDisposable
{
    readonly sqlite3 _db;
    readonly sqlite3_stmt _statement;

    internal RawStatement(sqlite3 db, string sql)
    {
        _db = db;
        Check(raw.sqlite3_prepare_v3(db, sql, raw.SQLITE_PREPARE_PERSISTENT, out _statement));
    }

    /// <summary>Binds text; null and what is not bound is NULL.</summary>
    internal void Text(int index, string? value)
    {
        if (value is null) return;
        if (value.Length == 0)
        {
            Check(raw.sqlite3_bind_text(_statement, index, ""));
            return;
        }
        Span<byte> scratch = stackalloc byte[256];
        var utf8 = value.Length <= scratch.Length / 3 ? scratch[..Encoding.UTF8.GetBytes(value, scratch)] : Encoding.UTF8.GetBytes(value);
        Check(raw.sqlite3_bind_text(_statement, index, utf8));
    }

    internal void Text(int index, ReadOnlySpan<byte> utf8) => Check(raw.sqlite3_bind_text(_statement, index, utf8));

    internal void Integer(int index, long value) => Check(raw.sqlite3_bind_int64(_statement, index, value));

    /// <summary>Runs the statement and makes it ready for the next values.</summary>
    /// <exception cref="SqliteException">It failed.</exception>
    internal void Run()
    {
        var code = raw.sqlite3_step(_statement);
        if (code is raw.SQLITE_DONE)
        {
            raw.sqlite3_reset(_statement);
            raw.sqlite3_clear_bindings(_statement);
            return;
        }
        var failure = Failure(code);
        raw.sqlite3_reset(_statement);
        raw.sqlite3_clear_bindings(_statement);
        throw failure;
    }

    /// <summary>Rows that the last statement on this connection inserted or changed.</summary>
    internal int Changes => raw.sqlite3_changes(_db);

    public void Dispose() => _statement.Dispose();

    void Check(int code)
    {
        if (code != raw.SQLITE_OK) throw Failure(code);
    }

    SqliteException Failure(int code) => new(raw.sqlite3_errmsg(_db).utf8_to_string(), code, raw.sqlite3_extended_errcode(_db));
}
