namespace CurateMe.Ledger.Journal;

/// <summary>Group commit: everyone who appends while a flush runs shares the next one.</summary>
sealed class DiskFlusher : IAsyncDisposable
{
    readonly Lock gate = new();
    readonly SemaphoreSlim wanted = new(0, 1);
    readonly CancellationTokenSource stop = new();
    readonly Task loop;
    TaskCompletionSource next = New();
    readonly HashSet<JournalSegment> dirty = [];

    public DiskFlusher() => loop = Task.Run(RunAsync);

    public ValueTask WaitAsync(JournalSegment segment)
    {
        Task flushed;
        lock (gate)
        {
            dirty.Add(segment);
            flushed = next.Task;
            if (wanted.CurrentCount == 0)
            {
                wanted.Release();
            }
        }
        return new ValueTask(flushed);
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await loop;
        FlushOnce();
        stop.Dispose();
        wanted.Dispose();
    }

    async Task RunAsync()
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await wanted.WaitAsync(stop.Token);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            FlushOnce();
        }
    }

    void FlushOnce()
    {
        TaskCompletionSource batch;
        JournalSegment[] segments;
        lock (gate)
        {
            batch = next;
            next = New();
            segments = [.. dirty];
            dirty.Clear();
        }
        try
        {
            foreach (var segment in segments)
            {
                segment.Flush();
            }
            batch.SetResult();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            batch.SetException(new JournalUnavailableException($"The journal cannot be flushed to the disk: {e.Message}", e));
        }
    }

    static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
