using System.Collections.Concurrent;

namespace CurateMe.Gateway.Proxy;

/// <summary>
/// Whose the answers are that a provider keeps, the newest <see cref="MaxKept"/> of this process: with the gateway's own key at the provider an
/// answer's name alone would open it to any org (I10).
/// </summary>
sealed class ResponseOwners
{
    public const int MaxKept = 100_000;

    /// <summary>Longest name that is remembered, in characters.</summary>
    const int MaxLength = 128;

    readonly ConcurrentDictionary<string, (string OrgId, string Provider)> owners = new(StringComparer.Ordinal);
    readonly ConcurrentQueue<string> order = new();

    public void Add(string id, string orgId, string provider)
    {
        if (id.Length > MaxLength || !owners.TryAdd(id, (orgId, provider)))
        {
            return;
        }
        order.Enqueue(id);
        while (order.Count > MaxKept && order.TryDequeue(out var oldest))
        {
            owners.TryRemove(oldest, out _);
        }
    }

    /// <summary>The owner and the provider; null for a name that is not remembered.</summary>
    public (string OrgId, string Provider)? Find(string id) => owners.TryGetValue(id, out var owner) ? owner : null;
}
