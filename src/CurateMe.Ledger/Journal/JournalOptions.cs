namespace CurateMe.Ledger.Journal;

/// <summary>What survives when an append returns.</summary>
public enum JournalDurability : byte
{
    /// <summary>Handed to the operating system: survives any death of the process, not a power cut. The default.</summary>
    Process,

    /// <summary>On the disk: appends wait for a flush, which they share. Survives a power cut; adds the disk's flush time to each request twice.</summary>
    Disk,
}

public sealed class JournalOptions
{
    /// <summary>Where the segments lie; made when missing. One process at a time.</summary>
    public required string Directory { get; init; }

    /// <summary>Bytes of one segment, set aside on the disk when it is begun: 1 MiB to 1 GiB. Bounds how many holds can be open, at about 1 kB each.</summary>
    public long SegmentBytes { get; init; } = 64 << 20;

    public JournalDurability Durability { get; init; } = JournalDurability.Process;

    /// <summary>Segments kept for holds that are still open; beyond it their holds are written again into the newest segment.</summary>
    public int PinnedSegments { get; init; } = 4;
}

/// <summary>The journal cannot promise to keep a record, so the request must not be forwarded (I5).</summary>
public sealed class JournalUnavailableException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>A place between two frames.</summary>
public readonly record struct JournalPosition(long Segment, long Offset) : IComparable<JournalPosition>
{
    public int CompareTo(JournalPosition other) => Segment != other.Segment ? Segment.CompareTo(other.Segment) : Offset.CompareTo(other.Offset);
    public static bool operator <(JournalPosition left, JournalPosition right) => left.CompareTo(right) < 0;
    public static bool operator >(JournalPosition left, JournalPosition right) => left.CompareTo(right) > 0;
    public static bool operator <=(JournalPosition left, JournalPosition right) => left.CompareTo(right) <= 0;
    public static bool operator >=(JournalPosition left, JournalPosition right) => left.CompareTo(right) >= 0;
}
