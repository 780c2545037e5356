using CurateMe.Ledger.Configuration;

namespace CurateMe.Testing.Configuration;

/// <summary>A configuration store in memory that a test may hold up or break.</summary>
public sealed class MemoryConfigStore : IConfigStore
{
    readonly Lock _gate = new();
    readonly Dictionary<(string Collection, string Id), ConfigDocument> _documents = [];
    readonly List<AuditEntry> _audit = [];
    long _revision;
    int _reads;

    /// <summary>Awaited before every read, with what is being read.</summary>
    public Func<string, Task>? BeforeRead { get; set; }

    /// <summary>Awaited after every read, before its result is returned.</summary>
    public Func<string, Task>? AfterRead { get; set; }

    /// <summary>Number of reads of single documents.</summary>
    public int Reads => Volatile.Read(ref _reads);

    public Task<ConfigDocument?> GetAsync(string collection, string id, CancellationToken ct) =>
        ReadAsync(collection, () => _documents.GetValueOrDefault((collection, id)));

    public Task<ConfigDocument?> LookupAsync(string collection, string lookup, CancellationToken ct) =>
        ReadAsync(collection, () => _documents.Values.FirstOrDefault(d => d.Collection == collection && d.Lookup == lookup));

    public Task<IReadOnlyList<ConfigDocument>> ListAsync(string collection, string? orgId, string? afterId, int limit, CancellationToken ct)
    {
        lock (_gate)
        {
            return Task.FromResult<IReadOnlyList<ConfigDocument>>([.. _documents.Values
                .Where(d => d.Collection == collection && !d.Deleted && (orgId is null || d.OrgId == orgId) && (afterId is null || string.CompareOrdinal(d.Id, afterId) > 0))
                .OrderBy(d => d.Id, StringComparer.Ordinal).Take(limit)]);
        }
    }

    public Task<long> WriteAsync(IReadOnlyList<ConfigWrite> writes, AuditDraft? audit, CancellationToken ct)
    {
        lock (_gate)
        {
            foreach (var write in writes)
            {
                var current = _documents.GetValueOrDefault((write.Collection, write.Id));
                var version = current is null || current.Deleted ? 0 : current.Version;
                if (version != write.ExpectedVersion)
                {
                    throw new ConfigConflictException($"{write.Collection}/{write.Id} is at version {version}, not {write.ExpectedVersion}.");
                }
            }
            foreach (var write in writes)
            {
                _documents[(write.Collection, write.Id)] = new ConfigDocument(
                    write.Collection, write.Id, write.OrgId, write.Lookup, write.Json ?? "null", write.ExpectedVersion + 1, ++_revision, write.Json is null);
            }
            if (audit is not null)
            {
                var last = _audit.Count == 0 ? null : _audit[^1];
                _audit.Add(AuditChain.Append(last?.Sequence ?? 0, last?.Hash ?? AuditChain.Genesis, audit));
            }
            return Task.FromResult(_revision);
        }
    }

    public Task<IReadOnlyList<AuditEntry>> AuditAsync(AuditQuery query, CancellationToken ct)
    {
        lock (_gate)
        {
            return Task.FromResult<IReadOnlyList<AuditEntry>>([.. Enumerable.Reverse(_audit)
                .Where(e => (query.OrgId is null || e.Draft.OrgId == query.OrgId)
                    && (query.Action is null || e.Draft.Action == query.Action)
                    && (query.TargetId is null || e.Draft.TargetId == query.TargetId)
                    && !(e.Draft.At < query.From) && !(e.Draft.At >= query.To)
                    && !(e.Sequence >= query.BeforeSequence))
                .Take(query.Limit)]);
        }
    }

    public Task<long> RevisionAsync(CancellationToken ct)
    {
        lock (_gate)
        {
            return Task.FromResult(_revision);
        }
    }

    public Task<IReadOnlyList<ConfigDocument>> ChangesAsync(long afterRevision, int limit, CancellationToken ct)
    {
        lock (_gate)
        {
            return Task.FromResult<IReadOnlyList<ConfigDocument>>([.. _documents.Values.Where(d => d.Revision > afterRevision).OrderBy(d => d.Revision).Take(limit)]);
        }
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    async Task<ConfigDocument?> ReadAsync(string collection, Func<ConfigDocument?> read)
    {
        Interlocked.Increment(ref _reads);
        await (BeforeRead?.Invoke(collection) ?? Task.CompletedTask);
        ConfigDocument? document;
        lock (_gate)
        {
            document = read() is { Deleted: false } found ? found : null;
        }
        await (AfterRead?.Invoke(collection) ?? Task.CompletedTask);
        return document;
    }
}
