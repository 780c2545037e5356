using CurateMe.Ledger.Records;

namespace CurateMe.Ledger.Journal;

/// <summary>
/// The replica's own append-only file: every hold before the call is forwarded, every end before the answer ends (I5).
/// Segments are set aside whole, and an open hold's end has its place reserved, so a full disk refuses new holds and never an end.
/// Thread-safe. An append is one write to the operating system, or one copy into its memory, under a lock; see <see cref="JournalDurability"/> for what it survives.
/// </summary>
public sealed partial class JournalFile : IAsyncDisposable
{
    [ThreadStatic]
    static byte[]? scratch;

    readonly JournalOptions options;
    readonly Lock gate = new();
    readonly List<JournalSegment> segments = [];
    readonly Dictionary<RequestId, OpenHold> open = [];
    readonly Queue<UnwrittenEnd> unwritten = new();
    readonly DiskFlusher? flusher;
    readonly FileStream ownership;
    readonly bool mapped;
    JournalSegment? current;
    JournalPosition checkpoint;
    long reserved;
    long settled;
    long recorded;
    int disposed;
    volatile string? fault;
    volatile Action? onSettled;

    JournalFile(JournalOptions options, FileStream ownership, JournalRecovery recovered)
    {
        this.options = options;
        this.ownership = ownership;
        mapped = options.Durability == JournalDurability.Process && MappedTail.Serves(options.Directory);
        Recovered = recovered;
        segments.AddRange(recovered.Segments);
        checkpoint = recovered.Checkpoint;
        settled = recovered.Unrecorded;
        foreach (var (id, (record, segment, bytes)) in recovered.Open)
        {
            var hold = new OpenHold(record, segment, Reserve(bytes));
            open.Add(id, hold);
            reserved += hold.Reserve;
            segment.OpenHolds++;
        }
        if (options.Durability == JournalDurability.Disk)
        {
            flusher = new DiskFlusher();
        }
    }

    /// <summary>The directory that it lies in.</summary>
    internal string Location => options.Directory;

    /// <summary>What the last life of this journal left behind.</summary>
    public JournalRecovery Recovered { get; }

    /// <summary>Records appended for the ledger that it was not yet seen to have, those found at opening included.</summary>
    public long Settled => SettledEver - RecordedEver;

    /// <summary>Records appended for the ledger since this journal was opened, and those found then.</summary>
    public long SettledEver => Interlocked.Read(ref settled);

    /// <summary>Of <see cref="SettledEver"/>, how many the ledger has; they are the oldest ones.</summary>
    public long RecordedEver => Interlocked.Read(ref recorded);

    /// <summary>Where a recorder goes on.</summary>
    internal JournalPosition LastCheckpoint
    {
        get
        {
            lock (gate)
            {
                return checkpoint;
            }
        }
    }

    /// <summary>For the one reader that moves records to the ledger.</summary>
    internal RecentEnds Recent { get; } = new();

    /// <summary>Called before each write of a frame or a new segment: a test's way to let the disk fail.</summary>
    internal Action? BeforeWrite { get; set; }

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
        try
        {
            var journal = new JournalFile(options, ownership, JournalRecovery.Read(options.Directory));
            lock (journal.gate)
            {
                journal.Rotate();
            }
            return journal;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            ownership.Dispose();
            throw new JournalUnavailableException($"The journal in {options.Directory} cannot be read or written: {e.Message}", e);
        }
        catch
        {
            ownership.Dispose();
            throw;
        }
    }

    /// <summary>Called after a record for the ledger was appended. It must not block.</summary>
    public void OnSettled(Action action) => onSettled = action;

    /// <summary>Appends a hold and reserves the place of its end. A hold that is open already is not appended again.</summary>
    /// <exception cref="JournalUnavailableException">It could not be written, or an earlier end still cannot: do not forward.</exception>
    public ValueTask AppendHoldAsync(UsageRecord record)
    {
        var frame = scratch ??= new byte[JournalFrame.MaxBytes];
        var length = JournalFrame.Write(FrameKind.Hold, record, frame);
        JournalSegment segment;
        lock (gate)
        {
            if (open.ContainsKey(record.Id))
            {
                return default;
            }
            try
            {
                if (unwritten.Count > 0)
                {
                    // I5: a journal that owes ends takes on no more holds. Writing them uses the same scratch.
                    WriteUnwritten();
                    length = JournalFrame.Write(FrameKind.Hold, record, frame);
                }
                var reserve = Reserve(length);
                segment = Room(length + reserve);
                Append(segment, length);
                reserved += reserve;
                segment.OpenHolds++;
                open.Add(record.Id, new OpenHold(record, segment, reserve));
                fault = null;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                fault = e.Message;
                throw new JournalUnavailableException($"The journal cannot be written: {e.Message}", e);
            }
        }
        return flusher is null ? default : FlushedAsync(flusher.WaitAsync(segment), end: false);
    }

    /// <summary>
    /// Appends the end of a hold: its final record, or a void when its status is still <see cref="RecordStatus.Held"/>.
    /// A hold that is not open, or that has an end, is left alone (I2). Never fails: what the disk refuses is kept and written when it can be.
    /// </summary>
    public ValueTask AppendEndAsync(UsageRecord record) => AppendEnd(record, ownOnly: true);

    /// <summary>Appends the presumed record of a hold that expired, whichever replica took it: its own journal may be gone (I3). Never fails, as above.</summary>
    public ValueTask AppendExpiredAsync(UsageRecord record) => AppendEnd(record, ownOnly: false);

    /// <summary>Tries again to write what the disk refused; true when nothing is left over. Call it about once a second.</summary>
    public bool RetryUnwritten()
    {
        lock (gate)
        {
            try
            {
                WriteUnwritten();
                if (fault is not null)
                {
                    // Nothing waits, yet the last write failed: a new segment proves that the disk is well again.
                    Rotate();
                }
                fault = null;
                return true;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
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

    /// <summary>The ledger has so many more, the oldest ones.</summary>
    public void Recorded(long count) => Interlocked.Add(ref recorded, count);

    /// <summary>
    /// Everything before this place is in the ledger for good: remembers it and deletes segments that nothing needs any more. One caller at a time.
    /// </summary>
    public void Checkpoint(JournalPosition position)
    {
        try
        {
            CheckpointFile.Write(options.Directory, position);
            lock (gate)
            {
                checkpoint = position;
                DeleteBefore(position.Segment);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The older checkpoint and a segment too many cost time at the next start, never a record.
            fault = e.Message;
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
        if (Interlocked.Exchange(ref disposed, 1) == 1)
        {
            return;
        }
        if (flusher is not null)
        {
            await flusher.DisposeAsync();
        }
        RetryUnwritten();
        lock (gate)
        {
            current?.Close();
            foreach (var segment in segments)
            {
                segment.Dispose();
            }
        }
        await ownership.DisposeAsync();
    }
}
