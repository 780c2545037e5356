using System.Collections.Concurrent;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Journal;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;

namespace CurateMe.Ledger.Holds;

/// <summary>
/// Where holds are taken and ended: counters and journal always together, in the order that loses nothing whichever instant the process dies at.
/// Taking: counters, then journal, then forward. Ending: journal, then counters.
/// </summary>
public sealed class HoldDesk(ICounterStore counters, JournalFile journal, TimeProvider time)
{
    /// <summary>Most ends kept for counters that are away. Beyond it the ledger tells them later, and what was voided expires.</summary>
    public const int MaxUntold = 100_000;

    /// <summary>Most holds that one sweep ends.</summary>
    public const int MaxExpired = 1000;

    /// <summary>Failures after which a sweep leaves the rest of what is untold to the next one.</summary>
    const int MaxFailedTellings = 100;

    readonly ConcurrentQueue<UsageRecord> untold = new();
    int failures;

    /// <summary>Ends that the journal has and the counters did not take yet.</summary>
    public int Untold => untold.Count;

    internal DateTimeOffset Now => time.GetUtcNow();

    /// <summary>Takes a hold, or says who refused it; a refusal leaves nothing held. After an exception a retry takes a record with a new id.</summary>
    /// <returns>A null hold when denied.</returns>
    /// <exception cref="JournalUnavailableException">The end of the call could not be recorded: do not forward.</exception>
    /// <exception cref="CounterStoreUnavailableException">The counters did not answer and policy does not allow to go on without them.</exception>
    public async ValueTask<(Hold? Hold, HoldOutcome Outcome)> TakeAsync(HoldRequest request, CancellationToken ct)
    {
        var record = request.Record;
        HoldOutcome outcome;
        try
        {
            outcome = await counters.HoldAsync(request, ct).ConfigureAwait(false);
        }
        catch (Exception e) when (e is not CounterStoreUnavailableException { OutcomeUnknown: false })
        {
            // It may be held all the same; nobody would end it, and what expires is charged.
            await TellAsync(record).ConfigureAwait(false);
            throw;
        }
        if (outcome.Verdict != HoldVerdict.Admitted)
        {
            return (null, outcome);
        }
        record.Hold = outcome.Granted;
        try
        {
            await journal.AppendHoldAsync(record).ConfigureAwait(false);
        }
        catch
        {
            await EndAsync(record).ConfigureAwait(false);
            throw;
        }
        return (new Hold(this, record, outcome), outcome);
    }

    /// <summary>Tells the counters what they missed while away, then ends holds whose time is over (I3). Call it about once a second.</summary>
    /// <returns>The presumed records of those that expired, at most <see cref="MaxExpired"/>.</returns>
    public async ValueTask<IReadOnlyList<UsageRecord>> ExpireAsync(CancellationToken ct)
    {
        var failed = 0;
        for (var rest = untold.Count; rest > 0 && failed < MaxFailedTellings && untold.TryDequeue(out var record); rest--)
        {
            var before = Volatile.Read(ref failures);
            await TellAsync(record).ConfigureAwait(false);
            failed += Volatile.Read(ref failures) == before ? 0 : 1;
        }
        var expired = await counters.ExpireAsync(MaxExpired, ct).ConfigureAwait(false);
        foreach (var record in expired)
        {
            await journal.AppendExpiredAsync(record).ConfigureAwait(false);
        }
        return expired;
    }

    /// <summary>
    /// Ends the holds that the last life of this journal left open: their calls may be billed, so they are charged in full and marked presumed (I5).
    /// Call it once at the start, before the counters are rebuilt.
    /// </summary>
    /// <returns>Their records.</returns>
    public async ValueTask<IReadOnlyList<UsageRecord>> RecoverAsync()
    {
        var left = journal.Recovered.OpenHolds;
        foreach (var record in left)
        {
            Presumed.Complete(record, RecordStatus.Expired, Now);
            await EndAsync(record).ConfigureAwait(false);
        }
        return left;
    }

    internal async ValueTask<EndOutcome> EndAsync(UsageRecord record)
    {
        await journal.AppendEndAsync(record).ConfigureAwait(false);
        return await TellAsync(record).ConfigureAwait(false);
    }

    async ValueTask<EndOutcome> TellAsync(UsageRecord record)
    {
        try
        {
            return await counters.EndAsync(record, CancellationToken.None).ConfigureAwait(false);
        }
        catch (CounterStoreUnavailableException)
        {
            // The journal has the end, so nothing is lost: the next sweep says it again.
            Interlocked.Increment(ref failures);
            if (untold.Count < MaxUntold)
            {
                untold.Enqueue(record);
            }
            return default;
        }
    }
}
