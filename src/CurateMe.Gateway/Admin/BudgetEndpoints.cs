using CurateMe.Client;
using CurateMe.Gateway.Governance;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Money;
using Microsoft.AspNetCore.Http.HttpResults;

namespace CurateMe.Gateway.Admin;

/// <summary>The tree of budgets: what each node has spent, holds and may spend.</summary>
static class BudgetEndpoints
{
    /// <summary>Most teams and most keys in one answer.</summary>
    const int MaxNodes = 5_000;

    const int PageSize = 1_000;

    public static RouteGroupBuilder MapBudgets(this RouteGroupBuilder gateway)
    {
        var budgets = gateway.MapGroup("/budgets").WithTags("Budgets");
        budgets.MapGet("/{org}", GetAsync).WithName("GetBudgets").Requires(AdminRight.Read);
        budgets.MapPut("/{org}/nodes/{node}", PutNodeAsync).WithName("SetNodeLimits").Requires(AdminRight.Change);
        return budgets;
    }

    static async Task<Ok<BudgetTree>> GetAsync(string org, AdminCall call, Catalogue catalogue, ICounterStore counters, CancellationToken ct) =>
        TypedResults.Ok(await TreeAsync(await call.OrgAsync(org, "org", ct), call.Today, catalogue, counters, ct));

    static async Task<Ok<BudgetTree>> PutNodeAsync(
        string org, string node, Body<NodeLimits> body, AdminCall call, Catalogue catalogue, ICounterStore counters, CancellationToken ct)
    {
        Rules.Amount("daily_budget", body.Value.DailyBudget);
        Rules.Amount("monthly_budget", body.Value.MonthlyBudget);
        var stored = await call.OrgAsync(org, "org", ct);
        await (node.Split(':', 2) switch
        {
            ["org"] => SetOrgAsync(stored, body, call, catalogue, ct),
            ["team", var team] => SetTeamAsync(stored, team, body, call, catalogue, ct),
            ["key", var key] => SetKeyAsync(stored, key, body, call, catalogue, ct),
            _ => throw Refusal.InvalidField("node", "must be org, team:ID or key:ID"),
        });
        return TypedResults.Ok(await TreeAsync(stored, call.Today, catalogue, counters, ct));
    }

    static async Task SetOrgAsync(Stored<OrgDocument> org, Body<NodeLimits> body, AdminCall call, Catalogue catalogue, CancellationToken ct)
    {
        var policy = await catalogue.Policies.FindAsync(org.Id, ct);
        var before = policy?.Value ?? new PolicyDocument();
        var changed = before with
        {
            DailyBudget = Says(body, "daily_budget") ? body.Value.DailyBudget : before.DailyBudget,
            MonthlyBudget = Says(body, "monthly_budget") ? body.Value.MonthlyBudget : before.MonthlyBudget,
        };
        await PolicyEndpoints.SaveAsync("budget.set", org, policy, changed, call, catalogue, ct);
    }

    static async Task SetTeamAsync(Stored<OrgDocument> org, string id, Body<NodeLimits> body, AdminCall call, Catalogue catalogue, CancellationToken ct)
    {
        var team = await TeamEndpoints.FindAsync(id, call, catalogue, ct);
        RequireIn(org, team.OrgId, "team", id);
        var changed = team.Value with
        {
            DailyBudget = Says(body, "daily_budget") ? body.Value.DailyBudget?.Amount : team.Value.DailyBudget,
            MonthlyBudget = Says(body, "monthly_budget") ? body.Value.MonthlyBudget?.Amount : team.Value.MonthlyBudget,
        };
        await catalogue.CommitAsync(
            [catalogue.Teams.Change(team, changed)], call.Audit("budget.set", "team", id, org.Id, team.Json, catalogue.Teams.Text(changed)), ct);
    }

