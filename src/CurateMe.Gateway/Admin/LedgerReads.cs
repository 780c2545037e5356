using CurateMe.Ledger.Records;

namespace CurateMe.Gateway.Admin;

/// <summary>
/// The ledger for people: what this process settled a moment ago is waited for, so that who has just paid for a request finds it. Bounded, because
/// under load something is always on its way.
/// </summary>
sealed class LedgerReads(IUsageLedger ledger, TimeProvider time, Recorder? recorder = null)
{
    /// <summary>Longest wait for records on their way.</summary>
    public static readonly TimeSpan MaxWait = TimeSpan.FromMilliseconds(500);

    public async Task<IUsageLedger> CaughtUpAsync(CancellationToken ct)
    {
        if (recorder is null)
        {
            return ledger;
        }
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        using var timer = time.CreateTimer(static state => ((CancellationTokenSource)state!).Cancel(), limit, MaxWait, Timeout.InfiniteTimeSpan);
        try
        {
            await recorder.DrainAsync(limit.Token);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            // Not all of it is there yet; the answer is as good as the ledger is now.
        }
        return ledger;
    }
}
