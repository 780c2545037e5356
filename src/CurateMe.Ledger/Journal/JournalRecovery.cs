using CurateMe.Ledger.Records;

namespace CurateMe.Ledger.Journal;

/// <summary>What a journal's earlier lives left: its segments, holds without an end, and how much the ledger may lack.</summary>
public sealed class JournalRecovery
{
    internal List<JournalSegment> Segments { get; } = [];
    internal Dictionary<RequestId, (UsageRecord Record, JournalSegment Segment, int Bytes)> Open { get; } = [];

    /// <summary>Where the recorder goes on.</summary>
    public JournalPosition Checkpoint { get; private init; }

    /// <summary>Records after the checkpoint.</summary>
    public long Unrecorded { get; private set; }

    /// <summary>Bytes that were not frames, the torn end of a segment aside: more than 0 means that the disk lost something.</summary>
    public long DamagedBytes { get; private set; }

    public long LastSegment { get; private set; }

    /// <summary>Holds whose owner died before it ended them.</summary>
    public IReadOnlyList<UsageRecord> OpenHolds => [.. Open.Values.Select(static o => o.Record)];

    internal static JournalRecovery Read(string directory)
    {
        var checkpoint = CheckpointFile.Read(directory);
        // Not a number before the checkpoint's, even if its segment is gone: what is new must lie after it.
        var recovery = new JournalRecovery { Checkpoint = checkpoint, LastSegment = checkpoint.Segment };
        foreach (var path in Directory.EnumerateFiles(directory, "*.journal").Order(StringComparer.Ordinal))
        {
            if (long.TryParse(Path.GetFileNameWithoutExtension(path), out var number))
            {
                recovery.LastSegment = Math.Max(recovery.LastSegment, number);
                recovery.ReadSegment(path, number);
            }
        }
        return recovery;
    }

    void ReadSegment(string path, long number)
    {
        var bytes = File.ReadAllBytes(path);
        List<(FrameKind Kind, int Offset, int Length)> frames = [];
        var end = JournalSegment.HeaderFits(bytes, number) ? JournalSegment.HeaderBytes : 0;
        for (var offset = JournalSegment.HeaderBytes; offset < bytes.Length;)
        {
            var length = JournalFrame.Measure(bytes.AsSpan(offset), out _);
            if (length > 0)
            {
                DamagedBytes += offset - end;
                frames.Add((JournalFrame.Kind(bytes.AsSpan(offset)), offset, length));
                offset += length;
                end = offset;
                continue;
            }
            // After a power cut a gap may stand before good frames; look for the next one rather than give up the rest.
            offset = NextStart(bytes, offset + 1);
        }
        if (frames.Count == 0)
        {
            if (bytes.AsSpan(Math.Min(end, bytes.Length)).ContainsAnyExcept((byte)0))
            {
                // A torn first frame or the damage of a whole segment: left for whoever looks into it.
                DamagedBytes += end == 0 ? bytes.Length : 0;
                return;
            }
            File.Delete(path);
            return;
        }
        var segment = JournalSegment.Existing(path, number, end);
        Segments.Add(segment);
        foreach (var (kind, offset, length) in frames)
        {
            Apply(kind, bytes.AsSpan(offset, length), segment, new JournalPosition(number, offset));
        }
    }

    // A frame begins with its length, lowest byte first and at most 4096: that byte may be zero, then the next is not.
    static int NextStart(byte[] bytes, int offset)
    {
        var next = bytes.AsSpan(offset).IndexOfAnyExcept((byte)0);
        return next < 0 ? bytes.Length : offset + Math.Max(next - 1, 0);
    }

    void Apply(FrameKind kind, ReadOnlySpan<byte> frame, JournalSegment segment, JournalPosition position)
    {
        switch (kind)
        {
            case FrameKind.Hold:
                var held = JournalFrame.Record(frame);
                Open[held.Id] = (held, segment, frame.Length);
                break;
            case FrameKind.Settle:
                Open.Remove(JournalFrame.Record(frame).Id);
                Unrecorded += position >= Checkpoint ? 1 : 0;
                break;
            case FrameKind.Void:
                Open.Remove(JournalFrame.VoidedId(frame));
                break;
            default:
                throw new InvalidDataException($"The journal holds an entry of kind {(byte)kind}, which this release does not know; start the newer release.");
        }
    }
}
