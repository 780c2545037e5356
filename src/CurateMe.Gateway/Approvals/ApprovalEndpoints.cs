using CurateMe.Client;
using CurateMe.Gateway.Admin;
using CurateMe.Gateway.Governance;
using CurateMe.Gateway.Keys;
using Microsoft.AspNetCore.Http.HttpResults;

namespace CurateMe.Gateway.Approvals;

/// <summary>The queue of requests that wait for a person.</summary>
static class ApprovalEndpoints
{
    const int MaxReasonLength = 500;

    public static RouteGroupBuilder MapApprovals(this RouteGroupBuilder gateway)
    {
        var approvals = gateway.MapGroup("/approvals").WithTags("Approvals");
        approvals.MapGet("", ListAsync).WithName("ListApprovals").Requires(AdminRight.Read);
        approvals.MapPost("/{approval}/approve", ApproveAsync).WithName("ApproveRequest").Requires(AdminRight.Approve);
        approvals.MapPost("/{approval}/reject", RejectAsync).WithName("RejectRequest").Requires(AdminRight.Approve);
        return approvals;
    }

    /// <summary>How an approval stands, for the key that asked; null when it is not that key's.</summary>
    public static async Task<Approval?> StatusAsync(string id, Principal principal, Catalogue catalogue, TimeProvider time, CancellationToken ct) =>
        Rules.IsId(id) && await catalogue.Approvals.FindAsync(id, ct) is { Value: var approval } && approval.KeyId == principal.KeyId && approval.OrgId == principal.OrgId
            ? View(approval, time.GetUtcNow(), withToken: true)
            : null;

    static async Task<Ok<Page<Approval>>> ListAsync(string? limit, string? cursor, string? status, AdminCall call, Catalogue catalogue, CancellationToken ct)
    {
        var count = Paging.Limit(limit);
        if (status is not (null or ApprovalStatus.Pending or ApprovalStatus.Approved or ApprovalStatus.Rejected or ApprovalStatus.Used or ApprovalStatus.Expired))
        {
            throw Refusal.InvalidField("status", "must be pending, approved, rejected, used or expired");
        }
        var org = await call.OrgAsync(ct);
        var found = await FindAsync(org.Id, status, Paging.After(cursor), count + 1, call.Now, catalogue, ct);
        return TypedResults.Ok(Paging.Page(found, count, a => a.Id, a => View(a.Value, call.Now, withToken: false)));
    }

    // So many that stand so, or all that are left.
    static async Task<List<Stored<ApprovalDocument>>> FindAsync(string org, string? status, string? after, int count, DateTimeOffset now, Catalogue catalogue, CancellationToken ct)
    {
        List<Stored<ApprovalDocument>> found = [];
        while (true)
        {
            var wanted = status is null ? count - found.Count : Paging.MaxLimit;
            var page = await catalogue.Approvals.ListAsync(org, after, wanted, ct);
            found.AddRange(page.Where(a => status is null || ApprovalGate.StatusAt(a.Value, now) == status).Take(count - found.Count));
            if (found.Count == count || page.Count < Math.Min(wanted, Paging.MaxLimit))
            {
                return found;
            }
            after = page[^1].Id;
        }
    }

    static async Task<Ok<Approval>> ApproveAsync(string approval, AdminCall call, Catalogue catalogue, ApprovalGate gate, CancellationToken ct) =>
        TypedResults.Ok(View(await gate.ApproveAsync(await FindAsync(approval, call, catalogue, ct), Decider.Of(call), ct), call.Now, withToken: true));

    static async Task<Ok<Approval>> RejectAsync(string approval, Body<ApprovalReject> body, AdminCall call, Catalogue catalogue, ApprovalGate gate, CancellationToken ct)
    {
        var reason = Reason(body.Value.Reason);
        return TypedResults.Ok(View(await gate.RejectAsync(await FindAsync(approval, call, catalogue, ct), reason, Decider.Of(call), ct), call.Now, withToken: false));
    }

    /// <summary>A reason as it may be kept and shown.</summary>
    public static string? Reason(string? reason) => reason is null || (reason.Length <= MaxReasonLength && !reason.Any(char.IsControl))
        ? reason
        : throw Refusal.InvalidField("reason", $"must have at most {MaxReasonLength} printable characters");

    static async Task<Stored<ApprovalDocument>> FindAsync(string id, AdminCall call, Catalogue catalogue, CancellationToken ct) =>
        Rules.IsId(id) && await catalogue.Approvals.FindAsync(id, ct) is { } stored && call.Sees(stored.OrgId) ? stored : throw Refusal.NotFound("approval", id);

    static Approval View(ApprovalDocument approval, DateTimeOffset now, bool withToken)
    {
        var status = ApprovalGate.StatusAt(approval, now);
        return new Approval
        {
            ApprovalId = approval.ApprovalId,
            OrgId = approval.OrgId,
            KeyId = approval.KeyId,
            Status = status,
            Reason = "cost_threshold",
            Model = approval.Model,
            EstimatedCost = approval.EstimatedCost,
            Threshold = approval.Threshold,
            CreatedAt = approval.CreatedAt,
            ExpiresAt = approval.ExpiresAt,
            DecidedBy = approval.DecidedBy,
            DecidedAt = approval.DecidedAt,
            RejectReason = approval.RejectReason,
            ApprovalToken = withToken && status == ApprovalStatus.Approved ? approval.Token : null,
        };
    }
}
