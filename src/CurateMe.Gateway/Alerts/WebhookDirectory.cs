using System.Collections.Concurrent;
using CurateMe.Gateway.Governance;

namespace CurateMe.Gateway.Alerts;

/// <summary>The webhooks of an org, remembered until one changes.</summary>
sealed class WebhookDirectory : IDisposable
{
    /// <summary>Most orgs remembered.</summary>
    const int MaxOrgs = 10_000;

    readonly Catalogue catalogue;
    readonly ConfigChanges changes;
    readonly ConcurrentDictionary<string, IReadOnlyList<WebhookDocument>> known = new(StringComparer.Ordinal);
    long generation;

    public WebhookDirectory(Catalogue catalogue, ConfigChanges changes)
    {
        (this.catalogue, this.changes) = (catalogue, changes);
        changes.Changed += Forget;
        changes.Missed += ForgetAll;
    }

    /// <summary>Those that are told of an org's events: its own and the platform's.</summary>
    /// <param name="orgId">Null for what concerns no single org.</param>
    public async Task<IReadOnlyList<WebhookDocument>> OfAsync(string? orgId, CancellationToken ct)
    {
        var platform = await ReadAsync(WebhookDocument.Platform, ct);
        return orgId is null ? platform : [.. await ReadAsync(orgId, ct), .. platform];
    }

    public void Dispose()
    {
        changes.Changed -= Forget;
        changes.Missed -= ForgetAll;
    }

    async Task<IReadOnlyList<WebhookDocument>> ReadAsync(string owner, CancellationToken ct)
    {
        if (known.TryGetValue(owner, out var webhooks))
        {
            return webhooks;
        }
        var before = Volatile.Read(ref generation);
        webhooks = [.. (await catalogue.Webhooks.ListAsync(owner, afterId: null, WebhookDocument.MaxPerOrg, ct)).Select(w => w.Value)];
        if (known.Count >= MaxOrgs)
        {
            known.Clear();
        }
        if (Volatile.Read(ref generation) == before)
        {
            known[owner] = webhooks;
        }
        return webhooks;
    }

    void Forget(ConfigChange change)
    {
        if (change.Collection == Collections.Webhooks)
        {
            ForgetAll();
        }
    }

    void ForgetAll()
    {
        Interlocked.Increment(ref generation);
        known.Clear();
    }
}
