using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace CurateMe.Ledger.Configuration;

/// <summary>
/// The hash chain of the audit trail. Each entry's hash covers its number, the hash before it and every field, so that an entry that is changed,
/// left out, put in or moved breaks the chain from there on. The rule is stored: a golden test freezes it.
/// </summary>
public static class AuditChain
{
    /// <summary>What stands before the first entry.</summary>
    public static string Genesis { get; } = new('0', SHA256.HashSizeInBytes * 2);

    /// <summary>The next entry of a chain. Its time is cut to the millisecond, as it is stored.</summary>
    public static AuditEntry Append(long lastSequence, string lastHash, AuditDraft draft)
    {
        var stored = draft with { At = DateTimeOffset.FromUnixTimeMilliseconds(draft.At.ToUnixTimeMilliseconds()) };
        return new AuditEntry(lastSequence + 1, stored, lastHash, Hash(lastSequence + 1, lastHash, stored));
    }

    /// <summary>Checks a stretch of entries, oldest first.</summary>
    /// <param name="before">The entry before the stretch, whose hash is trusted; null when the stretch begins the chain.</param>
    /// <returns>The first fault, or null when there is none.</returns>
    public static AuditFault? Verify(IEnumerable<AuditEntry> entries, AuditEntry? before = null)
    {
        var (sequence, hash) = before is null ? (0, Genesis) : (before.Sequence, before.Hash);
        foreach (var entry in entries)
        {
            sequence++;
            if (entry.Sequence != sequence) return new AuditFault(sequence, $"entry {sequence} is missing; entry {entry.Sequence} stands in its place");
            if (entry.PreviousHash != hash) return new AuditFault(sequence, $"entry {sequence} does not continue the entry before it");
            if (entry.Hash != Hash(sequence, hash, entry.Draft)) return new AuditFault(sequence, $"entry {sequence} was changed after it was written");
            hash = entry.Hash;
        }
        return null;
    }

    /// <summary>Lower-case hex of SHA-256 over the number, the hash before and the fields, each with its length so that none can run into the next.</summary>
    static string Hash(long sequence, string previousHash, AuditDraft draft)
    {
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Number(sha, sequence);
        Text(sha, previousHash);
        Number(sha, draft.At.ToUnixTimeMilliseconds());
        foreach (var field in (string?[])[draft.Actor, draft.FromIp, draft.Action, draft.TargetType, draft.TargetId, draft.OrgId, draft.BeforeJson, draft.AfterJson])
        {
            Text(sha, field);
        }
        return Convert.ToHexStringLower(sha.GetHashAndReset());
    }

    static void Number(IncrementalHash sha, long value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(bytes, value);
        sha.AppendData(bytes);
    }

    static void Text(IncrementalHash sha, string? value)
    {
        if (value is null)
        {
            Number(sha, -1);
            return;
        }
        var utf8 = Encoding.UTF8.GetBytes(value);
        Number(sha, utf8.Length);
        sha.AppendData(utf8);
    }
}

/// <param name="Sequence">The entry where the chain breaks.</param>
/// <param name="Reason">A sentence for the operator.</param>
public sealed record AuditFault(long Sequence, string Reason);
