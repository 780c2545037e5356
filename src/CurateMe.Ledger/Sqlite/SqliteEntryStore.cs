using CurateMe.Ledger.Entries;
using Microsoft.Data.Sqlite;

namespace CurateMe.Ledger.Sqlite;

/// <summary>
/// Entries of the embedded default: <c>entries.db</c> in the data directory. A write survives the death of the process when the call returns.
/// What has ended is removed as new entries come.
/// </summary>
public sealed class SqliteEntryStore : IEntryStore, IAsyncDisposable
{
    public const string FileName = "entries.db";

    /// <summary>Most entries of all partitions together.</summary>
    public const long MaxEntries = 10_000_000;

    /// <summary>Ended entries removed with each new one.</summary>
    const int RemovedAtOnce = 20;

    static readonly string[] Steps =
    [
        """
        CREATE TABLE entries (name TEXT NOT NULL UNIQUE, value BLOB NOT NULL, ends INTEGER NOT NULL) STRICT;
        CREATE INDEX entries_by_end ON entries (ends);
        CREATE TABLE tallies (name TEXT PRIMARY KEY, entries INTEGER NOT NULL, bytes INTEGER NOT NULL, ends INTEGER NOT NULL) STRICT, WITHOUT ROWID;
        """,
    ];

    readonly SqliteConnection connection;
    readonly TimeProvider time;
    readonly SemaphoreSlim turn = new(1);
    long count;
    bool disposed;

    SqliteEntryStore(SqliteConnection connection, TimeProvider time)
    {
        (this.connection, this.time) = (connection, time);
        count = Number("SELECT count(*) FROM entries") ?? 0;
    }

    /// <summary>Opens the store of a data directory, making both if they are not there.</summary>
    /// <param name="safe">Wait for the disk at each write, so that entries survive a power cut too.</param>
    /// <exception cref="EntryStoreUnavailableException">The file cannot be opened, is damaged, or is of a newer version.</exception>
    public static SqliteEntryStore Open(string dataDirectory, TimeProvider time, bool safe = false)
    {
        var path = Path.Combine(dataDirectory, FileName);
        try
        {
            Directory.CreateDirectory(dataDirectory);
            return new SqliteEntryStore(SqliteFile.OpenWriter(path, safe ? "FULL" : "NORMAL", Steps), time);
        }
        catch (Exception e) when (e is SqliteException or IOException or UnauthorizedAccessException or InvalidOperationException)
        {
            throw new EntryStoreUnavailableException($"The entries {path} cannot be opened: {e.Message}", e);
        }
    }

    public ValueTask<EntryAdd> AddAsync(EntryName name, ReadOnlyMemory<byte> value, TimeSpan timeToLive, EntryQuota? quota, CancellationToken ct) =>
        RunAsync(() => Add(name, value, timeToLive, quota), ct);

    public ValueTask<byte[]?> FindAsync(EntryName name, CancellationToken ct) => RunAsync(() => Value(name), ct);

