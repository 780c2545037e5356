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
    internal DateTimeOffset Now => time.GetUtcNow();

    /// <summary>Takes a hold, or says who refused it; a refusal leaves nothing held.</summary>
    /// <returns>A null hold when denied.</returns>
    /// <exception cref="JournalUnavailableException">The end of the call could not be recorded: do not forward.</exception>
    /// <exception cref="CounterStoreUnavailableException">The counters did not answer and policy does not allow to go on without them.</exception>
    public async ValueTask<(Hold? Hold, HoldOutcome Outcome)> TakeAsync(HoldRequest request, CancellationToken ct)
    {
        var outcome = await counters.HoldAsync(request, ct).ConfigureAwait(false);
        if (outcome.Verdict != HoldVerdict.Admitted)
        {
            return (null, outcome);
        }
        var record = request.Record;
        record.Hold = outcome.Granted;
        try
        {
            await journal.AppendHoldAsync(record).ConfigureAwait(false);
        }
        catch
        {
            record.Cost = NanoUsd.Zero;
            await counters.EndAsync(record, CancellationToken.None).ConfigureAwait(false);
            await journal.AppendEndAsync(record).ConfigureAwait(false);
            throw;
        }
        return (new Hold(this, record, outcome), outcome);
    }

    /// <summary>Ends holds whose time is over (I3), up to a thousand in one call.</summary>
    /// <returns>Their presumed records.</returns>
    public async ValueTask<IReadOnlyList<UsageRecord>> ExpireAsync(CancellationToken ct)
    {
        var expired = await counters.ExpireAsync(max: 1000, ct).ConfigureAwait(false);
        foreach (var record in expired)
        {
            await journal.AppendEndAsync(record).ConfigureAwait(false);
        }
        return expired;
    }

    internal async ValueTask<EndOutcome> EndAsync(UsageRecord record)
    {
        await journal.AppendEndAsync(record).ConfigureAwait(false);
        return await counters.EndAsync(record, CancellationToken.None).ConfigureAwait(false);
    }
}
