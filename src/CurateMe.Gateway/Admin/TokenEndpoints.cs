using CurateMe.Client;
using CurateMe.Gateway.Governance;
using CurateMe.Gateway.Keys;
using Microsoft.AspNetCore.Http.HttpResults;

namespace CurateMe.Gateway.Admin;

/// <summary>Tokens of the admin plane. An org admin makes tokens for its own org, never for more than it may itself.</summary>
static class TokenEndpoints
{
    public static RouteGroupBuilder MapTokens(this RouteGroupBuilder admin)
    {
        var tokens = admin.MapGroup("/tokens").WithTags("Tokens");
        tokens.MapPost("", CreateAsync).WithName("CreateAdminToken").Requires(AdminRight.Change);
        tokens.MapGet("", ListAsync).WithName("ListAdminTokens").Requires(AdminRight.Change);
        tokens.MapDelete("/{token}", RevokeAsync).WithName("RevokeAdminToken").Requires(AdminRight.Change);
        return tokens;
    }

    static async Task<Created<AdminToken>> CreateAsync(Body<AdminTokenCreate> body, AdminCall call, AdminGate gate, Catalogue catalogue, CancellationToken ct)
    {
        var (request, _) = body;
        Rules.Name("name", request.Name);
        var role = request.Role ?? throw Refusal.MissingField("role", $"Send one of {string.Join(", ", Choice.All<AdminRole>())}.");
        Rules.Future("expires_at", request.ExpiresAt, call.Now);
        var orgId = await OrgOfAsync(role, request.OrgId, call, ct);
        var secret = Secret.New(Secret.AdminPrefix);
        var id = Ids.New("tok_");
        var token = new AdminTokenDocument
        {
            TokenId = id,
            Name = request.Name ?? id,
            Role = role,
            OrgId = orgId,
            Last4 = secret.Last4,
            ExpiresAt = request.ExpiresAt,
            CreatedAt = call.Now,
        };
        await catalogue.CommitAsync(
            [gate.Tokens.New(id, orgId, secret.Hash.ToString(), token)],
            call.Audit("token.create", "admin_token", id, orgId, before: null, gate.Tokens.Text(token)), ct);
        return TypedResults.Created($"/api/v1/admin/tokens/{id}", View(token, secret.Text));
    }

    static async Task<string?> OrgOfAsync(AdminRole role, string? said, AdminCall call, CancellationToken ct)
    {
        if (role != AdminRole.PlatformAdmin)
        {
            return (await call.OrgAsync(said, "org_id", ct)).Id;
        }
        if (call.Actor.Role != AdminRole.PlatformAdmin)
        {
            throw Refusal.Forbidden("Only a platform admin may make one.");
        }
        return said is null ? null : throw Refusal.InvalidField("org_id", "must be absent: a platform admin is not bound to an org");
    }

    static async Task<Ok<Page<AdminToken>>> ListAsync(string? limit, string? cursor, AdminCall call, AdminGate gate, CancellationToken ct)
    {
        var count = Paging.Limit(limit);
        var orgId = call.NamedOrg is null ? null : (await call.OrgAsync(ct)).Id;
        var page = await gate.Tokens.ListAsync(orgId, Paging.After(cursor), count + 1, ct);
        return TypedResults.Ok(Paging.Page(page, count, t => t.Id, t => View(t.Value)));
    }

    static async Task<Ok<AdminToken>> RevokeAsync(string token, AdminCall call, AdminGate gate, Catalogue catalogue, CancellationToken ct)
    {
        if (!Rules.IsId(token) || await gate.Tokens.FindAsync(token, ct) is not { } stored || !call.Sees(stored.OrgId))
        {
            throw Refusal.NotFound("admin token", token);
        }
        var changed = stored.Value with { Revoked = true };
        await catalogue.CommitAsync(
            [gate.Tokens.Change(stored, changed)],
            call.Audit("token.revoke", "admin_token", stored.Id, stored.OrgId, stored.Json, gate.Tokens.Text(changed)), ct);
        return TypedResults.Ok(View(changed));
    }

    static AdminToken View(AdminTokenDocument token, string? secret = null) => new()
    {
        TokenId = token.TokenId,
        Name = token.Name,
        Role = token.Role,
        OrgId = token.OrgId,
        Last4 = token.Last4,
        ExpiresAt = token.ExpiresAt,
        Revoked = token.Revoked,
        CreatedAt = token.CreatedAt,
        Token = secret,
    };
}
