using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using CurateMe.Client;
using CurateMe.Gateway.Governance;
using CurateMe.Ledger.Configuration;
using Microsoft.AspNetCore.Http.HttpResults;

namespace CurateMe.Gateway.Admin;

/// <summary>Checks the audit trail, and takes a change back.</summary>
static class AuditEndpoints
{
    const int PageSize = 500;

    public static RouteGroupBuilder MapAuditActions(this RouteGroupBuilder gateway)
    {
        gateway.MapGet("/audit/verify", VerifyAsync).WithName("VerifyAudit").WithTags("Operations").Requires(AdminRight.Platform);
        gateway.MapPost("/audit/{entry:long}/revert", RevertAsync).WithName("RevertAudit").WithTags("Operations").Requires(AdminRight.Change);
        return gateway;
    }

    static async Task<Ok<AuditVerification>> VerifyAsync(IConfigStore store, CancellationToken ct)
    {
        var count = 0L;
        AuditFault? fault = null;
        var page = await store.AuditAsync(new AuditQuery { Limit = PageSize }, ct);
        while (page.Count > 0)
        {
            // Pages come newest first; each is checked against the last entry of the one before it.
            var older = await store.AuditAsync(new AuditQuery { Limit = PageSize, BeforeSequence = page[^1].Sequence }, ct);
            fault = AuditChain.Verify(page.Reverse(), older.Count > 0 ? older[0] : null) ?? fault;
            count += page.Count;
            page = older;
        }
        return TypedResults.Ok(new AuditVerification(fault is null, count, fault?.Reason));
    }

    static async Task<Ok<AuditRecord>> RevertAsync(long entry, AdminCall call, Catalogue catalogue, IConfigStore store, CancellationToken ct)
    {
        var found = entry is > 0 and < long.MaxValue ? await store.AuditAsync(new AuditQuery { BeforeSequence = entry + 1, Limit = 1 }, ct) : [];
        if (found.Count == 0 || found[0].Sequence != entry || !call.Sees(found[0].Draft.OrgId))
        {
            throw Refusal.NotFound("audit entry", entry.ToString(System.Globalization.CultureInfo.InvariantCulture));
        }
        var draft = found[0].Draft;
        await (draft.TargetType switch
        {
            "policy" => RevertPolicyAsync(draft, call, catalogue, ct),
            "team" => RestoreAsync(draft, catalogue.Teams, DocumentJson.Default.TeamDocument, static (before, _) => before, call, catalogue, ct),
            "key" when draft.Action != "key.rotate" => RestoreAsync(draft, catalogue.Keys, DocumentJson.Default.KeyDocument, KeepSecret, call, catalogue, ct),
            "runner" => RevertRunnerAsync(draft, call, catalogue, ct),
            "org" when draft.Action == "org.patch" =>
                call.Actor.May(AdminRight.Platform)
                    ? RestoreAsync(draft, catalogue.Orgs, DocumentJson.Default.OrgDocument, static (before, _) => before, call, catalogue, ct)
                    : throw Refusal.Forbidden($"A change of kind {draft.Action} is taken back by platform admins only; {call.Actor.Name} is {Choice.Word(call.Actor.Role)}."),
            _ => throw Refusal.Conflict($"A change of kind {draft.Action} cannot be taken back."),
        });
        var newest = await store.AuditAsync(new AuditQuery { TargetId = draft.TargetId, Limit = 1 }, ct);
        return TypedResults.Ok(OperationEndpoints.View(newest[0]));
    }

    static async Task RevertPolicyAsync(AuditDraft draft, AdminCall call, Catalogue catalogue, CancellationToken ct)
    {
        var org = await catalogue.Orgs.FindAsync(draft.TargetId, ct) ?? throw Refusal.NotFound("org", draft.TargetId);
        var before = JsonSerializer.Deserialize(draft.BeforeJson ?? "{}", DocumentJson.Default.PolicyDocument)!;
        await PolicyEndpoints.SaveAsync("policy.revert", org, await catalogue.Policies.FindAsync(org.Id, ct), before, call, catalogue, ct);
    }

    static Task RevertRunnerAsync(AuditDraft draft, AdminCall call, Catalogue catalogue, CancellationToken ct) =>
        RestoreAsync(
            draft with { TargetId = Runners.SessionDirectory.IdOf(draft.OrgId ?? "", draft.TargetId) },
            catalogue.Runners, DocumentJson.Default.RunnerDocument, static (before, _) => before, call, catalogue, ct);

    static async Task RestoreAsync<T>(
        AuditDraft draft, DocumentSet<T> set, JsonTypeInfo<T> type, Func<T, T, T> merge, AdminCall call, Catalogue catalogue, CancellationToken ct) where T : class
    {
        if (draft.BeforeJson is null)
        {
            throw Refusal.Conflict($"The entry made this {draft.TargetType}; there is nothing before it to go back to.");
        }
        var stored = await set.FindAsync(draft.TargetId, ct) ?? throw Refusal.NotFound(draft.TargetType, draft.TargetId);
        var before = merge(JsonSerializer.Deserialize(draft.BeforeJson, type)!, stored.Value);
        await catalogue.CommitAsync(
            [set.Change(stored, before)], call.Audit($"{draft.TargetType}.revert", draft.TargetType, draft.TargetId, draft.OrgId, stored.Json, set.Text(before)), ct);
    }

    // A secret that was replaced in between stays replaced.
    static KeyDocument KeepSecret(KeyDocument before, KeyDocument now) => before with { Last4 = now.Last4, RotatedAt = now.RotatedAt, GraceUntil = now.GraceUntil };
}
