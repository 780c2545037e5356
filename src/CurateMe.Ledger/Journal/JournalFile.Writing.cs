using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using CurateMe.Ledger.Records;

namespace CurateMe.Ledger.Journal;

/// <content>What is done under the lock.</content>
public sealed partial class JournalFile
{
    static long Reserve(int holdBytes) => Math.Min(holdBytes + RecordCodec.MaxGrowth, JournalFrame.MaxBytes);

    ValueTask AppendEnd(UsageRecord record, bool ownOnly)
    {
        JournalSegment? segment = null;
        lock (gate)
        {
            ref var hold = ref CollectionsMarshal.GetValueRefOrNullRef(open, record.Id);
            var own = !Unsafe.IsNullRef(ref hold);
            if (own ? hold.Ended : ownOnly)
            {
                return default;
            }
            if (own)
            {
                hold.Ended = true;
            }
            var end = new UnwrittenEnd(record, own);
            try
            {
                segment = Write(in end);
                fault = unwritten.Count == 0 ? null : fault;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                fault = e.Message;
                unwritten.Enqueue(end);
            }
        }
        if (record.Status != RecordStatus.Held && segment is not null)
        {
            onSettled?.Invoke();
        }
        return flusher is null || segment is null ? default : FlushedAsync(flusher.WaitAsync(segment), end: true);
    }

    // An end is with the operating system; that the disk did not confirm it is a fault to show, not one to leave the counters waiting for.
    async ValueTask FlushedAsync(ValueTask flush, bool end)
    {
        try
        {
            await flush.ConfigureAwait(false);
        }
        catch (JournalUnavailableException e)
        {
            fault = e.Message;
            if (!end)
            {
                throw;
            }
        }
    }

    void WriteUnwritten()
    {
        var any = unwritten.Count > 0;
        while (unwritten.TryPeek(out var end))
        {
            Write(in end);
            unwritten.Dequeue();
        }
        if (any)
        {
            onSettled?.Invoke();
        }
    }

    JournalSegment Write(in UnwrittenEnd end)
    {
        var frame = scratch ??= new byte[JournalFrame.MaxBytes];
        var kind = end.Record.Status == RecordStatus.Held ? FrameKind.Void : FrameKind.Settle;
        var length = JournalFrame.Write(kind, end.Record, frame);
        // A hold's end has its place; another replica's must leave those of the open holds alone.
        var segment = current!.Free - (end.Own ? 0 : reserved) >= length ? current : Rotate();
        var start = new JournalPosition(segment.Number, segment.Written);
        Append(segment, length);
        if (end.Own && open.Remove(end.Record.Id, out var hold))
        {
            reserved -= hold.Reserve;
            hold.Segment.OpenHolds--;
        }
        if (kind == FrameKind.Settle)
        {
            Recent.Add(end.Record, start, start with { Offset = start.Offset + length });
            Interlocked.Increment(ref settled);
        }
        return segment;
    }

    void Append(JournalSegment segment, int length)
    {
        BeforeWrite?.Invoke();
        segment.Append(scratch.AsSpan(0, length));
    }

    // The current segment always has room for the ends of all open holds; what does not fit begins the next.
    JournalSegment Room(long wanted)
    {
        if (current!.Free - reserved >= wanted)
        {
            return current;
        }
        if (options.SegmentBytes - JournalSegment.HeaderBytes - reserved < wanted)
        {
            throw new JournalUnavailableException($"{open.Count} holds are open, more than a journal segment of {options.SegmentBytes} bytes has room for.");
        }
        return Rotate();
    }

    JournalSegment Rotate()
    {
        BeforeWrite?.Invoke();
        var number = segments.Count == 0 ? Recovered.LastSegment + 1 : Math.Max(Recovered.LastSegment, segments[^1].Number) + 1;
        var next = JournalSegment.Create(options.Directory, number, options.SegmentBytes, mapped);
        segments.Add(next);
        current?.Close();
        current = next;
        return next;
    }

    void DeleteBefore(long number)
    {
        while (segments.Count > 0 && segments[0] is var oldest && oldest != current && oldest.Number < number)
        {
            if (oldest.OpenHolds > 0 && (segments.Count <= options.PinnedSegments || !CarryForward(oldest)))
            {
                return;
            }
            oldest.Delete();
            segments.RemoveAt(0);
        }
    }

    // A long call must not keep gigabytes of finished ones on disk: its hold is written again where it pins nothing.
    bool CarryForward(JournalSegment oldest)
    {
        var frame = scratch ??= new byte[JournalFrame.MaxBytes];
        foreach (var (id, hold) in open.Where(h => h.Value.Segment == oldest).ToList())
        {
            var length = JournalFrame.Write(FrameKind.Hold, hold.Record.AsHeld(), frame);
            if (current!.Free - reserved < length)
            {
                return false;
            }
            Append(current, length);
            oldest.OpenHolds--;
            current.OpenHolds++;
            open[id] = hold with { Segment = current };
        }
        return true;
    }

    record struct OpenHold(UsageRecord Record, JournalSegment Segment, long Reserve, bool Ended = false);

    readonly record struct UnwrittenEnd(UsageRecord Record, bool Own);
}
