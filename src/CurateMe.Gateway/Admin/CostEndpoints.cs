using CurateMe.Client;
using CurateMe.Gateway.Governance;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Reconciliation;
using CurateMe.Ledger.Records;
using Microsoft.AspNetCore.Http.HttpResults;

namespace CurateMe.Gateway.Admin;

/// <summary>What was spent: today, and by whatever one asks for.</summary>
static class CostEndpoints
{
    const int MaxTopModels = 20;

    /// <summary>Most dimensions of one breakdown.</summary>
    const int MaxDimensions = 4;

    const string TagPrefix = "tag:";

    public static RouteGroupBuilder MapCosts(this RouteGroupBuilder admin)
    {
        var costs = admin.MapGroup("/gateway/costs").WithTags("Costs");
        costs.MapGet("/daily", DailyAsync).WithName("GetDailyCosts").Requires(AdminRight.Read);
        costs.MapGet("/breakdown", BreakdownAsync).WithName("GetCostBreakdown").Requires(AdminRight.Read);
        return costs;
    }

    /// <summary>What works on the live counters.</summary>
    public static RouteGroupBuilder MapCounterCosts(this RouteGroupBuilder gateway)
    {
        var costs = gateway.MapGroup("/costs").WithTags("Costs");
        costs.MapPost("/reset-daily", ResetDailyAsync).WithName("ResetDailyCosts").Requires(AdminRight.Change);
        return costs;
    }

    static async Task<Ok<DailyCosts>> DailyAsync(string? date, AdminCall call, Catalogue catalogue, ICounterStore counters, LedgerReads reads, CancellationToken ct)
    {
        var day = Times.Day("date", date, call.Today);
        var org = await call.OrgAsync(ct);
        var policy = OrgPolicy.Resolve(org.Value.Tier, (await catalogue.Policies.FindAsync(org.Id, ct))?.Value);
        var ledger = await reads.CaughtUpAsync(ct);
        var live = day == call.Today ? await LiveAsync(org.Id, day, counters, ct) : null;
        var spend = live ?? await BookedAsync(org.Id, day, ledger, ct);
        var models = await ledger.BreakdownAsync(
            new BreakdownQuery { OrgId = org.Id, From = Times.Start(day), To = Times.Start(day.AddDays(1)), By = [BreakdownDimension.Model], Limit = MaxTopModels }, ct);
        return TypedResults.Ok(new DailyCosts
        {
            OrgId = org.Id,
            Date = day,
            DailySpend = spend.Day,
            DailyBudget = policy.DailyBudget,
            MonthlySpend = spend.Month,
            MonthlyBudget = policy.MonthlyBudget,
            DailyHeld = spend.DayHeld,
            MonthlyHeld = spend.MonthHeld,
            Source = live is null ? "ledger" : "counters",
            TopModels = [.. models.Select(m => new ModelCost(m.Values[0] ?? "", m.Cost, m.Requests))],
        });
    }

    sealed record Spend(NanoUsd Day, NanoUsd DayHeld, NanoUsd Month, NanoUsd MonthHeld);

    static async Task<Spend?> LiveAsync(string orgId, DateOnly day, ICounterStore counters, CancellationToken ct)
    {
        try
        {
            var cells = (await counters.SnapshotAsync(orgId, day, ct)).Where(c => c.Kind == NodeKind.Org).ToList();
            var today = cells.Find(c => c.Period == PeriodKind.Day);
            var month = cells.Find(c => c.Period == PeriodKind.Month);
            return new Spend(today?.Spent ?? default, today?.Held ?? default, month?.Spent ?? default, month?.Held ?? default);
        }
        catch (CounterStoreUnavailableException)
        {
            // The ledger knows all but what is in flight; the answer says where it comes from.
            return null;
        }
    }

