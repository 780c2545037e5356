using CurateMe.Client;
using CurateMe.Gateway.Admin;
using CurateMe.Gateway.Governance;
using CurateMe.Ledger.Configuration;
using Microsoft.AspNetCore.Http.HttpResults;

namespace CurateMe.Gateway.ProviderKeys;

/// <summary>Keys at providers, the platform's or one org's. A key comes in once and is never shown again.</summary>
static class ProviderKeyEndpoints
{
    const int MinLength = 8;
    const int MaxLength = 4_096;

    public static RouteGroupBuilder MapProviderKeys(this RouteGroupBuilder admin)
    {
        var keys = admin.MapGroup("/provider-keys").WithTags("Provider keys");
        keys.MapPost("", CreateAsync).WithName("CreateProviderKey").Requires(AdminRight.Change);
        keys.MapGet("", ListAsync).WithName("ListProviderKeys").Requires(AdminRight.Change);
        keys.MapPatch("/{provider_key}", PatchAsync).WithName("UpdateProviderKey").Requires(AdminRight.Change);
        keys.MapDelete("/{provider_key}", DeleteAsync).WithName("DeleteProviderKey").Requires(AdminRight.Change);
        return keys;
    }

    static async Task<Created<ProviderKey>> CreateAsync(Body<ProviderKeyCreate> body, AdminCall call, Catalogue catalogue, Keyring ring, CancellationToken ct)
    {
        var (request, _) = body;
        Rules.Name("name", request.Name);
        var provider = request.Provider ?? throw Refusal.MissingField("provider", "Name a configured provider, e.g. \"openai\".");
        if (!ring.Knows(provider))
        {
            throw Refusal.InvalidField("provider", "names no configured provider");
        }
        var secret = request.Key ?? throw Refusal.MissingField("key", "Send the provider's key.");
        if (secret.Length is < MinLength or > MaxLength || secret.Any(static c => c is < '!' or > '~'))
        {
            throw Refusal.InvalidField("key", $"must have {MinLength} to {MaxLength} visible ASCII characters");
        }
        var orgId = await OrgOfAsync(request.OrgId, call, ct);
        if (!ring.Master.Exists)
        {
            throw Refusal.Conflict($"Gateways that share their configuration need the same {MasterKey.Variable} to store provider keys.");
        }
        var there = await catalogue.ProviderKeys.ListAsync(orgId, afterId: null, IConfigStore.MaxLimit, ct);
        if (there.Count(k => k.OrgId == orgId) >= Keyring.MaxKeys)
        {
            throw Refusal.Conflict($"There are {Keyring.MaxKeys} provider keys already; delete one first.");
        }
        var id = Ids.New("pk_");
        var key = new ProviderKeyDocument
        {
            ProviderKeyId = id,
            Provider = provider,
            OrgId = orgId,
            Name = request.Name ?? id,
            Last4 = secret[^4..],
            Sealed = ring.Master.Encrypt(secret, id),
            CreatedAt = call.Now,
        };
        await catalogue.CommitAsync(
            [catalogue.ProviderKeys.New(id, orgId, lookup: null, key)],
            call.Audit("provider_key.create", "provider_key", id, orgId, before: null, Shown(catalogue, key)), ct);
        await ring.LoadAsync(ct);
        return TypedResults.Created($"/api/v1/admin/provider-keys/{id}", View(key));
    }

    static async Task<Ok<Page<ProviderKey>>> ListAsync(string? limit, string? cursor, AdminCall call, Catalogue catalogue, CancellationToken ct)
    {
        var count = Paging.Limit(limit);
        var orgId = call.NamedOrg is null ? null : (await call.OrgAsync(ct)).Id;
        var page = await catalogue.ProviderKeys.ListAsync(orgId, Paging.After(cursor), count + 1, ct);
        return TypedResults.Ok(Paging.Page(page, count, static k => k.Id, static k => View(k.Value)));
    }

    static async Task<Ok<ProviderKey>> PatchAsync(string provider_key, Body<ProviderKeyPatch> body, AdminCall call, Catalogue catalogue, Keyring ring, CancellationToken ct)
    {
        var stored = await FindAsync(provider_key, call, catalogue, ct);
        var changed = BodyReader.Patched(stored.Json, body, DocumentJson.Default.ProviderKeyDocument);
        Rules.Name("name", changed.Name);
        await catalogue.CommitAsync(
            [catalogue.ProviderKeys.Change(stored, changed)],
            call.Audit("provider_key.patch", "provider_key", stored.Id, stored.OrgId, Shown(catalogue, stored.Value), Shown(catalogue, changed)), ct);
        await ring.LoadAsync(ct);
        return TypedResults.Ok(View(changed));
    }

    static async Task<Ok<ProviderKey>> DeleteAsync(string provider_key, AdminCall call, Catalogue catalogue, Keyring ring, CancellationToken ct)
    {
        var stored = await FindAsync(provider_key, call, catalogue, ct);
        await catalogue.CommitAsync(
            [new ConfigWrite(Collections.ProviderKeys, stored.Id, stored.OrgId, Lookup: null, Json: null, stored.Version)],
            call.Audit("provider_key.delete", "provider_key", stored.Id, stored.OrgId, Shown(catalogue, stored.Value), after: null), ct);
        await ring.LoadAsync(ct);
        return TypedResults.Ok(View(stored.Value));
    }

    static async Task<Stored<ProviderKeyDocument>> FindAsync(string id, AdminCall call, Catalogue catalogue, CancellationToken ct) =>
        Rules.IsId(id) && await catalogue.ProviderKeys.FindAsync(id, ct) is { } stored && call.Sees(stored.OrgId) ? stored : throw Refusal.NotFound("provider key", id);

    // Without an org it is the platform's, which only a platform admin may have.
    static async Task<string?> OrgOfAsync(string? said, AdminCall call, CancellationToken ct)
    {
        if (said is not null || call.NamedOrg is not null)
        {
            return (await call.OrgAsync(said, "org_id", ct)).Id;
        }
        return call.Actor.May(AdminRight.Platform) ? null : throw Refusal.MissingOrg();
    }

    // Not even the encrypted form goes into the audit trail.
    static string Shown(Catalogue catalogue, ProviderKeyDocument key) => catalogue.ProviderKeys.Text(key with { Sealed = "" });

    static ProviderKey View(ProviderKeyDocument key) => new()
    {
        ProviderKeyId = key.ProviderKeyId,
        Provider = key.Provider,
        OrgId = key.OrgId,
        Name = key.Name,
        Last4 = key.Last4,
        Disabled = key.Disabled,
        CreatedAt = key.CreatedAt,
    };
}
