using System.Collections.Concurrent;
using CurateMe.Gateway.Hosting;
using CurateMe.Ledger.Entries;
using CurateMe.Ledger.Errors;
using CurateMe.Ledger.Records;

namespace CurateMe.Gateway.Idempotency;

/// <summary>
/// Claims of requests that nobody will be charged for, but that the store may still have, because it did not answer when they were to be made or taken back. They are
/// taken back once it answers, so that their keys are free again. Those of a process that dies meanwhile stay until they are forgotten.
/// </summary>
sealed class UnmadeClaims(IEntryStore store, ErrorEvents errors, TimeProvider time) : PeriodicWork(TimeSpan.FromSeconds(1), errors, time)
{
    /// <summary>Most that are remembered.</summary>
    const int MaxKept = 10_000;

    readonly ConcurrentDictionary<RequestId, (EntryName Name, byte[] Claim)> claims = new();

    public void Add(EntryName name, in KeyEntry claim)
    {
        if (claims.Count < MaxKept)
        {
            claims[claim.Request] = (name, claim.ToBytes());
        }
    }

    /// <summary>Whether the request was not made: its claim may be taken over.</summary>
    public bool Has(RequestId request) => claims.ContainsKey(request);

    protected override async Task TurnAsync(CancellationToken ct)
    {
        foreach (var (request, (name, claim)) in claims)
        {
            try
            {
                await store.ReplaceAsync(name, claim, default, quota: null, ct);
            }
            catch (EntryStoreUnavailableException)
            {
                // Still away.
                return;
            }
            claims.TryRemove(request, out _);
        }
    }
}
