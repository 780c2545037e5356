using CurateMe.Client;
using CurateMe.Gateway.Alerts;
using CurateMe.Gateway.Governance;
using CurateMe.Gateway.Keys;
using Microsoft.AspNetCore.Http.HttpResults;

namespace CurateMe.Gateway.Admin;

/// <summary>API keys. A secret is in the answer that makes it and nowhere else.</summary>
static class KeyEndpoints
{
    const int MaxGraceSeconds = 30 * 24 * 3_600;

    public static RouteGroupBuilder MapKeys(this RouteGroupBuilder admin)
    {
        var keys = admin.MapGroup("/keys").WithTags("Keys");
        keys.MapPost("", CreateAsync).WithName("CreateKey").Requires(AdminRight.Change);
        keys.MapGet("", ListAsync).WithName("ListKeys").Requires(AdminRight.Read);
        keys.MapGet("/{key}", GetAsync).WithName("GetKey").Requires(AdminRight.Read);
        keys.MapPatch("/{key}", PatchAsync).WithName("UpdateKey").Requires(AdminRight.Change);
        keys.MapPost("/{key}/disable", DisableAsync).WithName("DisableKey").Requires(AdminRight.Change);
        keys.MapPost("/{key}/enable", EnableAsync).WithName("EnableKey").Requires(AdminRight.Change);
        keys.MapPost("/{key}/rotate", RotateAsync).WithName("RotateKey").Requires(AdminRight.Change);
        return keys;
    }

    /// <summary>A key that the caller may see.</summary>
    public static async Task<Stored<KeyDocument>> FindAsync(string key, AdminCall call, Catalogue catalogue, CancellationToken ct) =>
        Rules.IsId(key) && await catalogue.Keys.FindAsync(key, ct) is { } stored && call.Sees(stored.OrgId) ? stored : throw Refusal.NotFound("key", key);

    /// <summary>A key as operators see it.</summary>
    public static ApiKey View(KeyDocument key, DateTimeOffset now, string? secret = null) => new()
    {
        KeyId = key.KeyId,
        OrgId = key.OrgId,
        TeamId = key.TeamId,
        RunnerId = key.RunnerId,
        Name = key.Name,
        Status = key.Disabled ? "disabled" : key.ExpiresAt <= now ? "expired" : "active",
        Last4 = key.Last4,
        DailyBudget = key.DailyBudget,
        MonthlyBudget = key.MonthlyBudget,
        RateLimitRpm = key.RateLimitRpm,
        MaxConcurrency = key.MaxConcurrency,
        ModelAllowlist = key.ModelAllowlist,
        IpAllowlist = key.IpAllowlist,
        ExpiresAt = key.ExpiresAt,
        RotatedAt = key.RotatedAt,
        GraceUntil = key.GraceUntil > now ? key.GraceUntil : null,
        ThrottledUntil = key.ThrottledUntil > now ? key.ThrottledUntil : null,
        CreatedAt = key.CreatedAt,
        Key = secret,
    };

    static async Task<Created<ApiKey>> CreateAsync(Body<KeyCreate> body, AdminCall call, Catalogue catalogue, CancellationToken ct)
    {
        var (request, _) = body;
        var secret = Secret.New(Secret.KeyPrefix);
        var id = Ids.New("key_");
        var key = new KeyDocument
        {
            KeyId = id,
            OrgId = "",
            TeamId = request.TeamId,
            Name = request.Name ?? id,
            Last4 = secret.Last4,
            DailyBudget = request.DailyBudget,
            MonthlyBudget = request.MonthlyBudget,
            RateLimitRpm = request.RateLimitRpm,
            MaxConcurrency = request.MaxConcurrency,
            ModelAllowlist = request.ModelAllowlist,
            IpAllowlist = request.IpAllowlist,
            ExpiresAt = request.ExpiresAt,
            CreatedAt = call.Now,
        };
        Rules.Id("team_id", request.TeamId);
        Check(key);
        Rules.Future("expires_at", key.ExpiresAt, call.Now);
        var org = await call.OrgAsync(request.OrgId, "org_id", ct);
        key = key with { OrgId = org.Id };
        await RequireTeamAsync(key, catalogue, ct);
        await catalogue.CommitAsync(
            [catalogue.Keys.New(id, org.Id, secret.Hash.ToString(), key)],
            call.Audit("key.create", "key", id, org.Id, before: null, catalogue.Keys.Text(key)), ct);
        return TypedResults.Created($"/api/v1/admin/keys/{id}", View(key, call.Now, secret.Text));
    }

    static async Task<Ok<Page<ApiKey>>> ListAsync(string? limit, string? cursor, AdminCall call, Catalogue catalogue, CancellationToken ct)
    {
        var count = Paging.Limit(limit);
        var org = await call.OrgAsync(ct);
        return TypedResults.Ok(Paging.Page(await catalogue.Keys.ListAsync(org.Id, Paging.After(cursor), count + 1, ct), count, k => k.Id, k => View(k.Value, call.Now)));
    }

