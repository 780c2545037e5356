using CurateMe.Client;
using CurateMe.Gateway.Governance;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;
using Microsoft.AspNetCore.Http.HttpResults;

namespace CurateMe.Gateway.Admin;

/// <summary>Metered billing by org, team, key and model.</summary>
static class BillingEndpoints
{
    /// <summary>Orgs in one page; a platform admin pages through all of them.</summary>
    const int MaxOrgs = 100;

    public static RouteGroupBuilder MapBilling(this RouteGroupBuilder admin)
    {
        var billing = admin.MapGroup("/gateway/billing").WithTags("Billing");
        billing.MapGet("", GetAsync).WithName("GetBilling").Produces<Page<OrgBill>>().WithMetadata(new ApiDocument.AlsoCsv()).Requires(AdminRight.Read);
        return billing;
    }

    static async Task<IResult> GetAsync(
        string? month, string? format, string? limit, string? cursor, HttpContext context, AdminCall call, Catalogue catalogue, LedgerReads reads, CancellationToken ct)
    {
        var first = Times.Month("month", month, call.Today);
        var csv = Csv.IsWanted(format, context.Request);
        var count = Math.Min(Paging.Limit(limit, MaxOrgs), MaxOrgs);
        var ledger = await reads.CaughtUpAsync(ct);
        if (call.NamedOrg is not null)
        {
            var bill = await BillAsync((await call.OrgAsync(ct)).Id, first, ledger, ct);
            return csv ? new BillCsv([bill], first) : TypedResults.Ok(new Page<OrgBill>([bill], NextCursor: null));
        }
        var orgs = await catalogue.Orgs.ListAsync(orgId: null, Paging.After(cursor), count + 1, ct);
        var ids = Paging.Page(orgs, count, o => o.Id, o => o.Id);
        List<OrgBill> bills = [];
        foreach (var id in ids.Data)
        {
            bills.Add(await BillAsync(id, first, ledger, ct));
        }
        return csv ? new BillCsv(bills, first) : TypedResults.Ok(new Page<OrgBill>(bills, ids.NextCursor));
    }

    static async Task<OrgBill> BillAsync(string orgId, DateOnly month, IUsageLedger ledger, CancellationToken ct)
    {
        var rows = await ledger.BreakdownAsync(
            new BreakdownQuery
            {
                OrgId = orgId,
                From = Times.Start(month),
                To = Times.Start(month.AddMonths(1)),
                By = [BreakdownDimension.Team, BreakdownDimension.Key, BreakdownDimension.Model],
            }, ct);
        List<BillLine> lines = [.. rows.Select(r => new BillLine(r.Values[0], r.Values[1], r.Values[2], r.Cost, r.Requests, r.PromptTokens, r.CompletionTokens))];
        var (cost, requests) = Sum(lines);
        if (lines.Count < BreakdownQuery.MaxRows)
        {
            return Bill(orgId, month, cost, requests, lines);
        }
        // More lines than one answer holds: what is missing becomes one line, so that the sum stays the sum.
        var leaves = await ledger.SpendAsync(orgId, SpendPeriod.OfMonth(month), except: null, before: null, ct);
        var (total, all) = leaves.Aggregate((Cost: NanoUsd.Zero, Requests: 0L), (sum, leaf) => (sum.Cost + leaf.Cost, sum.Requests + leaf.Requests));
        if (total != cost || all != requests)
        {
            lines.Add(new BillLine(TeamId: null, KeyId: null, Model: null, total - cost, all - requests, PromptTokens: 0, CompletionTokens: 0));
        }
        return Bill(orgId, month, total, all, lines);
    }

    static (NanoUsd Cost, long Requests) Sum(IEnumerable<BillLine> lines) =>
        lines.Aggregate((Cost: NanoUsd.Zero, Requests: 0L), (sum, line) => (sum.Cost + line.Cost, sum.Requests + line.Requests));

    static OrgBill Bill(string orgId, DateOnly month, NanoUsd total, long requests, IReadOnlyList<BillLine> lines) =>
        new() { OrgId = orgId, Month = Times.MonthText(month), Total = total, Requests = requests, Lines = lines };
}

/// <summary>Bills as CSV, one line of a bill in each.</summary>
sealed class BillCsv(IReadOnlyList<OrgBill> bills, DateOnly month) : IResult
{
    public async Task ExecuteAsync(HttpContext httpContext)
    {
        await using var csv = Csv.Begin(httpContext.Response, $"billing-{Times.MonthText(month)}.csv");
        await csv.WriteAsync("org_id", "month", "team_id", "key_id", "model", "requests", "prompt_tokens", "completion_tokens", "cost_nano_usd", "cost_usd");
        foreach (var bill in bills)
        {
            foreach (var line in bill.Lines)
            {
                await csv.WriteAsync(bill.OrgId, bill.Month, line.TeamId, line.KeyId, line.Model, line.Requests, line.PromptTokens, line.CompletionTokens, line.CostNanoUsd, line.Cost);
            }
        }
        await csv.FlushAsync();
    }
}