    static async Task<Spend> BookedAsync(string orgId, DateOnly day, IUsageLedger ledger, CancellationToken ct)
    {
        var ofDay = await ledger.SpendAsync(orgId, SpendPeriod.OfDay(day), except: null, before: null, ct);
        var ofMonth = await ledger.SpendAsync(orgId, SpendPeriod.OfMonth(day), except: null, before: null, ct);
        return new Spend(Sum(ofDay), default, Sum(ofMonth), default);
    }

    static NanoUsd Sum(IEnumerable<LeafSpend> leaves) => leaves.Aggregate(NanoUsd.Zero, (sum, leaf) => sum + leaf.Cost);

    static async Task<Ok<CostBreakdown>> BreakdownAsync(string? from, string? to, string? by, string? limit, AdminCall call, LedgerReads reads, CancellationToken ct)
    {
        var (start, end) = Times.Span(from, to, call.Now);
        var names = (by ?? "model").Split(',');
        var (dimensions, tag) = Dimensions(names);
        var count = Paging.Limit(limit, Paging.MaxLimit);
        var org = await call.OrgAsync(ct);
        var query = new BreakdownQuery { OrgId = org.Id, From = start, To = end, By = dimensions, TagName = tag, Limit = count + 1 };
        var rows = await (await reads.CaughtUpAsync(ct)).BreakdownAsync(query, ct);
        return TypedResults.Ok(new CostBreakdown
        {
            OrgId = org.Id,
            From = start,
            To = end,
            By = names,
            Data = [.. rows.Take(count).Select(r => new BreakdownGroup(Group(names, r.Values), r.Cost, r.Requests, r.PromptTokens, r.CompletionTokens))],
            Truncated = rows.Count > count,
        });
    }

    static Dictionary<string, string?> Group(string[] names, IReadOnlyList<string?> values)
    {
        var group = new Dictionary<string, string?>(StringComparer.Ordinal);
        for (var i = 0; i < names.Length; i++)
        {
            group[names[i]] = values[i];
        }
        return group;
    }

    static (IReadOnlyList<BreakdownDimension> Dimensions, string? Tag) Dimensions(string[] names)
    {
        string? tag = null;
        List<BreakdownDimension> dimensions = [];
        foreach (var name in names)
        {
            if (name.StartsWith(TagPrefix, StringComparison.Ordinal) && name.Length is > 4 and <= 132 && tag is null)
            {
                tag = name[TagPrefix.Length..];
                dimensions.Add(BreakdownDimension.Tag);
            }
            else if (Choice.TryParse<BreakdownDimension>(name, out var dimension) && dimension != BreakdownDimension.Tag && !dimensions.Contains(dimension))
            {
                dimensions.Add(dimension);
            }
            else
            {
                throw Refusal.InvalidField("by", "must be different ones of model, provider, team, key, runner, session, hour, day and at most one tag:NAME, joined by commas");
            }
        }
        return dimensions.Count <= MaxDimensions ? (dimensions, tag) : throw Refusal.InvalidField("by", $"names {dimensions.Count} dimensions; {MaxDimensions} is the most");
    }

    static async Task<Ok<ResetDailyResult>> ResetDailyAsync(Body<ResetDaily> body, AdminCall call, Reconciler reconciler, CancellationToken ct)
    {
        var org = await call.OrgAsync(body.Value.OrgId, "org_id", ct);
        var nodes = await reconciler.ResetDayAsync(org.Id, taken => call.Audit("costs.reset_daily", "org", org.Id, org.Id, Text(taken), after: "{}"), ct);
        return TypedResults.Ok(new ResetDailyResult { OrgId = org.Id, Date = call.Today, Before = nodes.GetValueOrDefault("org"), Nodes = nodes });
    }

    static string Text(IReadOnlyDictionary<string, NanoUsd> nodes) =>
        new System.Text.Json.Nodes.JsonObject(nodes.Select(n => KeyValuePair.Create(n.Key, (System.Text.Json.Nodes.JsonNode?)n.Value.Value))).ToJsonString();
}
