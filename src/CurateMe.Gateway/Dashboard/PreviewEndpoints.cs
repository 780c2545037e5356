using CurateMe.Client;
using CurateMe.Gateway.Admin;
using CurateMe.Gateway.Governance;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;
using Microsoft.AspNetCore.Http.HttpResults;

namespace CurateMe.Gateway.Dashboard;

/// <summary>What a change of a policy would have done to last week's requests. Changes nothing.</summary>
static class PreviewEndpoints
{
    public static readonly TimeSpan Span = TimeSpan.FromDays(7);

    /// <summary>Most requests that are looked at: the newest.</summary>
    public const int MaxRequests = 50_000;

    public static RouteGroupBuilder MapPreview(this RouteGroupBuilder admin)
    {
        admin.MapPost("/gateway/policy/{org}/preview", PreviewAsync).WithName("PreviewPolicy").WithTags("Policies").Requires(AdminRight.Read);
        return admin;
    }

    static async Task<Ok<PolicyPreview>> PreviewAsync(string org, Body<PolicyDocument> body, AdminCall call, Catalogue catalogue, LedgerReads reads, CancellationToken ct)
    {
        var stored = await call.OrgAsync(org, "org", ct);
        var changed = BodyReader.Patched((await catalogue.Policies.FindAsync(org, ct))?.Json ?? "{}", body, DocumentJson.Default.PolicyDocument);
        Rules.Policy(changed);
        var policy = OrgPolicy.Resolve(stored.Value.Tier, changed);
        var ledger = await reads.CaughtUpAsync(ct);
        var (records, truncated) = await ReadAsync(ledger, org, call.Now, ct);
        var from = truncated ? records[0].Timestamp : call.Now - Span;
        var first = records.Count > 0 ? records[0].Day : call.Today;
        var dayBefore = await SpentAsync(ledger, org, Times.Start(first), from, ct);
        var monthBefore = await SpentAsync(ledger, org, Times.Start(new DateOnly(first.Year, first.Month, 1)), from, ct);
        var (least, most) = (new PolicyReplay(policy, dayBefore, monthBefore, atMost: false), new PolicyReplay(policy, dayBefore, monthBefore, atMost: true));
        foreach (var record in records)
        {
            least.Add(record);
            most.Add(record);
        }
        return TypedResults.Ok(new PolicyPreview
        {
            OrgId = org,
            From = from,
            To = call.Now,
            Requests = records.Count,
            WouldDeny = least.Denied,
            WouldDenyAtMost = Math.Max(most.Denied, least.Denied),
            ByCode = least.ByCode,
            WouldAskForApproval = least.Approvals,
            DeniedCost = least.DeniedCost,
            Truncated = truncated,
        });
    }

    // Newest first, because those are what a bound must keep; then in the order in which they came.
    static async Task<(List<UsageRecord> Records, bool Truncated)> ReadAsync(IUsageLedger ledger, string org, DateTimeOffset now, CancellationToken ct)
    {
        List<UsageRecord> records = [];
        var query = new UsageQuery { OrgId = org, From = now - Span, Limit = UsageQuery.MaxLimit, Sort = UsageSort.TimeDesc };
        UsagePage page;
        do
        {
            page = await ledger.QueryAsync(query, ct);
            records.AddRange(page.Records);
            query = query with { Cursor = page.NextCursor };
        }
        while (page.NextCursor is not null && records.Count < MaxRequests);
        records.Reverse();
        return (records, page.NextCursor is not null);
    }

    static async Task<NanoUsd> SpentAsync(IUsageLedger ledger, string org, DateTimeOffset from, DateTimeOffset to, CancellationToken ct) =>
        from >= to ? NanoUsd.Zero
        : (await ledger.BreakdownAsync(new BreakdownQuery { OrgId = org, From = from, To = to, By = [] }, ct)) is [var sum] ? sum.Cost : NanoUsd.Zero;
}
