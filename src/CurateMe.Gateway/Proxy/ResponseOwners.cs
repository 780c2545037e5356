using System.Collections.Concurrent;
using System.Text;
using CurateMe.Ledger.Entries;
using CurateMe.Ledger.Errors;

namespace CurateMe.Gateway.Proxy;

/// <summary>
/// Whose the answers are that a provider keeps: with the gateway's own key at the provider an answer's name alone would open it to any org (I10). Every replica
/// knows them, also after a restart; the newest <see cref="MaxKept"/> of this process without asking the store.
/// </summary>
sealed class ResponseOwners(IEntryStore store, ErrorEvents events)
{
    public const int MaxKept = 100_000;

    /// <summary>As long as the providers keep the answers.</summary>
    public static readonly TimeSpan TimeToLive = TimeSpan.FromDays(30);

    const string Kind = "response";

    /// <summary>Longest name that is remembered, in characters.</summary>
    const int MaxLength = 128;

    readonly ConcurrentDictionary<string, (string OrgId, string Provider)> owners = new(StringComparer.Ordinal);
    readonly ConcurrentQueue<string> order = new();

    /// <summary>Remembers the owner, before the answer's name reaches the caller.</summary>
    public async ValueTask AddAsync(string id, string orgId, string provider)
    {
        if (!IsName(id) || !Keep(id, (orgId, provider)))
        {
            return;
        }
        try
        {
            await store.AddAsync(Name(id), Encoding.UTF8.GetBytes($"{orgId}\n{provider}"), TimeToLive, quota: null, CancellationToken.None);
        }
        catch (EntryStoreUnavailableException e)
        {
            // This process still knows; others will say that there is no such response.
            events.Add("gateway", "response_owner_not_stored", e.Message);
        }
    }

    /// <summary>The owner and the provider; null for a name that is not remembered.</summary>
    /// <exception cref="RefusedException">The store does not answer, so nobody can say whose it is.</exception>
    public async ValueTask<(string OrgId, string Provider)?> FindAsync(string id, CancellationToken ct)
    {
        if (owners.TryGetValue(id, out var owner))
        {
            return owner;
        }
        if (!IsName(id))
        {
            return null;
        }
        try
        {
            if (await store.FindAsync(Name(id), ct) is not { } bytes || Encoding.UTF8.GetString(bytes).Split('\n') is not [var orgId, var provider])
            {
                return null;
            }
            Keep(id, (orgId, provider));
            return (orgId, provider);
        }
        catch (EntryStoreUnavailableException e)
        {
            events.Add("gateway", "response_owner_not_found", e.Message);
            throw new RefusedException(ErrorCode.ResponseStore, "The store that knows whose responses are whose does not answer.", "Try again; look at GET /health.") { RetryAfterMs = 1000 };
        }
    }

    bool Keep(string id, (string OrgId, string Provider) owner)
    {
        if (!owners.TryAdd(id, owner))
        {
            return false;
        }
        order.Enqueue(id);
        while (order.Count > MaxKept && order.TryDequeue(out var oldest))
        {
            owners.TryRemove(oldest, out _);
        }
        return true;
    }

    // It becomes part of a key of the store.
    static bool IsName(string id) => id.Length is > 0 and <= MaxLength && id.All(static c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.');

    static EntryName Name(string id) => new(id, Kind, "owner");
}
