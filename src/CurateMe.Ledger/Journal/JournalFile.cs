using CurateMe.Ledger.Records;

namespace CurateMe.Ledger.Journal;

/// <summary>
/// The replica's own append-only file: every hold before the call is forwarded, every end before the answer ends (I5).
/// Segments are set aside whole, and an open hold's end has its place reserved, so a full disk refuses new holds and never an end.
/// Thread-safe. An append is one write to the operating system under a lock; see <see cref="JournalDurability"/> for what it survives.
/// </summary>
public sealed class JournalFile : IAsyncDisposable
{
    [ThreadStatic]
    static byte[]? scratch;

    readonly JournalOptions options;
    readonly Lock gate = new();
    readonly List<JournalSegment> segments = [];
    readonly Dictionary<RequestId, OpenHold> open = [];
    readonly Queue<UsageRecord> unwritten = new();
    readonly DiskFlusher? flusher;
    readonly FileStream ownership;
    JournalSegment? current;
    long reserved;
    long settled;
    volatile string? fault;
    volatile Action? onSettled;

    JournalFile(JournalOptions options, FileStream ownership, JournalRecovery recovered)
    {
        this.options = options;
        this.ownership = ownership;
        Recovered = recovered;
        segments.AddRange(recovered.Segments);
        settled = recovered.Unrecorded;
        foreach (var (id, (record, segment)) in recovered.Open)
        {
            open.Add(id, new OpenHold(record, segment, Reserve(0)));
            segment.OpenHolds++;
        }
        if (options.Durability == JournalDurability.Disk)
        {
            flusher = new DiskFlusher();
        }
    }

    /// <summary>What the last life of this journal left behind.</summary>
    public JournalRecovery Recovered { get; }

    /// <summary>Records appended for the ledger since the last checkpoint, those found at opening included.</summary>
    public long Settled => Interlocked.Read(ref settled);

    /// <summary>Null when the last write succeeded, else what went wrong.</summary>
    public string? Fault => fault;

    /// <summary>Holds without an end.</summary>
    public int OpenHolds
    {
        get
        {
            lock (gate)
            {
                return open.Count;
            }
        }
    }

    /// <summary>Ends that could not be written yet; their holds stay open in the file, so a crash would presume them.</summary>
    public int Unwritten
    {
        get
        {
            lock (gate)
            {
                return unwritten.Count;
            }
        }
    }

    /// <summary>Bytes of all segments on disk.</summary>
    public long Bytes
    {
        get
        {
            lock (gate)
            {
                return segments.Sum(static s => s.Capacity);
            }
        }
    }

