using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using CurateMe.Client;
using CurateMe.Gateway.Alerts;
using CurateMe.Gateway.Approvals;
using CurateMe.Ledger.Configuration;

namespace CurateMe.Gateway.Governance;

/// <summary>A document as read, with the version that a change of it must name.</summary>
/// <param name="Json">The stored text, for the audit trail.</param>
sealed record Stored<T>(T Value, string Id, string? OrgId, string? Lookup, string Json, long Version) where T : class;

/// <summary>One collection of the configuration store, typed.</summary>
sealed class DocumentSet<T>(IConfigStore store, string collection, JsonTypeInfo<T> type) where T : class
{
    public async Task<Stored<T>?> FindAsync(string id, CancellationToken ct) => Read(await store.GetAsync(collection, id, ct));

    public async Task<Stored<T>?> LookupAsync(string lookup, CancellationToken ct) => Read(await store.LookupAsync(collection, lookup, ct));

    /// <summary>A page in order of id.</summary>
    public async Task<IReadOnlyList<Stored<T>>> ListAsync(string? orgId, string? afterId, int limit, CancellationToken ct)
    {
        var page = await store.ListAsync(collection, orgId, afterId, limit, ct);
        return [.. page.Select(Read).OfType<Stored<T>>()];
    }

    /// <summary>A document that must not be there yet.</summary>
    public ConfigWrite New(string id, string? orgId, string? lookup, T value) => new(collection, id, orgId, lookup, Text(value), ExpectedVersion: 0);

    /// <summary>The document with another content and another lookup.</summary>
    public ConfigWrite Change(Stored<T> stored, string lookup, T value) => new(collection, stored.Id, stored.OrgId, lookup, Text(value), stored.Version);

    /// <summary>The document with another content and no lookup any more.</summary>
    public ConfigWrite Free(Stored<T> stored, T value) => new(collection, stored.Id, stored.OrgId, Lookup: null, Text(value), stored.Version);

    /// <summary>The document with another content.</summary>
    public ConfigWrite Change(Stored<T> stored, T value) => new(collection, stored.Id, stored.OrgId, stored.Lookup, Text(value), stored.Version);

    /// <summary>The document gone.</summary>
    public ConfigWrite Remove(Stored<T> stored) => new(collection, stored.Id, stored.OrgId, Lookup: null, Json: null, stored.Version);

    public string Text(T value) => JsonSerializer.Serialize(value, type);

    Stored<T>? Read(ConfigDocument? document) => document is null || document.Deleted
        ? null
        : new Stored<T>(
            JsonSerializer.Deserialize(document.Json, type) ?? throw new InvalidDataException($"The document {collection}/{document.Id} is null."),
            document.Id, document.OrgId, document.Lookup, document.Json, document.Version);
}

/// <summary>Orgs, teams, keys and policies. Every change goes through <see cref="CommitAsync"/>: stored with its audit entry, then in force here.</summary>
sealed class Catalogue(IConfigStore store, ConfigChanges changes)
{
    public DocumentSet<OrgDocument> Orgs { get; } = new(store, Collections.Orgs, DocumentJson.Default.OrgDocument);
    public DocumentSet<TeamDocument> Teams { get; } = new(store, Collections.Teams, DocumentJson.Default.TeamDocument);
    public DocumentSet<KeyDocument> Keys { get; } = new(store, Collections.Keys, DocumentJson.Default.KeyDocument);

    /// <summary>Looked up by hash, like the keys.</summary>
    public DocumentSet<ReplacedSecretDocument> ReplacedSecrets { get; } = new(store, Collections.ReplacedSecrets, DocumentJson.Default.ReplacedSecretDocument);

    public DocumentSet<RunnerDocument> Runners { get; } = new(store, Collections.Runners, DocumentJson.Default.RunnerDocument);
    public DocumentSet<StoppedSessionDocument> StoppedSessions { get; } = new(store, Collections.StoppedSessions, DocumentJson.Default.StoppedSessionDocument);
    public DocumentSet<ApprovalDocument> Approvals { get; } = new(store, Collections.Approvals, DocumentJson.Default.ApprovalDocument);
    public DocumentSet<ProviderKeyDocument> ProviderKeys { get; } = new(store, Collections.ProviderKeys, DocumentJson.Default.ProviderKeyDocument);

    public DocumentSet<LinkKeyDocument> LinkKeys { get; } = new(store, Collections.LinkKeys, DocumentJson.Default.LinkKeyDocument);
    public DocumentSet<WebhookDocument> Webhooks { get; } = new(store, Collections.Webhooks, DocumentJson.Default.WebhookDocument);

    /// <summary>The policy document of an org has the org's id.</summary>
    public DocumentSet<PolicyDocument> Policies { get; } = new(store, Collections.Policies, DocumentJson.Default.PolicyDocument);

    /// <exception cref="ConfigConflictException">A document was changed by somebody else since it was read.</exception>
    public async Task CommitAsync(IReadOnlyList<ConfigWrite> writes, AuditDraft? audit, CancellationToken ct)
    {
        await store.WriteAsync(writes, audit, ct);
        changes.Publish(writes);
    }

    /// <summary>An org's policy as it is in force; null when there is no such org.</summary>
    public async Task<OrgPolicy?> PolicyAsync(string orgId, CancellationToken ct) =>
        await Orgs.FindAsync(orgId, ct) is { } org ? OrgPolicy.Resolve(org.Value.Tier, (await Policies.FindAsync(orgId, ct))?.Value) : null;
}
