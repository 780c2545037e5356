using System.Collections.Concurrent;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace CurateMe.Ledger.Sqlite;

/// <summary>Connections that read, beside the one that writes. Reads beyond the limit wait their turn.</summary>
internal sealed class ReaderPool(string path) : IAsyncDisposable
{
    /// <summary>Most reads at once.</summary>
    internal const int MaxReaders = 4;

    readonly SemaphoreSlim _turns = new(MaxReaders);
    readonly ConcurrentBag<SqliteConnection> _idle = [];

    /// <summary>Runs a read on a thread of the pool; cancelling interrupts the query.</summary>
    internal async Task<T> ReadAsync<T>(Func<SqliteConnection, T> read, CancellationToken ct)
    {
        await _turns.WaitAsync(ct);
        try
        {
            return await Task.Run(() => Read(read, ct), ct);
        }
        finally
        {
            _turns.Release();
        }
    }

    /// <summary>Waits for the reads that run, and closes.</summary>
    public async ValueTask DisposeAsync()
    {
        for (var i = 0; i < MaxReaders; i++) await _turns.WaitAsync();
        while (_idle.TryTake(out var connection)) connection.Dispose();
        _turns.Dispose();
    }

    T Read<T>(Func<SqliteConnection, T> read, CancellationToken ct)
    {
        if (!_idle.TryTake(out var connection)) connection = SqliteFile.OpenReader(path);
        try
        {
            T answer;
            using (ct.UnsafeRegister(static db => raw.sqlite3_interrupt((sqlite3)db!), connection.Handle))
            {
                answer = read(connection);
            }
            _idle.Add(connection);
            return answer;
        }
        catch
        {
            connection.Dispose();
            ct.ThrowIfCancellationRequested();
            throw;
        }
    }
}
