using System.Text.Json;
using CurateMe.Ledger.Configuration;
using CurateMe.Ledger.Money;

namespace CurateMe.Ledger.Reconciliation;

/// <summary>
/// Daily counters that an operator set back: how much each node's counter stands below the ledger. A rebuild keeps the reset in force
/// and says so, rather than undoing it silently.
/// </summary>
public sealed class CounterResets(IConfigStore store)
{
    const string Collection = "counter_resets";

    /// <summary>Amount per counter field taken off an org's day; empty when no reset is in force.</summary>
    public async Task<IReadOnlyDictionary<string, NanoUsd>> InForceAsync(string orgId, DateOnly day, CancellationToken ct)
    {
        var document = await store.GetAsync(Collection, IdOf(orgId, day), ct).ConfigureAwait(false);
        return document is null ? new Dictionary<string, NanoUsd>(StringComparer.Ordinal) : Parse(document.Json);
    }

    /// <summary>Adds to what is in force; stored together with its audit entry.</summary>
    public async Task AddAsync(string orgId, DateOnly day, IReadOnlyDictionary<string, NanoUsd> taken, AuditDraft audit, CancellationToken ct)
    {
        var document = await store.GetAsync(Collection, IdOf(orgId, day), ct).ConfigureAwait(false);
        var sums = new SortedDictionary<string, long>(StringComparer.Ordinal);
        foreach (var (field, amount) in document is null ? taken : Parse(document.Json).Concat(taken))
        {
            sums[field] = checked(sums.GetValueOrDefault(field) + amount.Value);
        }
        var write = new ConfigWrite(Collection, IdOf(orgId, day), orgId, Lookup: null, JsonSerializer.Serialize(sums), document?.Version ?? 0);
        await store.WriteAsync([write], audit, ct).ConfigureAwait(false);
    }

    static Dictionary<string, NanoUsd> Parse(string json) =>
        (JsonSerializer.Deserialize<Dictionary<string, long>>(json) ?? []).ToDictionary(static f => f.Key, static f => new NanoUsd(f.Value), StringComparer.Ordinal);

    static string IdOf(string orgId, DateOnly day) => $"{orgId}:{day:yyyy-MM-dd}";
}