    static async Task<Ok<ApiKey>> GetAsync(string key, AdminCall call, Catalogue catalogue, CancellationToken ct) =>
        TypedResults.Ok(View((await FindAsync(key, call, catalogue, ct)).Value, call.Now));

    static async Task<Ok<ApiKey>> PatchAsync(string key, Body<KeyPatch> body, AdminCall call, Catalogue catalogue, CancellationToken ct)
    {
        var stored = await FindAsync(key, call, catalogue, ct);
        var changed = BodyReader.Patched(stored.Json, body, DocumentJson.Default.KeyDocument);
        Rules.Id("team_id", changed.TeamId);
        Check(changed);
        if (changed.ExpiresAt != stored.Value.ExpiresAt)
        {
            Rules.Future("expires_at", changed.ExpiresAt, call.Now);
        }
        await RequireTeamAsync(changed, catalogue, ct);
        return await SaveAsync("key.patch", stored, changed, call, catalogue, ct);
    }

    static async Task<Ok<ApiKey>> DisableAsync(string key, AdminCall call, Catalogue catalogue, AlertDesk desk, CancellationToken ct)
    {
        var stored = await FindAsync(key, call, catalogue, ct);
        var answer = await SaveAsync("key.disable", stored, stored.Value with { Disabled = true }, call, catalogue, ct);
        KeyAlerts.Disabled(desk, stored, call.Actor.Name, reason: "disabled by an administrator");
        return answer;
    }

    static async Task<Ok<ApiKey>> EnableAsync(string key, AdminCall call, Catalogue catalogue, CancellationToken ct)
    {
        var stored = await FindAsync(key, call, catalogue, ct);
        return await SaveAsync("key.enable", stored, stored.Value with { Disabled = false, ThrottledUntil = null, ThrottleRpm = null }, call, catalogue, ct);
    }

    static async Task<Ok<ApiKey>> RotateAsync(string key, Body<KeyRotate> body, AdminCall call, Catalogue catalogue, CancellationToken ct)
    {
        Rules.Count("grace_seconds", body.Value.GraceSeconds, 0, MaxGraceSeconds);
        var stored = await FindAsync(key, call, catalogue, ct);
        var secret = Secret.New(stored.Value.RunnerId is null ? Secret.KeyPrefix : Secret.RunnerPrefix);
        var graceUntil = call.Now.AddSeconds(body.Value.GraceSeconds ?? 0);
        var changed = stored.Value with { Last4 = secret.Last4, RotatedAt = call.Now, GraceUntil = graceUntil };
        var oldHash = stored.Lookup ?? throw new InvalidDataException($"The key {key} has no hash.");
        var replaced = new ReplacedSecretDocument { KeyId = stored.Id, Last4 = stored.Value.Last4, GraceUntil = graceUntil };
        await catalogue.CommitAsync(
            [catalogue.Keys.Change(stored, secret.Hash.ToString(), changed), catalogue.ReplacedSecrets.New(oldHash, stored.OrgId, oldHash, replaced)],
            call.Audit("key.rotate", "key", stored.Id, stored.OrgId, stored.Json, catalogue.Keys.Text(changed)), ct);
        return TypedResults.Ok(View(changed, call.Now, secret.Text));
    }

    static async Task<Ok<ApiKey>> SaveAsync(string action, Stored<KeyDocument> stored, KeyDocument changed, AdminCall call, Catalogue catalogue, CancellationToken ct)
    {
        await catalogue.CommitAsync(
            [catalogue.Keys.Change(stored, changed)],
            call.Audit(action, "key", stored.Id, stored.OrgId, stored.Json, catalogue.Keys.Text(changed)), ct);
        return TypedResults.Ok(View(changed, call.Now));
    }

    static void Check(KeyDocument key)
    {
        Rules.Name("name", key.Name);
        Rules.Amount("daily_budget", key.DailyBudget);
        Rules.Amount("monthly_budget", key.MonthlyBudget);
        Rules.Count("rate_limit_rpm", key.RateLimitRpm, 0, Rules.MaxRequestsPerMinute);
        Rules.Count("max_concurrency", key.MaxConcurrency, 0, Rules.MaxConcurrency);
        Rules.Models("model_allowlist", key.ModelAllowlist);
        Rules.IpRanges("ip_allowlist", key.IpAllowlist);
    }

    static async Task RequireTeamAsync(KeyDocument key, Catalogue catalogue, CancellationToken ct)
    {
        if (key.TeamId is not null && (await catalogue.Teams.FindAsync(key.TeamId, ct))?.OrgId != key.OrgId)
        {
            throw Refusal.InvalidField("team_id", $"names no team of the org \"{key.OrgId}\"");
        }
    }
}
