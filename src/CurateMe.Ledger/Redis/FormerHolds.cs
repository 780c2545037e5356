using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Records;

namespace CurateMe.Ledger.Redis;

/// <summary>
/// What an earlier life of this gateway held when it was killed between the counters and the journal: such a call was never forwarded, and its money would be locked, and then
/// charged, for nothing. The journal names every call that may have been forwarded, so what it does not name is given back.
/// </summary>
sealed class FormerHolds(RedisCounters counters, IUsageLedger ledger, ReplicaNames names, TimeProvider time)
{
    /// <summary>After this it is looked again: what the dead process had sent may have waited in front of a server that stood still.</summary>
    static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(10);

    readonly HashSet<RequestId> journalled = [];
    long? looked;

    /// <summary>A call that the journal names: whoever follows the journal ends it.</summary>
    public void Note(RequestId id)
    {
        if (names.Former.Count > 0)
        {
            journalled.Add(id);
        }
    }

    /// <summary>Gives them back; to be called again and again, it does nothing when nothing is left to do.</summary>
    /// <returns>How many were given back.</returns>
    /// <exception cref="CounterStoreUnavailableException">The counters did not answer.</exception>
    /// <exception cref="LedgerUnavailableException">The ledger did not answer.</exception>
    public async Task<int> ReleaseAsync(CancellationToken ct)
    {
        if (names.Former.Count == 0 || (looked is { } at && time.GetElapsedTime(at) < LookAgain))
        {
            return 0;
        }
        var released = 0;
        foreach (var org in await counters.OrgsAsync(ct).ConfigureAwait(false))
        {
            foreach (var record in await counters.HeldByAsync(org, names.Former, ct).ConfigureAwait(false))
            {
                released += !journalled.Contains(record.Id) && await ReleaseAsync(record, ct).ConfigureAwait(false) ? 1 : 0;
            }
        }
        if (looked is not null)
        {
            names.ForgetFormer();
            journalled.Clear();
        }
        looked = time.GetTimestamp();
        return released;
    }

    async Task<bool> ReleaseAsync(UsageRecord record, CancellationToken ct)
    {
        if (await ledger.FindAsync(record.OrgId, record.Id, ct).ConfigureAwait(false) is { } stored)
        {
            // It ended, and only the counters were not told; the journal is past it.
            await counters.ConfirmAsync([stored], ct).ConfigureAwait(false);
            return false;
        }
        return (await counters.EndAsync(record, ct).ConfigureAwait(false)).Applied;
    }
}
