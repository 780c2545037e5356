namespace CurateMe.Ledger.Configuration;

/// <summary>
/// The operators' side: orgs, teams, keys, policies and the like as JSON documents in named collections, and the audit trail.
/// Two implementations: SQLite (one process) and MongoDB (shared); one contract-test suite runs on both.
/// A change and its audit entry are stored together or not at all. Every call may throw <see cref="ConfigStoreUnavailableException"/>.
/// </summary>
public interface IConfigStore : IAsyncDisposable
{
    /// <summary>Most documents or entries in one answer: one more than the longest page of the admin API, which tells by it whether another page follows.</summary>
    const int MaxLimit = 1_001;

    /// <summary>Most documents in one change.</summary>
    const int MaxWrites = 100;

    /// <summary>One document, or null.</summary>
    Task<ConfigDocument?> GetAsync(string collection, string id, CancellationToken ct);

    /// <summary>Documents whose <see cref="ConfigDocument.Lookup"/> equals the value, e.g. the key with this hash.</summary>
    Task<ConfigDocument?> LookupAsync(string collection, string lookup, CancellationToken ct);

    /// <summary>A page in order of id, of one org or of all when null.</summary>
    Task<IReadOnlyList<ConfigDocument>> ListAsync(string collection, string? orgId, string? afterId, int limit, CancellationToken ct);

    /// <summary>
    /// Stores the change if every document is still at the version it was read at (<see cref="ConfigWrite.ExpectedVersion"/>, 0 = must be new),
    /// else throws <see cref="ConfigConflictException"/> and stores nothing. Appends <paramref name="audit"/> to the chain; there may be only
    /// an audit entry. Each document gets a revision of its own, in the order of <paramref name="writes"/>.
    /// </summary>
    /// <returns>The newest revision.</returns>
    /// <exception cref="ArgumentException">More than <see cref="MaxWrites"/> documents, or one twice.</exception>
    Task<long> WriteAsync(IReadOnlyList<ConfigWrite> writes, AuditDraft? audit, CancellationToken ct);

    /// <summary>Entries newest first; <see cref="AuditQuery.BeforeSequence"/> pages.</summary>
    Task<IReadOnlyList<AuditEntry>> AuditAsync(AuditQuery query, CancellationToken ct);

    /// <summary>Number of the newest change of any document; a replica that polls sees what it missed.</summary>
    Task<long> RevisionAsync(CancellationToken ct);

    /// <summary>Documents changed after a revision, oldest first; deleted ones have <see cref="ConfigDocument.Deleted"/>.</summary>
    Task<IReadOnlyList<ConfigDocument>> ChangesAsync(long afterRevision, int limit, CancellationToken ct);
}

/// <param name="Lookup">A second unique name within the collection, e.g. a key's hash; null when there is none.</param>
/// <param name="Version">1 for a new document, one more at each change; a document made again after it was deleted goes on counting.</param>
/// <param name="Revision">Store-wide number of the change that made this version.</param>
public sealed record ConfigDocument(string Collection, string Id, string? OrgId, string? Lookup, string Json, long Version, long Revision, bool Deleted);

/// <param name="Json">Null deletes.</param>
public sealed record ConfigWrite(string Collection, string Id, string? OrgId, string? Lookup, string? Json, long ExpectedVersion);

/// <summary>The store did not answer or refused.</summary>
/// <param name="outcomeUnknown">True when a change may have been stored; reading its documents tells.</param>
public sealed class ConfigStoreUnavailableException(string message, bool outcomeUnknown, Exception? inner = null) : Exception(message, inner)
{
    public bool OutcomeUnknown { get; } = outcomeUnknown;
}

/// <summary>Somebody changed the document in between; read again and retry.</summary>
public sealed class ConfigConflictException(string message) : Exception(message);

/// <summary>Who, from where, did what to what. Secrets never stand in before or after.</summary>
public sealed record AuditDraft(
    DateTimeOffset At, string Actor, string? FromIp, string Action, string TargetType, string TargetId, string? OrgId, string? BeforeJson, string? AfterJson);

/// <summary>An entry of the hash chain: <see cref="Hash"/> covers <see cref="PreviousHash"/> and every field of the draft.</summary>
public sealed record AuditEntry(long Sequence, AuditDraft Draft, string PreviousHash, string Hash);

public sealed record AuditQuery
{
    public string? OrgId { get; init; }
    public string? Action { get; init; }
    public string? TargetId { get; init; }
    public DateTimeOffset? From { get; init; }
    public DateTimeOffset? To { get; init; }
    public long? BeforeSequence { get; init; }
    public int Limit { get; init; } = 100;
}
