using CurateMe.Ledger.Records;
using Microsoft.Win32.SafeHandles;

namespace CurateMe.Ledger.Journal;

/// <summary>Reads the journal's records in order, behind the writers. One reader per instance; not thread-safe.</summary>
/// <param name="recent">Spares this reader the file where it is close behind; of one reader at a time.</param>
sealed class JournalReader(JournalFile journal, JournalPosition start, RecentEnds? recent = null) : IDisposable
{
    const int BufferBytes = 256 << 10;

    readonly byte[] buffer = new byte[BufferBytes];
    SafeFileHandle? handle;
    JournalSegment? segment;
    JournalPosition position = start;
    int from;
    int to;

    /// <summary>The place after the last frame that was read.</summary>
    public JournalPosition Position => position;

    /// <summary>The next record for the ledger; null when all that is written has been read. Other frames are passed over.</summary>
    public UsageRecord? Next()
    {
        if (recent?.TryTake(ref position) is { } known)
        {
            from = to = 0;
            return known;
        }
        while (true)
        {
            var length = to - from < JournalFrame.HeaderBytes ? -1 : JournalFrame.Measure(buffer.AsSpan(from, to - from), out _);
            if (length > 0)
            {
                var frame = buffer.AsSpan(from, length);
                from += length;
                position = position with { Offset = position.Offset + length };
                if (JournalFrame.Kind(frame) == FrameKind.Settle)
                {
                    return JournalFrame.Record(frame);
                }
                continue;
            }
            if (length == 0)
            {
                // Damage that recovery counted: go on a byte further, to the next good frame.
                from++;
                position = position with { Offset = position.Offset + 1 };
                continue;
            }
            if (!Fill())
            {
                return null;
            }
        }
    }

    public void Dispose() => handle?.Dispose();

    bool Fill()
    {
        var before = position;
        if (journal.Readable(ref position) is not { } readable)
        {
            return false;
        }
        if (readable != segment)
        {
            handle?.Dispose();
            handle = File.OpenHandle(readable.FilePath, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            segment = readable;
            position = position with { Offset = Math.Max(position.Offset, JournalSegment.HeaderBytes) };
            from = to = 0;
        }
        else if (before != position)
        {
            from = to = 0;
        }
        buffer.AsSpan(from, to - from).CopyTo(buffer);
        to -= from;
        from = 0;
        var known = position.Offset + to;
        var wanted = (int)Math.Min(buffer.Length - to, readable.Written - known);
        if (wanted <= 0)
        {
            // Written ends with a whole frame, so bytes that want more of them are damage: go on a byte further.
            from = to > 0 ? 1 : 0;
            position = position with { Offset = position.Offset + from };
            return to > 0;
        }
        to += RandomAccess.Read(handle!, buffer.AsSpan(to, wanted), known);
        return true;
    }
}
