using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace CurateMe.Ledger.Sqlite;

/// <summary>
/// A statement prepared once and run for every record. It goes past ADO.NET, whose parameter objects cost more than SQLite's own work, and
/// past the copies that SQLite would make of each text: all of a row's lie in one pinned buffer until the row is written.
/// Not thread-safe: it belongs to the writing connection.
/// </summary>
internal sealed unsafe partial class RawStatement : IDisposable
{
    const string Library = "e_sqlite3";

    // A row's texts: 14 of at most UsageRecord.MaxIdBytes, the tags and the JSON of rare units.
    const int ScratchBytesPerRow = 8 << 10;

    readonly sqlite3 _db;
    readonly sqlite3_stmt _statement;
    readonly nint _handle;
    readonly byte[] _scratch;
    int _used;

    /// <param name="rows">Rows that it takes at once.</param>
    internal RawStatement(sqlite3 db, string sql, int rows = 1)
    {
        _scratch = GC.AllocateUninitializedArray<byte>(rows * ScratchBytesPerRow, pinned: true);
        _db = db;
        Check(raw.sqlite3_prepare_v3(db, sql, raw.SQLITE_PREPARE_PERSISTENT, out _statement));
        _handle = _statement.DangerousGetHandle();
    }

    /// <summary>Binds text; null is NULL.</summary>
    internal void Text(int index, string? value)
    {
        if (value is null)
        {
            Check(BindNull(_handle, index));
            return;
        }
        var room = _scratch.AsSpan(_used);
        if (Encoding.UTF8.TryGetBytes(value, room, out var written))
        {
            Bind(index, written);
            return;
        }
        Check(raw.sqlite3_bind_text(_statement, index, Encoding.UTF8.GetBytes(value)));
    }

    /// <summary>Room for a text of ASCII that the caller writes.</summary>
    internal Span<byte> Text(int index, int length)
    {
        if (_scratch.Length - _used < length) throw new InvalidOperationException("The texts of a row have outgrown their buffer.");
        var room = _scratch.AsSpan(_used, length);
        Bind(index, length);
        return room;
    }

    internal void Integer(int index, long value) => Check(BindInt64(_handle, index, value));

    /// <summary>Runs the statement and makes it ready for the next values, of which every one must be bound.</summary>
    /// <exception cref="SqliteException">It failed.</exception>
    internal void Run()
    {
        var code = Step(_handle);
        var failure = code == raw.SQLITE_DONE ? null : Failure(code);
        _ = Reset(_handle);
        _used = 0;
        if (failure is not null) throw failure;
    }

    /// <summary>Gives up what was bound and not run.</summary>
    internal void Forget() => _used = 0;

    /// <summary>Rows that the last statement on this connection inserted or changed.</summary>
    internal int Changes => raw.sqlite3_changes(_db);

    public void Dispose() => _statement.Dispose();

    // Static: SQLite reads the bytes where they are, and the buffer is pinned and left alone until the statement was reset.
    void Bind(int index, int length)
    {
        Check(BindText(_handle, index, (byte*)Marshal.UnsafeAddrOfPinnedArrayElement(_scratch, _used), length, destructor: 0));
        _used += length;
    }

    void Check(int code)
    {
        if (code != raw.SQLITE_OK) throw Failure(code);
    }

    SqliteException Failure(int code) => new(raw.sqlite3_errmsg(_db).utf8_to_string(), code, raw.sqlite3_extended_errcode(_db));

    [LibraryImport(Library, EntryPoint = "sqlite3_bind_text"), SuppressGCTransition]
    private static partial int BindText(nint statement, int index, byte* text, int bytes, nint destructor);

    [LibraryImport(Library, EntryPoint = "sqlite3_bind_int64"), SuppressGCTransition]
    private static partial int BindInt64(nint statement, int index, long value);

    [LibraryImport(Library, EntryPoint = "sqlite3_bind_null"), SuppressGCTransition]
    private static partial int BindNull(nint statement, int index);

    [LibraryImport(Library, EntryPoint = "sqlite3_step")]
    private static partial int Step(nint statement);

    [LibraryImport(Library, EntryPoint = "sqlite3_reset")]
    private static partial int Reset(nint statement);
}