    /// <summary>Takes the directory for this process, reads what is there, and begins a new segment.</summary>
    /// <exception cref="JournalUnavailableException">Another process has the directory, or it cannot be written.</exception>
    public static JournalFile Open(JournalOptions options)
    {
        if (options.SegmentBytes is < (1 << 20) or > (1 << 30))
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.SegmentBytes, "A journal segment is 1 MiB to 1 GiB.");
        }
        FileStream ownership;
        try
        {
            Directory.CreateDirectory(options.Directory);
            ownership = new FileStream(Path.Combine(options.Directory, "owner.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new JournalUnavailableException($"The journal in {options.Directory} cannot be taken ({e.Message}); is another gateway using the same CM_DATA_DIR?", e);
        }
        var journal = new JournalFile(options, ownership, JournalRecovery.Read(options.Directory));
        lock (journal.gate)
        {
            journal.Rotate(0);
        }
        return journal;
    }

    /// <summary>Called after a record for the ledger was appended. It must not block.</summary>
    public void OnSettled(Action action) => onSettled = action;

    /// <summary>Appends a hold and reserves the place of its end.</summary>
    /// <exception cref="JournalUnavailableException">It could not be written; nothing is open.</exception>
    public ValueTask AppendHoldAsync(UsageRecord record)
    {
        var frame = scratch ??= new byte[JournalFrame.MaxBytes];
        var length = JournalFrame.Write(FrameKind.Hold, record, frame);
        JournalSegment segment;
        lock (gate)
        {
            var reserve = Reserve(length);
            try
            {
                segment = Room(length + reserve);
                segment.Append(frame.AsSpan(0, length));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                fault = e.Message;
                throw new JournalUnavailableException($"The journal cannot be written: {e.Message}", e);
            }
            fault = unwritten.Count == 0 ? null : fault;
            reserved += reserve;
            segment.OpenHolds++;
            open.Add(record.Id, new OpenHold(record, segment, reserve));
        }
        return flusher is null ? default : flusher.WaitAsync(segment);
    }

    /// <summary>
    /// Appends the end of a hold: its final record, or a void when its status is still <see cref="RecordStatus.Held"/>.
    /// An end of a hold that is not open is ignored. Never fails: what the disk refuses is kept and written when it can be.
    /// </summary>
    public ValueTask AppendEndAsync(UsageRecord record)
    {
        JournalSegment? segment = null;
        lock (gate)
        {
            if (!open.ContainsKey(record.Id))
            {
                return default;
            }
            try
            {
                segment = WriteEnd(record);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                fault = e.Message;
                unwritten.Enqueue(record);
            }
        }
        if (record.Status != RecordStatus.Held)
        {
            onSettled?.Invoke();
        }
        return flusher is null || segment is null ? default : flusher.WaitAsync(segment);
    }

    /// <summary>Tries again to write what the disk refused; true when nothing is left over. Call it about once a second.</summary>
    public bool RetryUnwritten()
    {
        lock (gate)
        {
            try
            {
                while (unwritten.TryPeek(out var record))
                {
                    WriteEnd(record);
                    unwritten.Dequeue();
                }
                if (fault is not null)
                {
                    Room(options.SegmentBytes - 1);
                }
                fault = null;
                return true;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or JournalUnavailableException)
            {
                fault = e.Message;
                return false;
            }
        }
    }

    /// <summary>Ids and records of open holds, for reports of what is in flight.</summary>
    public IReadOnlyList<UsageRecord> OpenRecords()
    {
        lock (gate)
        {
            return [.. open.Values.Select(static h => h.Record)];
        }
    }

    /// <summary>
    /// Everything before this place is in the ledger: remembers it and deletes segments that nothing needs any more.
    /// </summary>
    public void Checkpoint(JournalPosition position, long recorded)
    {
        Interlocked.Add(ref settled, -recorded);
        lock (gate)
        {
            CheckpointFile.Write(options.Directory, position);
            while (segments.Count > 0 && segments[0] is var oldest && oldest != current && oldest.Number < position.Segment)
            {
                if (oldest.OpenHolds > 0 && (segments.Count <= options.PinnedSegments || !CarryForward(oldest)))
                {
                    return;
                }
                segments.RemoveAt(0);
                oldest.Delete();
            }
        }
    }

    /// <summary>The segment a reader at this place reads, and how far; null at the end of all that is written.</summary>
    internal JournalSegment? Readable(ref JournalPosition position)
    {
        lock (gate)
        {
            foreach (var segment in segments)
            {
                if (segment.Number < position.Segment)
                {
                    continue;
                }
                if (segment.Number > position.Segment)
                {
                    position = new JournalPosition(segment.Number, JournalSegment.HeaderBytes);
                }
                if (position.Offset < segment.Written)
                {
                    return segment;
                }
            }
            return null;
        }
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        if (flusher is not null)
        {
            await flusher.DisposeAsync();
        }
        lock (gate)
        {
            foreach (var segment in segments)
            {
                segment.Dispose();
            }
        }
        await ownership.DisposeAsync();
    }

    static long Reserve(int holdBytes) => Math.Min(holdBytes + RecordCodec.MaxGrowth, JournalFrame.MaxBytes);

    JournalSegment WriteEnd(UsageRecord record)
    {
        if (!open.TryGetValue(record.Id, out var hold))
        {
            return current!;
        }
        var frame = scratch ??= new byte[JournalFrame.MaxBytes];
        var kind = record.Status == RecordStatus.Held ? FrameKind.Void : FrameKind.Settle;
        var length = JournalFrame.Write(kind, record, frame);
        var segment = current!.Free >= length ? current : Rotate(length);
        segment.Append(frame.AsSpan(0, length));
        open.Remove(record.Id);
        reserved -= hold.Reserve;
        hold.Segment.OpenHolds--;
        if (kind == FrameKind.Settle)
        {
            Interlocked.Increment(ref settled);
        }
        return segment;
    }

    // The current segment always has room for the ends of all open holds; what does not fit begins the next.
    JournalSegment Room(long wanted) => current!.Free - reserved >= wanted ? current : Rotate(wanted);

    JournalSegment Rotate(long wanted)
    {
        if (options.SegmentBytes - JournalSegment.HeaderBytes - reserved < wanted && wanted > 0)
        {
            throw new JournalUnavailableException($"{open.Count} holds are open, more than a journal segment of {options.SegmentBytes} bytes has room for.");
        }
        var number = segments.Count == 0 ? Recovered.LastSegment + 1 : segments[^1].Number + 1;
        var next = JournalSegment.Create(options.Directory, number, options.SegmentBytes);
        segments.Add(next);
        current?.Close();
        current = next;
        return next;
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
            current.Append(frame.AsSpan(0, length));
            oldest.OpenHolds--;
            current.OpenHolds++;
            open[id] = hold with { Segment = current };
        }
        return true;
    }

    sealed record OpenHold(UsageRecord Record, JournalSegment Segment, long Reserve);
}
