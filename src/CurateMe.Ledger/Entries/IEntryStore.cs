namespace CurateMe.Ledger.Entries;

/// <summary>
/// Small things that outlive the process and end by themselves: idempotency keys with their answers, and whose the answers are that providers keep.
/// Two implementations: SQLite (one process) and Redis (shared); one contract-test suite runs on both.
/// Every call may throw <see cref="EntryStoreUnavailableException"/>.
/// </summary>
public interface IEntryStore
{
    /// <summary>Largest value, in bytes.</summary>
    const int MaxValueBytes = 16 << 20;

    /// <summary>Writes the entry if there is none of its name.</summary>
    /// <param name="timeToLive">After it the entry is gone.</param>
    /// <param name="quota">What its partition may add in a UTC day; null does not count.</param>
    ValueTask<EntryAdd> AddAsync(EntryName name, ReadOnlyMemory<byte> value, TimeSpan timeToLive, EntryQuota? quota, CancellationToken ct);

    /// <summary>The value; null when there is none.</summary>
    ValueTask<byte[]?> FindAsync(EntryName name, CancellationToken ct);

    /// <summary>Replaces the value if it is still <paramref name="expected"/>; an empty one removes the entry. It ends when it would have ended.</summary>
    ValueTask<EntryChange> ReplaceAsync(EntryName name, ReadOnlyMemory<byte> expected, ReadOnlyMemory<byte> value, EntryQuota? quota, CancellationToken ct);
}

/// <summary>An entry's name. Those of one partition share what <see cref="EntryQuota"/> limits, and one slot of a Redis Cluster.</summary>
/// <param name="Partition">Without braces, at most 200 characters.</param>
/// <param name="Kind">A word.</param>
/// <param name="Id">At most 200 characters.</param>
public readonly record struct EntryName(string Partition, string Kind, string Id);

/// <summary>What one partition may write of one kind in a UTC day.</summary>
/// <param name="Entries">Entries added.</param>
/// <param name="Bytes">Bytes of values put in the place of others.</param>
public sealed record EntryQuota(long Entries, long Bytes);

/// <summary>How adding ended.</summary>
/// <param name="Found">What was there already.</param>
/// <param name="Full">The quota, or the store, has no room.</param>
public readonly record struct EntryAdd(byte[]? Found, bool Full)
{
    public bool Added => Found is null && !Full;
}

/// <summary>How replacing ended.</summary>
public enum EntryChange : byte
{
    Changed,

    /// <summary>The value was another, or gone; nothing was changed.</summary>
    Differs,

    /// <summary>The quota has no room; nothing was changed.</summary>
    Full,
}

/// <summary>The store did not answer; the change may have been made or not.</summary>
public sealed class EntryStoreUnavailableException(string message, Exception? inner = null) : Exception(message, inner);
