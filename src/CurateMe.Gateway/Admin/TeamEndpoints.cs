using CurateMe.Client;
using CurateMe.Gateway.Governance;
using Microsoft.AspNetCore.Http.HttpResults;

namespace CurateMe.Gateway.Admin;

/// <summary>Teams: parts of an org with limits of their own.</summary>
static class TeamEndpoints
{
    public static RouteGroupBuilder MapTeams(this RouteGroupBuilder admin)
    {
        var teams = admin.MapGroup("/teams").WithTags("Teams");
        teams.MapPost("", CreateAsync).WithName("CreateTeam").Requires(AdminRight.Change);
        teams.MapGet("", ListAsync).WithName("ListTeams").Requires(AdminRight.Read);
        teams.MapGet("/{team}", GetAsync).WithName("GetTeam").Requires(AdminRight.Read);
        teams.MapPatch("/{team}", PatchAsync).WithName("UpdateTeam").Requires(AdminRight.Change);
        return teams;
    }

    /// <summary>A team that the caller may see.</summary>
    public static async Task<Stored<TeamDocument>> FindAsync(string team, AdminCall call, Catalogue catalogue, CancellationToken ct) =>
        Rules.IsId(team) && await catalogue.Teams.FindAsync(team, ct) is { } stored && call.Sees(stored.OrgId) ? stored : throw Refusal.NotFound("team", team);

    static async Task<Created<Team>> CreateAsync(Body<TeamCreate> body, AdminCall call, Catalogue catalogue, CancellationToken ct)
    {
        var (request, _) = body;
        Rules.Id("team_id", request.TeamId);
        Rules.Name("name", request.Name);
        Rules.Amount("daily_budget", request.DailyBudget);
        Rules.Amount("monthly_budget", request.MonthlyBudget);
        var org = await call.OrgAsync(request.OrgId, "org_id", ct);
        var id = request.TeamId ?? Ids.New("team_");
        if (await catalogue.Teams.FindAsync(id, ct) is not null)
        {
            throw Refusal.Conflict($"There is a team \"{id}\" already.", "team_id");
        }
        var team = new TeamDocument
        {
            TeamId = id,
            OrgId = org.Id,
            Name = request.Name ?? id,
            DailyBudget = request.DailyBudget,
            MonthlyBudget = request.MonthlyBudget,
            CreatedAt = call.Now,
        };
        await catalogue.CommitAsync(
            [catalogue.Teams.New(id, org.Id, lookup: null, team)],
            call.Audit("team.create", "team", id, org.Id, before: null, catalogue.Teams.Text(team)), ct);
        return TypedResults.Created($"/api/v1/admin/teams/{id}", View(team));
    }

    static async Task<Ok<Page<Team>>> ListAsync(string? limit, string? cursor, AdminCall call, Catalogue catalogue, CancellationToken ct)
    {
        var count = Paging.Limit(limit);
        var org = await call.OrgAsync(ct);
        return TypedResults.Ok(Paging.Page(await catalogue.Teams.ListAsync(org.Id, Paging.After(cursor), count + 1, ct), count, t => t.Id, t => View(t.Value)));
    }

    static async Task<Ok<Team>> GetAsync(string team, AdminCall call, Catalogue catalogue, CancellationToken ct) =>
        TypedResults.Ok(View((await FindAsync(team, call, catalogue, ct)).Value));

    static async Task<Ok<Team>> PatchAsync(string team, Body<TeamPatch> body, AdminCall call, Catalogue catalogue, CancellationToken ct)
    {
        var stored = await FindAsync(team, call, catalogue, ct);
        var changed = BodyReader.Patched(stored.Json, body, DocumentJson.Default.TeamDocument);
        Rules.Name("name", changed.Name);
        Rules.Amount("daily_budget", changed.DailyBudget);
        Rules.Amount("monthly_budget", changed.MonthlyBudget);
        await catalogue.CommitAsync(
            [catalogue.Teams.Change(stored, changed)],
            call.Audit("team.patch", "team", stored.Id, stored.OrgId, stored.Json, catalogue.Teams.Text(changed)), ct);
        return TypedResults.Ok(View(changed));
    }

    static Team View(TeamDocument team) => new()
    {
        TeamId = team.TeamId,
        OrgId = team.OrgId,
        Name = team.Name,
        DailyBudget = team.DailyBudget,
        MonthlyBudget = team.MonthlyBudget,
        CreatedAt = team.CreatedAt,
    };
}
