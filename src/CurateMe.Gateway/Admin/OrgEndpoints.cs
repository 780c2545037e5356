using CurateMe.Client;
using CurateMe.Gateway.Governance;
using Microsoft.AspNetCore.Http.HttpResults;

namespace CurateMe.Gateway.Admin;

/// <summary>Orgs and the plans they can have.</summary>
static class OrgEndpoints
{
    public static RouteGroupBuilder MapOrgs(this RouteGroupBuilder admin)
    {
        var orgs = admin.MapGroup("/orgs").WithTags("Orgs");
        orgs.MapPost("", CreateAsync).WithName("CreateOrg").Requires(AdminRight.Platform);
        orgs.MapGet("", ListAsync).WithName("ListOrgs").Requires(AdminRight.Read);
        orgs.MapGet("/{org}", GetAsync).WithName("GetOrg").Requires(AdminRight.Read);
        orgs.MapPatch("/{org}", PatchAsync).WithName("UpdateOrg").Requires(AdminRight.Platform);
        admin.MapGet("/tiers", Tiers).WithName("ListTiers").WithTags("Orgs").Requires(AdminRight.Read);
        return orgs;
    }

    static async Task<Created<Org>> CreateAsync(Body<OrgCreate> body, AdminCall call, Catalogue catalogue, CancellationToken ct)
    {
        var (request, _) = body;
        Rules.Id("org_id", request.OrgId);
        Rules.Name("name", request.Name);
        var id = request.OrgId ?? Ids.New("org_");
        if (await catalogue.Orgs.FindAsync(id, ct) is not null)
        {
            throw Refusal.Conflict($"There is an org \"{id}\" already.", "org_id");
        }
        var org = new OrgDocument { OrgId = id, Name = request.Name ?? id, Tier = request.Tier ?? Tier.Free, CreatedAt = call.Now };
        await catalogue.CommitAsync(
            [catalogue.Orgs.New(id, id, lookup: null, org)],
            call.Audit("org.create", "org", id, id, before: null, catalogue.Orgs.Text(org)), ct);
        return TypedResults.Created($"/api/v1/admin/orgs/{id}", View(org));
    }

    static async Task<Ok<Page<Org>>> ListAsync(string? limit, string? cursor, AdminCall call, Catalogue catalogue, CancellationToken ct)
    {
        var count = Paging.Limit(limit);
        var page = await catalogue.Orgs.ListAsync(call.NamedOrg is null ? null : (await call.OrgAsync(ct)).Id, Paging.After(cursor), count + 1, ct);
        return TypedResults.Ok(Paging.Page(page, count, o => o.Id, o => View(o.Value)));
    }

    static async Task<Ok<Org>> GetAsync(string org, AdminCall call, CancellationToken ct) => TypedResults.Ok(View((await call.OrgAsync(org, "org", ct)).Value));

    static async Task<Ok<Org>> PatchAsync(string org, Body<OrgPatch> body, AdminCall call, Catalogue catalogue, CancellationToken ct)
    {
        var stored = await call.OrgAsync(org, "org", ct);
        var changed = BodyReader.Patched(stored.Json, body, DocumentJson.Default.OrgDocument);
        Rules.Name("name", changed.Name);
        await catalogue.CommitAsync(
            [catalogue.Orgs.Change(stored, changed)],
            call.Audit("org.patch", "org", org, org, stored.Json, catalogue.Orgs.Text(changed)), ct);
        return TypedResults.Ok(View(changed));
    }

    static Ok<Page<TierView>> Tiers() => TypedResults.Ok(new Page<TierView>(
        [.. TierDefaults.All.Select(t => new TierView { Tier = t.Tier, MaxCostPerRequest = t.MaxCostPerRequest, DailyBudget = t.DailyBudget, MonthlyBudget = t.MonthlyBudget, MaxRequestBytes = t.MaxRequestBytes, MaxReasoningTokens = t.MaxReasoningTokens })],
        NextCursor: null));

    static Org View(OrgDocument org) => new() { OrgId = org.OrgId, Name = org.Name, Tier = org.Tier, Suspended = org.Suspended, CreatedAt = org.CreatedAt };
}
