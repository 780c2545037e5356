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
    readonly SemaphoreSlim wake = new(0, 1);
    readonly CancellationTokenSource stop = new();
    readonly Lock gate = new();
    readonly LinkedList<Batch> inFlight = [];
    Task running = Task.CompletedTask;
    int sleeping;
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
        (this.journal, this.ledger, this.counters, this.options, this.time) = (journal, ledger, counters, options, time);
        batches = Channel.CreateBounded<Batch>(new BoundedChannelOptions(options.Workers) { SingleWriter = true });
        journal.OnSettled(Wake);
    }

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
                journal.Settled, DroppedRecords: 0, options.Workers, options.BatchSize, age, Interlocked.Read(ref recorded), Interlocked.Read(ref retries), lastError);
        }
    }

    /// <summary>Starts moving, from the last checkpoint on.</summary>
    public void Start() =>
        running = Task.WhenAll([Task.Run(DispatchAsync), .. Enumerable.Range(0, options.Workers).Select(_ => Task.Run(WorkAsync))]);

    /// <summary>Waits until the ledger has everything settled before this call, or the token is cancelled.</summary>
    public async Task DrainAsync(CancellationToken ct)
    {
        Wake();
        while (journal.Settled > 0)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(5), time, ct);
            Wake();
        }
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await running;
        stop.Dispose();
        wake.Dispose();
    }

    void Wake()
    {
        if (Interlocked.Exchange(ref sleeping, 0) == 1)
        {
            wake.Release();
        }
    }

    async Task DispatchAsync()
    {
        using var reader = new JournalReader(journal, journal.Recovered.Checkpoint);
        try
        {
            while (!stop.IsCancellationRequested)
            {
                if (Read(reader) is { } batch)
                {
                    await batches.Writer.WriteAsync(batch, stop.Token);
                    continue;
                }
                // Announce the sleep first, then look once more: a record appended in between either is seen or wakes.
                Volatile.Write(ref sleeping, 1);
                if (Read(reader) is { } late)
                {
                    await batches.Writer.WriteAsync(late, stop.Token);
                    continue;
                }
                await wake.WaitAsync(stop.Token);
                await Task.Delay(options.Linger, time, stop.Token);
            }
        }
        catch (OperationCanceledException)
        {
        }
        finally
        {
            batches.Writer.Complete();
        }
    }

    Batch? Read(JournalReader reader)
    {
        List<UsageRecord>? records = null;
        while ((records?.Count ?? 0) < options.BatchSize && reader.Next() is { } record)
        {
            (records ??= new List<UsageRecord>(options.BatchSize)).Add(record);
        }
        if (records is null)
        {
            return null;
        }
        var batch = new Batch(records, reader.Position);
        lock (gate)
        {
            inFlight.AddLast(batch);
        }
        return batch;
    }

    async Task WorkAsync()
    {
        await foreach (var batch in batches.Reader.ReadAllAsync(CancellationToken.None))
        {
            var wait = options.RetryFrom;
            while (!await TryRecordAsync(batch))
            {
                Interlocked.Increment(ref retries);
                try
                {
                    await Task.Delay(wait, time, stop.Token);
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

    async Task<bool> TryRecordAsync(Batch batch)
    {
        try
        {
            await ledger.RecordAsync(batch.Records, CancellationToken.None);
        }
        catch (Exception e)
        {
            // Whatever the ledger's reason, the records stay in the journal and are tried again; queue depth and this message tell the operator.
            lastError = e.Message;
            return false;
        }
        lastError = null;
        Interlocked.Add(ref recorded, batch.Records.Count);
        await ConfirmAsync(batch);
        Complete(batch);
        return true;
    }

    async Task ConfirmAsync(Batch batch)
    {
        try
        {
            await counters.ConfirmAsync(batch.Records, CancellationToken.None);
        }
        catch (CounterStoreUnavailableException)
        {
            // The counters go on naming these as unrecorded; a reconciliation finds them in the ledger and confirms them then.
        }
    }

    // Batches may finish out of order; the checkpoint stands before the first that has not.
    void Complete(Batch batch)
    {
        lock (gate)
        {
            batch.Done = true;
            var passed = default(JournalPosition);
            var records = 0L;
            while (inFlight.First is { Value.Done: true } first)
            {
                passed = first.Value.End;
                records += first.Value.Records.Count;
                inFlight.RemoveFirst();
            }
            if (records > 0)
            {
                journal.Checkpoint(passed, records);
            }
        }
    }

    sealed class Batch(List<UsageRecord> records, JournalPosition end)
    {
        public List<UsageRecord> Records { get; } = records;
        public JournalPosition End { get; } = end;
        public bool Done { get; set; }
        public DateTimeOffset OldestSettled => Records[0].Timestamp.AddMilliseconds(Records[0].LatencyMs);
    }
}
