using System.Diagnostics;
using CurateMe.Ledger.Records;
using Microsoft.Data.Sqlite;

namespace CurateMe.Ledger.Sqlite;

/// <summary>
/// The ledger of the embedded default: <c>ledger.db</c> in the data directory, for one gateway process. A batch survives the death of the process when <see cref="RecordAsync"/> returns, and the loss of power after the next
/// <see cref="SyncAsync"/>.
/// </summary>
public sealed class SqliteLedger : IUsageLedger
{
    public const string FileName = "ledger.db";

    readonly TimeProvider _time;
    readonly UsageWriter _writer;
    readonly ReaderPool _readers;
    readonly SemaphoreSlim _writing = new(1);
    long _lastWriteMs;
    bool _disposed;

    SqliteLedger(SqliteConnection connection, string path, TimeProvider time)
    {
        _time = time;
        _writer = new UsageWriter(connection);
        _readers = new ReaderPool(path);
    }

    /// <summary>Opens the ledger of a data directory, making both if they are not there.</summary>
    /// <exception cref="LedgerUnavailableException">The file cannot be opened, is damaged, or is of a newer version.</exception>
    public static SqliteLedger Open(string dataDirectory, TimeProvider time)
    {
        var path = Path.Combine(dataDirectory, FileName);
        try
        {
            Directory.CreateDirectory(dataDirectory);
            return new SqliteLedger(SqliteFile.OpenWriter(path, "NORMAL", LedgerSchema.Steps), path, time);
        }
        catch (Exception e) when (e is SqliteException or IOException or UnauthorizedAccessException or InvalidOperationException)
        {
            throw new LedgerUnavailableException($"The ledger {path} cannot be opened: {e.Message}", e);
        }
    }

    // A commit writes whole pages: records that share it cost a third less.
    public int BatchesAtOnce => 16;

    public async Task<int> RecordAsync(IReadOnlyList<UsageRecord> batch, CancellationToken ct)
    {
        LedgerBatch.Check(batch);
        if (batch.Count == 0) return 0;
        await _writing.WaitAsync(ct);
        try
        {
            var added = _writer.Write(batch);
            Volatile.Write(ref _lastWriteMs, _time.GetUtcNow().ToUnixTimeMilliseconds());
            return added;
        }
        catch (SqliteException e)
        {
            throw Unavailable("did not store a batch", e);
        }
        finally
        {
            _writing.Release();
        }
    }

    public async Task SyncAsync(CancellationToken ct)
    {
        await _writing.WaitAsync(ct);
        try
        {
            await Task.Run(_writer.Sync, CancellationToken.None); // waits for the disk
        }
        catch (SqliteException e)
        {
            throw Unavailable("could not be forced to the disk", e);
        }
        finally
        {
            _writing.Release();
        }
    }

    public async Task MaintainAsync(CancellationToken ct)
    {
        for (var stretches = 0; stretches < UsageSums.MaxStretches; stretches++)
        {
            await _writing.WaitAsync(ct);
            try
            {
                if (!await Task.Run(_writer.SumStretch, CancellationToken.None)) return;
            }
            catch (SqliteException e)
            {
                throw Unavailable("could not keep its sums up", e);
            }
            finally
            {
                _writing.Release();
            }
        }
    }

    public Task<UsageRecord?> FindAsync(string orgId, RequestId id, CancellationToken ct) =>
        ReadAsync(connection => UsageSql.Find(connection, orgId, [id]).SingleOrDefault(), ct);

    public Task<IReadOnlyList<UsageRecord>> FindManyAsync(string orgId, IReadOnlyCollection<RequestId> ids, CancellationToken ct) =>
        ReadAsync<IReadOnlyList<UsageRecord>>(connection => UsageSql.Find(connection, orgId, ids), ct);

    public Task<UsagePage> QueryAsync(UsageQuery query, CancellationToken ct)
    {
        var after = UsageCursor.Parse(query.Cursor, query.Sort);
        return ReadAsync(connection => UsageSql.Query(connection, query, after), ct);
    }

    public Task<IReadOnlyList<LeafSpend>> SpendAsync(
        string? orgId, SpendPeriod period, IReadOnlySet<RequestId>? except, DateTimeOffset? before, CancellationToken ct) =>
        ReadAsync<IReadOnlyList<LeafSpend>>(connection => SpendSql.ByKey(connection, period, new SpendScope(orgId, except, before)), ct);

    public Task<IReadOnlyList<SessionSpend>> SessionSpendAsync(
        string? orgId, DateTimeOffset since, IReadOnlySet<RequestId>? except, DateTimeOffset? before, CancellationToken ct) =>
        ReadAsync<IReadOnlyList<SessionSpend>>(connection => SpendSql.BySession(connection, since, new SpendScope(orgId, except, before)), ct);

    public Task<IReadOnlyList<BreakdownRow>> BreakdownAsync(BreakdownQuery query, CancellationToken ct) =>
        ReadAsync<IReadOnlyList<BreakdownRow>>(connection => BreakdownSql.Breakdown(connection, query), ct);

    public async Task<LedgerHealth> CheckAsync(CancellationToken ct)
    {
        var started = Stopwatch.GetTimestamp();
        var seen = await ReadAsync(NewestRecord, ct);
        var wrote = Volatile.Read(ref _lastWriteMs);
        return new LedgerHealth(true, Stopwatch.GetElapsedTime(started).TotalMilliseconds, wrote == 0 ? seen : DateTimeOffset.FromUnixTimeMilliseconds(wrote));
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, true)) return;
        await _readers.DisposeAsync();
        await _writing.WaitAsync();
        _writer.Dispose();
        _writing.Dispose();
    }

    static DateTimeOffset? NewestRecord(SqliteConnection connection)
    {
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT ts FROM gateway_usage ORDER BY request_id DESC LIMIT 1";
        return command.ExecuteScalar() is long ts ? DateTimeOffset.FromUnixTimeMilliseconds(ts) : null;
    }

    async Task<T> ReadAsync<T>(Func<SqliteConnection, T> read, CancellationToken ct)
    {
        try
        {
            return await _readers.ReadAsync(read, ct);
        }
        catch (SqliteException e)
        {
            throw Unavailable("did not answer", e);
        }
    }

    static LedgerUnavailableException Unavailable(string what, SqliteException e) =>
        new($"The SQLite ledger {what}: {e.Message} (code {e.SqliteExtendedErrorCode})", e);
}