    public ValueTask<EntryChange> ReplaceAsync(EntryName name, ReadOnlyMemory<byte> expected, ReadOnlyMemory<byte> value, EntryQuota? quota, CancellationToken ct) =>
        RunAsync(() => Replace(name, expected, value, quota), ct);

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref disposed, true))
        {
            return;
        }
        await turn.WaitAsync().ConfigureAwait(false);
        await connection.DisposeAsync().ConfigureAwait(false);
        turn.Dispose();
    }

    async ValueTask<T> RunAsync<T>(Func<T> work, CancellationToken ct)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        await turn.WaitAsync(ct).ConfigureAwait(false);
        try
        {
            // The disk is waited for, so never on a socket's thread.
            return await Task.Run(work, CancellationToken.None).ConfigureAwait(false);
        }
        catch (SqliteException e)
        {
            throw new EntryStoreUnavailableException("The entries cannot be read or written: " + e.Message, e);
        }
        finally
        {
            turn.Release();
        }
    }

    EntryAdd Add(EntryName name, ReadOnlyMemory<byte> value, TimeSpan timeToLive, EntryQuota? quota)
    {
        using var transaction = connection.BeginTransaction(deferred: false);
        var removed = RemoveEnded(name);
        var outcome = AddTo(count - removed, name, value, timeToLive, quota);
        transaction.Commit();
        count += (outcome.Added ? 1 : 0) - removed;
        return outcome;
    }

    EntryAdd AddTo(long entries, EntryName name, ReadOnlyMemory<byte> value, TimeSpan timeToLive, EntryQuota? quota)
    {
        if (Value(name) is { } found)
        {
            return new EntryAdd(found, Full: false);
        }
        if (entries >= MaxEntries || (quota is not null && !Tally(name, 1, 0, quota)))
        {
            return new EntryAdd(null, Full: true);
        }
        Execute("INSERT INTO entries (name, value, ends) VALUES ($a, $b, $c)", Text(name), value.ToArray(), Now + (long)timeToLive.TotalMilliseconds);
        return default;
    }

    EntryChange Replace(EntryName name, ReadOnlyMemory<byte> expected, ReadOnlyMemory<byte> value, EntryQuota? quota)
    {
        using var transaction = connection.BeginTransaction(deferred: false);
        if (Value(name) is not { } there || !expected.Span.SequenceEqual(there))
        {
            return EntryChange.Differs;
        }
        if (quota is not null && !Tally(name, 0, value.Length, quota))
        {
            return EntryChange.Full;
        }
        if (value.IsEmpty)
        {
            Execute("DELETE FROM entries WHERE name = $a", Text(name));
        }
        else
        {
            Execute("UPDATE entries SET value = $b WHERE name = $a", Text(name), value.ToArray());
        }
        transaction.Commit();
        count -= value.IsEmpty ? 1 : 0;
        return EntryChange.Changed;
    }

    // False when the day's quota has no room for it; nothing is counted then. A quota that was lowered is in the way only of what there is more of.
    bool Tally(EntryName name, long entries, long bytes, EntryQuota quota)
    {
        var day = DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);
        var tally = $"{name.Partition}|{name.Kind}|{day:yyyy-MM-dd}";
        var ends = new DateTimeOffset(day.AddDays(2), TimeOnly.MinValue, TimeSpan.Zero).ToUnixTimeMilliseconds();
        return Number(
            """
            INSERT INTO tallies (name, entries, bytes, ends) SELECT $a, $b, $c, $f WHERE $b <= $d AND $c <= $e
            ON CONFLICT (name) DO UPDATE SET entries = entries + $b, bytes = bytes + $c WHERE ($b = 0 OR entries + $b <= $d) AND ($c = 0 OR bytes + $c <= $e)
            RETURNING 1
            """,
            tally, entries, bytes, quota.Entries, quota.Bytes, ends) is not null;
    }

    // Some of what has ended, and what is in the way of a new entry of this name in any case.
    int RemoveEnded(EntryName name)
    {
        Execute("DELETE FROM tallies WHERE name IN (SELECT name FROM tallies WHERE ends <= $a LIMIT $b)", Now, RemovedAtOnce);
        return Execute("DELETE FROM entries WHERE name = $a AND ends <= $b", Text(name), Now)
            + Execute("DELETE FROM entries WHERE rowid IN (SELECT rowid FROM entries WHERE ends <= $a ORDER BY ends LIMIT $b)", Now, RemovedAtOnce);
    }

    byte[]? Value(EntryName name)
    {
        using var command = Command("SELECT value FROM entries WHERE name = $a AND ends > $b", [Text(name), Now]);
        return (byte[]?)command.ExecuteScalar();
    }

    int Execute(string sql, params ReadOnlySpan<object> values)
    {
        using var command = Command(sql, values);
        return command.ExecuteNonQuery();
    }

    long? Number(string sql, params ReadOnlySpan<object> values)
    {
        using var command = Command(sql, values);
        return (long?)command.ExecuteScalar();
    }

    SqliteCommand Command(string sql, ReadOnlySpan<object> values)
    {
        var command = connection.CreateCommand();
        command.CommandText = sql;
        for (var i = 0; i < values.Length; i++)
        {
            command.Parameters.AddWithValue($"${(char)('a' + i)}", values[i]);
        }
        return command;
    }

    long Now => time.GetUtcNow().ToUnixTimeMilliseconds();

    static string Text(EntryName name) => $"{name.Partition}|{name.Kind}|{name.Id}";
}
