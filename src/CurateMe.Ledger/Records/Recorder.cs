using System.Threading.Channels;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Journal;

namespace CurateMe.Ledger.Records;

/// <summary>
/// Moves records from the journal into the ledger. The journal is the queue: memory holds only the batches being written, so it stays flat
/// however long the ledger is away, and nothing is dropped, because a place in the journal is passed only when the ledger has all before it.
/// </summary>
public sealed class Recorder : IAsyncDisposable
{
    readonly JournalFile journal;
    readonly IUsageLedger ledger;
    readonly ICounterStore counters;
    readonly RecorderOptions options;
    readonly TimeProvider time;
    readonly Channel<Batch> batches;
    readonly Channel<bool> wake = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { SingleReader = true, FullMode = BoundedChannelFullMode.DropWrite });
    readonly CancellationTokenSource stop = new();
    readonly SemaphoreSlim ahead;
    readonly int most;
    readonly Lock gate = new();
    readonly LinkedList<Batch> inFlight = [];
    readonly System.Collections.Concurrent.ConcurrentQueue<Batch> aside = new();
    Task running = Task.CompletedTask;
    int sleeping;
    JournalPosition passed;
    JournalPosition saved;
    long savedAt;
    bool saving;
    int disposed;
    long recorded;
    long retries;
    volatile string? lastError;

    public Recorder(JournalFile journal, IUsageLedger ledger, ICounterStore counters, RecorderOptions options, TimeProvider time)
    {
        if (options.Workers is < 1 or > 64)
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.Workers, "COST_RECORDER_WORKERS is 1 to 64.");
        }
        if (options.BatchSize is < 1 or > 10_000)
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.BatchSize, "COST_RECORDER_BATCH_SIZE is 1 to 10,000.");
        }
        if (options.MaxAhead is < 1 or > 10_000)
        {
            throw new ArgumentOutOfRangeException(nameof(options), options.MaxAhead, "The recorder's batches ahead are 1 to 10,000.");
        }
        (this.journal, this.ledger, this.counters, this.options, this.time) = (journal, ledger, counters, options, time);
        ahead = new SemaphoreSlim(options.MaxAhead);
        most = Math.Min(options.BatchSize * ledger.BatchesAtOnce, IUsageLedger.MaxBatch);
        batches = Channel.CreateBounded<Batch>(new BoundedChannelOptions(options.Workers) { SingleWriter = true });
        journal.OnSettled(Wake);
    }

    /// <summary>Takes a copy of a batch that the ledger refused <see cref="RecorderOptions.TriesBeforeDeadLetter"/> times; the journal keeps its own. Set before the start.</summary>
    public Func<IReadOnlyList<UsageRecord>, CancellationToken, Task>? DeadLetters { get; set; }

    /// <summary>What is queued and how it goes.</summary>
    public RecorderFigures Figures
    {
        get
        {
            DateTimeOffset? oldest;
            lock (gate)
            {
                oldest = inFlight.First?.Value.OldestSettled;
            }
            var age = oldest is { } at ? (long)Math.Max(0, (time.GetUtcNow() - at).TotalMilliseconds) : 0;
            return new RecorderFigures(
                journal.Settled + journal.Unwritten, DroppedRecords: 0, options.Workers, options.BatchSize, age, Interlocked.Read(ref recorded), Interlocked.Read(ref retries), lastError);
        }
    }

    /// <summary>Starts moving, from the last checkpoint on.</summary>
    public void Start() =>
        running = Task.WhenAll([Task.Run(DispatchAsync), Task.Run(RetryAsideAsync), .. Enumerable.Range(0, options.Workers).Select(_ => Task.Run(WorkAsync))]);

    /// <summary>Waits until the ledger has everything settled before this call, or the token is cancelled.</summary>
    public async Task DrainAsync(CancellationToken ct)
    {
        while (!journal.RetryUnwritten())
        {
            await Task.Delay(options.RetryFrom, time, ct).ConfigureAwait(false);
        }
        var before = journal.SettledEver;
        while (journal.RecordedEver < before)
        {
            Wake();
            await Task.Delay(TimeSpan.FromMilliseconds(5), time, ct).ConfigureAwait(false);
        }
    }

    /// <summary>Stops. What the ledger does not have yet stays in the journal for the next start.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref disposed, 1) != 0)
        {
            return;
        }
        await stop.CancelAsync().ConfigureAwait(false);
        await running.ConfigureAwait(false);
        using var limit = new CancellationTokenSource(options.RetryTo, time);
        await SaveAsync(atOnce: true, limit.Token).ConfigureAwait(false);
        stop.Dispose();
        ahead.Dispose();
    }

    void Wake()
    {
        if (Volatile.Read(ref sleeping) == 1 && Interlocked.Exchange(ref sleeping, 0) == 1)
        {
            wake.Writer.TryWrite(true);
        }
    }

    async Task DispatchAsync()
    {
        var reader = new JournalReader(journal, journal.LastCheckpoint, journal.Recent);
        try
        {
            while (true)
            {
                await ahead.WaitAsync(stop.Token).ConfigureAwait(false);
                var start = reader.Position;
                try
                {
                    var batch = await NextAsync(reader).ConfigureAwait(false);
                    lock (gate)
                    {
                        inFlight.AddLast(batch);
                    }
                    await batches.Writer.WriteAsync(batch, stop.Token).ConfigureAwait(false);
                }
                catch (Exception e) when (e is not OperationCanceledException)
                {
                    // The journal could not be read: go back to where the batch began and try again.
                    lastError = e.Message;
                    ahead.Release();
                    reader.Dispose();
                    reader = new JournalReader(journal, start, journal.Recent);
                    await Task.Delay(options.RetryTo, time, stop.Token).ConfigureAwait(false);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Stopped.
        }
        finally
        {
            reader.Dispose();
            batches.Writer.Complete();
        }
    }

    async Task<Batch> NextAsync(JournalReader reader)
    {
        while (true)
        {
            if (Read(reader) is { } batch)
            {
                return batch;
            }
            // Announce the sleep first, then look once more: a record appended in between either is seen or wakes.
            Interlocked.Exchange(ref sleeping, 1);
            if (Read(reader) is { } late)
            {
                return late;
            }
            await wake.Reader.ReadAsync(stop.Token).ConfigureAwait(false);
            await Task.Delay(options.Linger, time, stop.Token).ConfigureAwait(false);
        }
    }

    Batch? Read(JournalReader reader)
    {
        List<UsageRecord>? records = null;
        while ((records?.Count ?? 0) < most && reader.Next() is { } record)
        {
            (records ??= new List<UsageRecord>(options.BatchSize)).Add(record);
        }
        return records is null ? null : new Batch(records, reader.Position);
    }

    async Task WorkAsync()
    {
        await foreach (var batch in batches.Reader.ReadAllAsync(CancellationToken.None).ConfigureAwait(false))
        {
            var wait = options.RetryFrom;
            for (var tries = 1; !await TryRecordAsync(batch).ConfigureAwait(false); tries++)
            {
                Interlocked.Increment(ref retries);
                if (tries % options.TriesBeforeDeadLetter == 0 && await SetAsideAsync(batch).ConfigureAwait(false))
                {
                    break;
                }
                try
                {
                    await Task.Delay(wait, time, stop.Token).ConfigureAwait(false);
                }
                catch (OperationCanceledException)
                {
                    // Stopping while the ledger is away: the journal keeps the rest for the next start.
                    return;
                }
                wait = wait * 2 < options.RetryTo ? wait * 2 : options.RetryTo;
            }
        }
    }

    async Task<bool> SetAsideAsync(Batch batch)
    {
        if (DeadLetters is not { } letters)
        {
            return false;
        }
        try
        {
            await letters(batch.Records, stop.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // Nowhere to set it aside: it goes on being tried from here.
            lastError = e.Message;
            return false;
        }
        aside.Enqueue(batch);
        return true;
    }

    // What was set aside keeps its place in the journal until the ledger has it.
    async Task RetryAsideAsync()
    {
        try
        {
            while (true)
            {
                await Task.Delay(options.RetryTo, time, stop.Token).ConfigureAwait(false);
                for (var rest = aside.Count; rest > 0 && aside.TryPeek(out var batch); rest--)
                {
                    if (!await TryRecordAsync(batch).ConfigureAwait(false))
                    {
                        break;
                    }
                    aside.TryDequeue(out _);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Stopped; the journal has them.
        }
    }

    async Task<bool> TryRecordAsync(Batch batch)
    {
        try
        {
            var records = batch.Records;
            if (await ledger.RecordAsync(records, stop.Token).ConfigureAwait(false) < records.Count)
            {
                // Some were there before: a replay, or a hold that expired while its owner settled. The counters follow what the ledger has.
                records = await ledger.StoredAsync(records, stop.Token).ConfigureAwait(false);
            }
            await ConfirmAsync(records).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            // Whatever the reason, the records stay in the journal and are tried again; queue depth and this message tell the operator.
            lastError = e.Message;
            return false;
        }
        lastError = null;
        Interlocked.Add(ref recorded, batch.Records.Count);
        Complete(batch);
        await SaveAsync(atOnce: false, stop.Token).ConfigureAwait(false);
        return true;
    }

    async Task ConfirmAsync(IReadOnlyList<UsageRecord> records)
    {
        try
        {
            await counters.ConfirmAsync(records, CancellationToken.None).ConfigureAwait(false);
        }
        catch (CounterStoreUnavailableException)
        {
            // The counters go on naming these as unrecorded; a reconciliation finds them in the ledger and confirms them then.
        }
    }

    // Batches may finish out of order; what is passed ends before the first that has not.
    void Complete(Batch batch)
    {
        lock (gate)
        {
            batch.Finish();
            var records = 0L;
            while (inFlight.First is { Value.Done: true } first)
            {
                passed = first.Value.End;
                records += first.Value.Count;
                inFlight.RemoveFirst();
                ahead.Release();
            }
            journal.Recorded(records);
        }
    }

    // The journal forgets only what the ledger keeps through a loss of power; asking for that costs a flush, so it is asked now and then.
    async Task SaveAsync(bool atOnce, CancellationToken ct)
    {
        JournalPosition to;
        lock (gate)
        {
            to = passed;
            if (saving || to <= saved || !(atOnce || to.Segment > saved.Segment || time.GetElapsedTime(savedAt) >= options.CheckpointEvery))
            {
                return;
            }
            saving = true;
        }
        try
        {
            await ledger.SyncAsync(ct).ConfigureAwait(false);
            journal.Checkpoint(to);
            saved = to;
        }
        catch (Exception e)
        {
            // The older checkpoint stays; the next one passes this place too.
            lastError = e.Message;
        }
        finally
        {
            lock (gate)
            {
                (saving, savedAt) = (false, time.GetTimestamp());
            }
        }
    }

    sealed class Batch(List<UsageRecord> records, JournalPosition end)
    {
        public List<UsageRecord> Records { get; private set; } = records;
        public int Count { get; } = records.Count;
        public JournalPosition End { get; } = end;
        public DateTimeOffset OldestSettled { get; } = records[0].Timestamp.AddMilliseconds(records[0].LatencyMs);
        public bool Done { get; private set; }

        /// <summary>Lets go of the records: only the place counts now.</summary>
        public void Finish() => (Done, Records) = (true, []);
    }
}
