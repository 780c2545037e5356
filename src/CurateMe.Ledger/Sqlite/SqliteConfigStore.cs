using CurateMe.Ledger.Configuration;
using Microsoft.Data.Sqlite;

namespace CurateMe.Ledger.Sqlite;

/// <summary>
/// The configuration of the embedded default: <c>config.db</c> in the data directory. A change, its audit entry and its revisions are one
/// transaction, which is on the disk when <see cref="WriteAsync"/> returns.
/// </summary>
public sealed class SqliteConfigStore : IConfigStore
{
    public const string FileName = "config.db";

    readonly SqliteConnection _connection;
    readonly ReaderPool _readers;
    readonly SemaphoreSlim _writing = new(1);
    bool _disposed;

    SqliteConfigStore(SqliteConnection connection, string path)
    {
        _connection = connection;
        _readers = new ReaderPool(path);
    }

    /// <summary>Opens the store of a data directory, making both if they are not there.</summary>
    /// <exception cref="ConfigStoreUnavailableException">The file cannot be opened, is damaged, or is of a newer version.</exception>
    public static SqliteConfigStore Open(string dataDirectory)
    {
        var path = Path.Combine(dataDirectory, FileName);
        try
        {
            Directory.CreateDirectory(dataDirectory);
            return new SqliteConfigStore(SqliteFile.OpenWriter(path, "FULL", ConfigSchema.Steps), path);
        }
        catch (Exception e) when (e is SqliteException or IOException or UnauthorizedAccessException or InvalidOperationException)
        {
            throw new ConfigStoreUnavailableException($"The configuration {path} cannot be opened: {e.Message}", outcomeUnknown: false, e);
        }
    }

    public Task<ConfigDocument?> GetAsync(string collection, string id, CancellationToken ct) => ReadAsync(
        connection => ConfigRows.Documents(connection, "collection = $a AND id = $b AND json IS NOT NULL", 1, collection, id).SingleOrDefault(), ct);

    public Task<ConfigDocument?> LookupAsync(string collection, string lookup, CancellationToken ct) => ReadAsync(
        connection => ConfigRows.Documents(connection, "collection = $a AND lookup = $b AND json IS NOT NULL", 1, collection, lookup).SingleOrDefault(), ct);

    public Task<IReadOnlyList<ConfigDocument>> ListAsync(string collection, string? orgId, string? afterId, int limit, CancellationToken ct)
    {
        var org = orgId is null ? "" : "AND org_id = $c ";
        return ReadAsync<IReadOnlyList<ConfigDocument>>(
            connection => ConfigRows.Documents(connection, $"collection = $a AND id > $b {org}AND json IS NOT NULL ORDER BY id", limit, collection, afterId ?? "", orgId), ct);
    }

    public Task<long> RevisionAsync(CancellationToken ct) => ReadAsync(connection => ConfigRows.Revision(connection, null), ct);

    public Task<IReadOnlyList<ConfigDocument>> ChangesAsync(long afterRevision, int limit, CancellationToken ct) => ReadAsync<IReadOnlyList<ConfigDocument>>(
        connection => ConfigRows.Documents(connection, "revision > $a ORDER BY revision", limit, afterRevision), ct);

    public Task<IReadOnlyList<AuditEntry>> AuditAsync(AuditQuery query, CancellationToken ct) =>
        ReadAsync<IReadOnlyList<AuditEntry>>(connection => ConfigRows.Audit(connection, query), ct);

    public async Task<long> WriteAsync(IReadOnlyList<ConfigWrite> writes, AuditDraft? audit, CancellationToken ct)
    {
        ConfigChange.Check(writes);
        await _writing.WaitAsync(ct);
        try
        {
            return await Task.Run(() => Write(writes, audit), CancellationToken.None); // waits for the disk
        }
        catch (SqliteException e)
        {
            throw Unavailable("did not store a change", e);
        }
        finally
        {
            _writing.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, true)) return;
        await _readers.DisposeAsync();
        await _writing.WaitAsync();
        await _connection.DisposeAsync();
        _writing.Dispose();
    }

    long Write(IReadOnlyList<ConfigWrite> writes, AuditDraft? audit)
    {
        using var transaction = _connection.BeginTransaction(deferred: false);
        var revision = ConfigRows.Revision(_connection, transaction);
        foreach (var write in writes)
        {
            var (version, deleted) = ConfigRows.Version(_connection, transaction, write);
            var next = ConfigChange.NextVersion(write, version, deleted);
            try
            {
                ConfigRows.Store(_connection, transaction, write, next, ++revision);
            }
            catch (SqliteException e) when (e.SqliteExtendedErrorCode == SQLitePCL.raw.SQLITE_CONSTRAINT_UNIQUE)
            {
                throw ConfigChange.LookupTaken(write);
            }
        }
        if (audit is not null) ConfigRows.Append(_connection, transaction, audit);
        transaction.Commit();
        return revision;
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

    static ConfigStoreUnavailableException Unavailable(string what, SqliteException e) =>
        new($"The SQLite configuration store {what}: {e.Message} (code {e.SqliteExtendedErrorCode})", outcomeUnknown: false, e);
}
