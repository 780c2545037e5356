using CurateMe.Ledger.Errors;
using CurateMe.Ledger.Records;

namespace CurateMe.Gateway.Hosting;

/// <summary>Has the ledger keep its sums up, a little at a time, beside the requests. Any number of replicas may do it; answers do not depend on it, only how soon they come.</summary>
sealed partial class LedgerUpkeep(IUsageLedger ledger, ErrorEvents events, TimeProvider time, ILogger<LedgerUpkeep> logger)
    : PeriodicWork(Interval, events, time)
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(30);

    protected override async Task TurnAsync(CancellationToken ct)
    {
        try
        {
            await ledger.MaintainAsync(ct);
        }
        catch (LedgerUnavailableException away)
        {
            // The records themselves are summed until it comes through.
            Errors.Add("ledger", "upkeep_put_off", away.Message);
            Log.PutOff(logger, away.Message);
        }
    }

    static partial class Log
    {
        [LoggerMessage(2201, LogLevel.Warning, "The ledger's sums could not be kept up, answers take longer meanwhile: {Reason}")]
        public static partial void PutOff(ILogger logger, string reason);
    }
}
