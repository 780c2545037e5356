using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Holds;
using CurateMe.Ledger.Journal;
using CurateMe.Ledger.Reconciliation;
using CurateMe.Ledger.Records;

namespace CurateMe.Gateway.Hosting;

/// <summary>
/// Brings the money's books up before the first request is accepted, keeps them, and closes them after the last:
/// <list type="number">
/// <item>Holds that an earlier life left without an end are presumed (I5).</item>
/// <item>The recorder moves what the ledger lacks; the start waits for it.</item>
/// <item>The counters are rebuilt from the ledger (I6).</item>
/// </list>
/// </summary>
sealed partial class LedgerService(
    JournalFile journal, ICounterStore counters, HoldDesk desk, Recorder recorder, Reconciler reconciler, TimeProvider time,
    ILogger<LedgerService> logger, SharedWork? shared = null)
    : IHostedService, IAsyncDisposable
{
    /// <summary>Longest the start waits for the ledger to take what the journal holds.</summary>
    static readonly TimeSpan CatchUpTimeout = TimeSpan.FromMinutes(2);

    /// <summary>Longest the stop waits for the same; what is left is in the journal.</summary>
    static readonly TimeSpan DrainTimeout = TimeSpan.FromSeconds(20);

    static readonly TimeSpan SweepInterval = TimeSpan.FromSeconds(1);

    readonly CancellationTokenSource stop = new();
    Task sweeping = Task.CompletedTask;
    int disposed;
    (long Skipped, long Settled)? catchingUp;

    /// <summary>Whether requests may come.</summary>
    public bool Ready { get; private set; }

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var recovered = journal.Recovered;
        if (recovered.DamagedBytes > 0)
        {
            Log.Damaged(logger, recovered.DamagedBytes);
        }
        foreach (var record in await desk.RecoverAsync())
        {
            Log.PresumedHold(logger, record.Id, record.OrgId, record.Cost.ToString());
        }
        shared?.NoteRecovered();
        recorder.Start();
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(CatchUpTimeout);
        try
        {
            await recorder.DrainAsync(patience.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new LedgerUnavailableException($"The ledger did not take what the journal holds within {CatchUpTimeout.TotalMinutes} minutes: {recorder.Figures.LastError}");
        }
        if (shared is not null)
        {
            await shared.StartAsync(cancellationToken);
        }
        else
        {
            await reconciler.RebuildAllAsync(DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime), cancellationToken);
        }
        sweeping = Task.Run(SweepAsync, CancellationToken.None);
        Ready = true;
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        Ready = false;
        await stop.CancelAsync();
        await sweeping;
        using var patience = new CancellationTokenSource(DrainTimeout);
        try
        {
            await recorder.DrainAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            Log.LeftInJournal(logger, journal.Settled);
        }
        await recorder.DisposeAsync();
    }

    // A start that failed is not stopped: without this the next sweep would find what it needs gone, and say so. The host disposes of it by both its names.
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref disposed, 1) != 0)
        {
            return;
        }
        await stop.CancelAsync();
        await sweeping;
        stop.Dispose();
    }

    async Task SweepAsync()
    {
        var trimmed = time.GetTimestamp();
        using var timer = new PeriodicTimer(SweepInterval, time);
        while (await NextAsync(timer))
        {
            try
            {
                foreach (var record in await desk.ExpireAsync(stop.Token))
                {
                    Log.PresumedHold(logger, record.Id, record.OrgId, record.Cost.ToString());
                }
                if (shared is not null)
                {
                    await shared.RunAsync(stop.Token);
                }
                if (journal.Fault is { } fault && !journal.RetryUnwritten())
                {
                    Log.JournalFault(logger, fault);
                }
                NoteRecorded();
                if (counters is InProcessCounters local && time.GetElapsedTime(trimmed) > TimeSpan.FromHours(1))
                {
                    trimmed = time.GetTimestamp();
                    local.Trim();
                }
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                // Stopped.
            }
            catch (Exception e)
            {
                // Whatever it is, a time-out too: holds must go on ending, and a fault at the stop must not keep the recorder from being drained.
                Log.SweepFailed(logger, e);
            }
        }
    }

    // The journal is written before the counters are told, so what they skipped so far is among what it has settled so far.
    void NoteRecorded()
    {
        if (counters is not InProcessCounters local || local.Skipped == 0)
        {
            return;
        }
        if (catchingUp is { } until && journal.RecordedEver >= until.Settled)
        {
            local.CatchUp(until.Skipped);
            catchingUp = null;
        }
        if (local.Skipped is > 0 and var skipped && journal.Unwritten == 0)
        {
            catchingUp ??= (skipped, journal.SettledEver);
        }
    }

    async Task<bool> NextAsync(PeriodicTimer timer)
    {
        try
        {
            return await timer.WaitForNextTickAsync(stop.Token);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    static partial class Log
    {
        [LoggerMessage(2001, LogLevel.Warning, "{RequestId} of {OrgId} was presumed at ${Cost}: nobody saw its end; look at it with ?source=presumed")]
        public static partial void PresumedHold(ILogger logger, RequestId requestId, string orgId, string cost);

        [LoggerMessage(2002, LogLevel.Error, "The journal has {Bytes} damaged bytes: the disk lost something that had been written")]
        public static partial void Damaged(ILogger logger, long bytes);

        [LoggerMessage(2003, LogLevel.Warning, "Stopped with {Count} records in the journal that the ledger did not take yet; the next start goes on with them")]
        public static partial void LeftInJournal(ILogger logger, long count);

        [LoggerMessage(2004, LogLevel.Error, "The journal cannot be written: {Fault}")]
        public static partial void JournalFault(ILogger logger, string fault);

        [LoggerMessage(2005, LogLevel.Error, "The sweep of expired holds failed")]
        public static partial void SweepFailed(ILogger logger, Exception e);
    }
}
