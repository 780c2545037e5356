using CurateMe.Ledger.Configuration;

namespace CurateMe.Ledger.Mongo;

/// <summary>
/// The configuration of shared mode. The truth is a log: one document of <c>config_log</c> per change, numbered without gaps, with all that the
/// change writes and its audit entry. Inserting it is what makes the change, so it is there as a whole or not at all, and of two writers who want the
/// same number one wins and the other looks again. <c>config_documents</c> is a view of the log that every reader brings up to date first.
/// </summary>
public sealed class MongoConfigStore : IConfigStore
{
    /// <summary>How often a writer looks again because another took the number.</summary>
    const int MaxTries = 200;

    /// <summary>How often an insert is sent whose answer was lost.</summary>
    const int MaxSends = 3;

    readonly MongoConnection _connection;
    readonly ConfigView _view = new();

    MongoConfigStore(MongoConnection connection) => _connection = connection;

    /// <summary>Connects, and makes the indexes that are not there.</summary>
    /// <exception cref="ConfigStoreUnavailableException">The driver is not installed, the URL is wrong, or the server does not answer.</exception>
    public static async Task<MongoConfigStore> OpenAsync(MongoOptions options, CancellationToken ct)
    {
        MongoConnection? connection = null;
        try
        {
            connection = new MongoConnection(options);
            var store = new MongoConfigStore(connection);
            await connection.RunAsync(session =>
            {
                MongoIndexes.OfConfiguration(session);
                store._view.Begin(session);
                return true;
            }, ct);
            return store;
        }
        catch (MongoException e)
        {
            connection?.Dispose();
            throw Unavailable("cannot be opened", e, outcomeUnknown: false);
        }
        catch
        {
            connection?.Dispose();
            throw;
        }
    }

    public Task<ConfigDocument?> GetAsync(string collection, string id, CancellationToken ct) => ReadAsync(
        session => _view.Find(session, new Bson { { "_id", ConfigLog.Key(collection, id) }, { "deleted", false } }, "_id", 1).SingleOrDefault(), ct);

    public Task<ConfigDocument?> LookupAsync(string collection, string lookup, CancellationToken ct) => ReadAsync(
        session => _view.Find(session, new Bson { { "collection", collection }, { "lookup", lookup }, { "deleted", false } }, "_id", 1).SingleOrDefault(), ct);

    public Task<IReadOnlyList<ConfigDocument>> ListAsync(string collection, string? orgId, string? afterId, int limit, CancellationToken ct)
    {
        var filter = new Bson { { "collection", collection }, { "id", new Bson { { "$gt", afterId ?? "" } } }, { "deleted", false } }.With("org_id", orgId);
        return ReadAsync<IReadOnlyList<ConfigDocument>>(session => _view.Find(session, filter, "id", limit), ct);
    }

    public Task<IReadOnlyList<ConfigDocument>> ChangesAsync(long afterRevision, int limit, CancellationToken ct) => ReadAsync<IReadOnlyList<ConfigDocument>>(
        session => _view.Find(session, new Bson { { "revision", new Bson { { "$gt", afterRevision } } } }, "revision", limit), ct);

    public Task<long> RevisionAsync(CancellationToken ct) => ReadAsync(session => ConfigLog.Newest(session).Revision, ct);

    public Task<IReadOnlyList<AuditEntry>> AuditAsync(AuditQuery query, CancellationToken ct) =>
        ReadAsync<IReadOnlyList<AuditEntry>>(session => ConfigLog.Audit(session, query), ct);

    public async Task<long> WriteAsync(IReadOnlyList<ConfigWrite> writes, AuditDraft? audit, CancellationToken ct)
    {
        ConfigChange.Check(writes);
        if (writes.Count == 0 && audit is null) return await RevisionAsync(ct);
        try
        {
            return await _connection.RunAsync(session => Write(session, writes, audit), ct);
        }
        catch (MongoException e)
        {
            throw Unavailable("did not store a change", e, outcomeUnknown: false);
        }
    }

    public async ValueTask DisposeAsync() => await Task.Run(_connection.Dispose); // waits for the calls that run

    long Write(MongoSession session, IReadOnlyList<ConfigWrite> writes, AuditDraft? audit)
    {
        for (var attempt = 0; attempt < MaxTries; attempt++)
        {
            _view.CatchUp(session);
            var head = ConfigLog.At(session, _view.Applied);
            var next = ConfigLog.Next(head, Versions(session, writes), audit);
            if (!Insert(session, next)) continue;
            Show(session);
            return head.Revision + writes.Count;
        }
        throw new ConfigStoreUnavailableException($"The configuration did not hold still for one change in {MaxTries} attempts; try again.", outcomeUnknown: false);
    }

    /// <summary>What each write makes of the state that the view is in, or a conflict.</summary>
    static List<(ConfigWrite Write, long Version)> Versions(MongoSession session, IReadOnlyList<ConfigWrite> writes)
    {
        var stored = ConfigView.OfKeys(session, writes.Select(write => ConfigLog.Key(write.Collection, write.Id)));
        var owners = new Dictionary<(string, string), string>();
        foreach (var owner in ConfigView.OfLookups(session, writes)) owners[(owner.Collection, owner.Lookup!)] = owner.Id;
        var versions = new List<(ConfigWrite, long)>();
        foreach (var write in writes)
        {
            var before = stored.GetValueOrDefault((write.Collection, write.Id));
            versions.Add((write, ConfigChange.NextVersion(write, before?.Version ?? 0, before?.Deleted ?? true)));
            if (before is { Deleted: false, Lookup: { } given } && owners.GetValueOrDefault((write.Collection, given)) == write.Id)
            {
                owners.Remove((write.Collection, given));
            }
            if (write is { Json: not null, Lookup: { } wanted } && !owners.TryAdd((write.Collection, wanted), write.Id)) throw ConfigChange.LookupTaken(write);
        }
        return versions;
    }

    /// <summary>False when another change has taken the number. The mark in the entry tells our own from another's when the answer was lost.</summary>
    static bool Insert(MongoSession session, ConfigLog.Entry entry)
    {
        for (var send = 1; ; send++)
        {
            try
            {
                return ConfigLog.TryInsert(session, entry);
            }
            catch (MongoException) when (send < MaxSends)
            {
                continue; // the same entry again: it is stored at most once
            }
            catch (MongoException e)
            {
                throw Unavailable("may or may not have stored a change", e, outcomeUnknown: true);
            }
        }
    }

    void Show(MongoSession session)
    {
        try
        {
            _view.CatchUp(session);
        }
        catch (MongoException)
        {
            return; // the change is made; whoever reads next brings the view up to date or says that it cannot
        }
    }

    async Task<T> ReadAsync<T>(Func<MongoSession, T> read, CancellationToken ct)
    {
        try
        {
            return await _connection.RunAsync(read, ct);
        }
        catch (MongoException e)
        {
            throw Unavailable("did not answer", e, outcomeUnknown: false);
        }
    }

    static ConfigStoreUnavailableException Unavailable(string what, MongoException e, bool outcomeUnknown) =>
        new($"The MongoDB configuration store {what}: {e.Message} (code {e.Code})", outcomeUnknown, e);
}