    static async Task SetKeyAsync(Stored<OrgDocument> org, string id, Body<NodeLimits> body, AdminCall call, Catalogue catalogue, CancellationToken ct)
    {
        var key = await KeyEndpoints.FindAsync(id, call, catalogue, ct);
        RequireIn(org, key.OrgId, "key", id);
        var changed = key.Value with
        {
            DailyBudget = Says(body, "daily_budget") ? body.Value.DailyBudget?.Amount : key.Value.DailyBudget,
            MonthlyBudget = Says(body, "monthly_budget") ? body.Value.MonthlyBudget?.Amount : key.Value.MonthlyBudget,
        };
        await catalogue.CommitAsync(
            [catalogue.Keys.Change(key, changed)], call.Audit("budget.set", "key", id, org.Id, key.Json, catalogue.Keys.Text(changed)), ct);
    }

    static bool Says(Body<NodeLimits> body, string field) => body.Json.ContainsKey(field);

    static void RequireIn(Stored<OrgDocument> org, string? orgId, string what, string id)
    {
        if (orgId != org.Id)
        {
            throw Refusal.NotFound(what, id);
        }
    }

    static async Task<BudgetTree> TreeAsync(Stored<OrgDocument> org, DateOnly day, Catalogue catalogue, ICounterStore counters, CancellationToken ct)
    {
        var cells = (await counters.SnapshotAsync(org.Id, day, ct)).ToDictionary(c => (c.Field, c.Period));
        var policy = OrgPolicy.Resolve(org.Value.Tier, (await catalogue.Policies.FindAsync(org.Id, ct))?.Value);
        var teams = await AllAsync(catalogue.Teams, org.Id, ct);
        var keys = await AllAsync(catalogue.Keys, org.Id, ct);
        var byTeam = keys.Items.ToLookup(k => k.TeamId);

        BudgetTreeNode Node(NodeKind kind, string id, string name, NanoUsd? daily, NanoUsd? monthly, IReadOnlyList<BudgetTreeNode> children)
        {
            var node = new BudgetNode(kind, id);
            return new BudgetTreeNode
            {
                Node = node.Field,
                Kind = BudgetNode.KindName(kind),
                Id = id,
                Name = name,
                Daily = Figures(cells.GetValueOrDefault((node.Field, PeriodKind.Day)), daily),
                Monthly = Figures(cells.GetValueOrDefault((node.Field, PeriodKind.Month)), monthly),
                Children = children,
            };
        }
        IEnumerable<BudgetTreeNode> KeysOf(string? team) => byTeam[team].Select(k => Node(NodeKind.Key, k.KeyId, k.Name, k.DailyBudget, k.MonthlyBudget, []));

        var children = teams.Items.Select(t => Node(NodeKind.Team, t.TeamId, t.Name, t.DailyBudget, t.MonthlyBudget, [.. KeysOf(t.TeamId)])).Concat(KeysOf(null));
        return new BudgetTree
        {
            OrgId = org.Id,
            Date = day,
            Month = Times.MonthText(day),
            Org = Node(NodeKind.Org, org.Id, org.Value.Name, policy.DailyBudget, policy.MonthlyBudget, [.. children]),
            Truncated = teams.More || keys.More,
        };
    }

    static BudgetFigures Figures(CellTotals? cell, NanoUsd? limit) =>
        new(cell?.Spent ?? default, cell?.Held ?? default, limit, Percent((cell?.Spent ?? default) + (cell?.Held ?? default), limit));

    static double? Percent(NanoUsd used, NanoUsd? limit) => limit switch
    {
        null => null,
        { Value: 0 } => 100,
        { Value: var most } => (double)((Int128)used.Value * 1_000 / most) / 10,
    };

    static async Task<(List<T> Items, bool More)> AllAsync<T>(DocumentSet<T> set, string orgId, CancellationToken ct) where T : class
    {
        List<T> items = [];
        for (string? after = null; ;)
        {
            var page = await set.ListAsync(orgId, after, PageSize, ct);
            items.AddRange(page.Select(p => p.Value));
            if (page.Count < PageSize)
            {
                return (items, More: false);
            }
            if (items.Count >= MaxNodes)
            {
                return (items, More: true);
            }
            after = page[^1].Id;
        }
    }
}
