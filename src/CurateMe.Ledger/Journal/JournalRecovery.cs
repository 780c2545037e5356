using CurateMe.Ledger.Records;

namespace CurateMe.Ledger.Journal;

/// <summary>What a journal's earlier lives left: its segments, holds without an end, and how much the ledger may lack.</summary>
public sealed class JournalRecovery
{
    internal List<JournalSegment> Segments { get; } = [];
    internal Dictionary<RequestId, (UsageRecord Record, JournalSegment Segment)> Open { get; } = [];

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
        var recovery = new JournalRecovery { Checkpoint = CheckpointFile.Read(directory) };
        foreach (var path in Directory.EnumerateFiles(directory, "*.journal").Order(StringComparer.Ordinal))
        {
            if (long.TryParse(Path.GetFileNameWithoutExtension(path), out var number))
            {
                recovery.LastSegment = number;
                recovery.ReadSegment(path, number);
            }
        }
        return recovery;
    }

    void ReadSegment(string path, long number)
    {
        var bytes = File.ReadAllBytes(path);
        if (!JournalSegment.HeaderFits(bytes, number))
        {
            // The process died between making the file and writing its first bytes: there is nothing in it.
            File.Delete(path);
            return;
        }
        List<(FrameKind Kind, int Offset)> frames = [];
        var end = JournalSegment.HeaderBytes;
        for (var offset = end; offset < bytes.Length;)
        {
            var length = JournalFrame.Measure(bytes.AsSpan(offset), out _);
            if (length > 0)
            {
                DamagedBytes += offset - end;
                frames.Add((JournalFrame.Kind(bytes.AsSpan(offset)), offset));
                offset += length;
                end = offset;
                continue;
            }
            // After a power cut a gap may stand before good frames; look for the next one rather than give up the rest.
            offset = NextNonZero(bytes, offset + 1);
        }
        var segment = JournalSegment.Existing(path, number, end);
        Segments.Add(segment);
        foreach (var (kind, offset) in frames)
        {
            Apply(kind, bytes.AsSpan(offset), segment, new JournalPosition(number, offset));
        }
    }

    static int NextNonZero(byte[] bytes, int offset)
    {
        if (offset >= bytes.Length)
        {
            return bytes.Length;
        }
        var next = bytes.AsSpan(offset).IndexOfAnyExcept((byte)0);
        return next < 0 ? bytes.Length : offset + next;
    }

    void Apply(FrameKind kind, ReadOnlySpan<byte> frame, JournalSegment segment, JournalPosition position)
    {
        switch (kind)
        {
            case FrameKind.Hold:
                var held = JournalFrame.Record(frame);
                Open[held.Id] = (held, segment);
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
