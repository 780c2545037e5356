using System.Security.Cryptography;
using System.Text;
using CurateMe.Client;
using CurateMe.Gateway.Admin;
using CurateMe.Gateway.Governance;
using CurateMe.Gateway.Keys;
using CurateMe.Gateway.Proxy;
using CurateMe.Ledger.Configuration;
using CurateMe.Ledger.Money;

namespace CurateMe.Gateway.Approvals;

/// <summary>What the gate says; nothing in it means that the request concerns nobody.</summary>
/// <param name="Pending">What the request waits for, to be answered with 202.</param>
/// <param name="Used">The approval that it has just used up.</param>
readonly record struct ApprovalOutcome(PendingApproval? Pending, UsedApproval? Used);

sealed record UsedApproval(ApprovalDocument Approved, string Lookup);

/// <summary>Who decides, when and from where.</summary>
sealed record Decider(string Name, DateTimeOffset Now, string? Ip)
{
    public static Decider Of(AdminCall call) => new(call.Actor.Name, call.Now, call.Ip);

    public AuditDraft Audit(string action, Stored<ApprovalDocument> approval, string before, string after) =>
        new(Now, Name, Ip, action, "approval", approval.Id, approval.OrgId, before, after);
}

/// <summary>
/// Lets a request that may cost as much as the org's <c>hitl_threshold</c> pass only once a person has approved that very request: the same key,
/// the same model, the same bytes, at no higher price, once. Everything is in the configuration store, so it survives restarts and holds over all replicas.
/// </summary>
sealed class ApprovalGate(Catalogue catalogue, ApprovalAlerts alerts, AskingRate rate, TimeProvider time)
{
    /// <summary>How long a request waits for a decision, and how long an approved one may be sent.</summary>
    public static readonly TimeSpan TimeToLive = TimeSpan.FromHours(24);

    const string Reason = "cost_threshold";
    const string TokenPrefix = "cm_ap_";

    /// <summary>Whether a request of this worst cost needs <see cref="CheckAsync"/> at all.</summary>
    public static bool Concerns(OrgPolicy policy, NanoUsd worst) => policy.HitlThreshold is { } threshold && worst >= threshold;

    /// <summary>Asks whether the request may pass.</summary>
    /// <param name="worst">The most that it may cost.</param>
    /// <param name="ceiling">The same, whatever is learned of its model until it is sent with a token; at least <paramref name="worst"/>. What is asked is good up to it.</param>
    /// <param name="body">The bytes as the caller sent them.</param>
    /// <param name="token">What <c>X-CM-Approval-Token</c> says.</param>
    /// <exception cref="RefusedException">
    /// The token is not this request's, was used, its time is over, or the request became dearer; or a person said no; or the key asks too often.
    /// </exception>
    public ValueTask<ApprovalOutcome> CheckAsync(Principal principal, string model, NanoUsd worst, NanoUsd ceiling, ReadOnlySpan<byte> body, string? token, CancellationToken ct) =>
        Concerns(principal.Policy, worst)
            ? new ValueTask<ApprovalOutcome>(CheckAsync(principal, model, worst, ceiling, Lookup(principal, model, body), token, ct))
            : default;

    // With the model, because some dialects name it in the path: what was approved for a cheap one opens no dear one.
    static string Lookup(Principal principal, string model, ReadOnlySpan<byte> body) => $"{principal.KeyId}:{Convert.ToHexStringLower(SHA256.HashData(body))}:{model}";

    // Another path, provider, policy or price list can make the same bytes dearer than what somebody said yes to.
    static bool IsDearer(ApprovalDocument approval, NanoUsd worst) => worst > (approval.Ceiling ?? worst);

    async Task<ApprovalOutcome> CheckAsync(Principal principal, string model, NanoUsd worst, NanoUsd ceiling, string lookup, string? token, CancellationToken ct)
    {
        // Off the socket's thread: the store may block.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        var found = await catalogue.Approvals.LookupAsync(lookup, ct);
        var now = time.GetUtcNow();
        if (token is not null)
        {
            return new ApprovalOutcome(Pending: null, new UsedApproval(await UseAsync(found, worst, token, now, ct), lookup));
        }
        if (found is null || found.Value.ExpiresAt <= now || (found.Value.Status != ApprovalStatus.Rejected && IsDearer(found.Value, worst)))
        {
            return new ApprovalOutcome(await AskAsync(principal, model, worst, ceiling, lookup, found, now, ct), Used: null);
        }
        return found.Value.Status == ApprovalStatus.Rejected
            ? throw new RefusedException(ErrorCode.ApprovalRejected, $"The request was turned down ({found.Value.ApprovalId}).", found.Value.RejectReason ?? "Ask who decided.")
            : new ApprovalOutcome(View(found.Value), Used: null);
    }

    /// <summary>Makes an approval good again whose request was refused for another reason after it had passed here; one that was asked for anew meanwhile stays used.</summary>
    public async Task GiveBackAsync(UsedApproval used, CancellationToken ct)
    {
        if (await catalogue.Approvals.FindAsync(used.Approved.ApprovalId, ct) is not { } stored)
        {
            return;
        }
        try
        {
            await catalogue.CommitAsync(
                [catalogue.Approvals.Change(stored, used.Lookup, used.Approved)],
                new AuditDraft(
                    time.GetUtcNow(), stored.Value.KeyId, FromIp: null, "approval.give_back", "approval", stored.Id, stored.OrgId, Text(stored.Value), Text(used.Approved)), ct);
        }
        catch (ConfigConflictException)
        {
            // While it waited in the queue, the caller asked for the same request again: the new asking stands, and the caller hears why this one was refused.
        }
    }

    async Task<PendingApproval> AskAsync(Principal principal, string model, NanoUsd worst, NanoUsd ceiling, string lookup, Stored<ApprovalDocument>? old, DateTimeOffset now, CancellationToken ct)
    {
        if (rate.Take(principal.KeyId) is var wait && wait > TimeSpan.Zero)
        {
            throw new RefusedException(
                ErrorCode.RateLimited, $"The key {principal.KeyId} has asked for {AskingRate.PerHour} approvals within the hour.", "Wait as long as Retry-After says, or raise hitl_threshold.")
            { RetryAfterMs = (int)Math.Ceiling(wait.TotalMilliseconds) };
        }
        var id = Ids.New("apr_");
        var approval = new ApprovalDocument
        {
            ApprovalId = id,
            OrgId = principal.OrgId,
            KeyId = principal.KeyId,
            Status = ApprovalStatus.Pending,
            Model = model,
            EstimatedCost = worst,
            Ceiling = ceiling,
            Threshold = principal.Policy.HitlThreshold!.Value,
            CreatedAt = now,
            ExpiresAt = now + TimeToLive,
        };
        List<ConfigWrite> writes = [];
        if (old is not null)
        {
            writes.Add(catalogue.Approvals.Free(old, old.Value.ExpiresAt <= now ? old.Value : old.Value with { ExpiresAt = now }));
        }
        writes.Add(catalogue.Approvals.New(id, principal.OrgId, lookup, approval));
        try
        {
            await catalogue.CommitAsync(
                writes, new AuditDraft(now, principal.KeyId, FromIp: null, "approval.request", "approval", id, principal.OrgId, BeforeJson: null, catalogue.Approvals.Text(approval)), ct);
        }
        catch (ConfigConflictException conflict)
        {
            // The same request came twice at once: the other one asked.
            return View((await catalogue.Approvals.LookupAsync(lookup, ct))?.Value ?? throw new TimeoutException("The approval could not be stored.", conflict));
        }
        alerts.Asked(approval);
        return View(approval);
    }

    async Task<ApprovalDocument> UseAsync(Stored<ApprovalDocument>? found, NanoUsd worst, string token, DateTimeOffset now, CancellationToken ct)
    {
        if (found is not { Value: { Status: ApprovalStatus.Approved, Token: { } expected } approval } || approval.ExpiresAt <= now
            || !CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(expected), Encoding.UTF8.GetBytes(token)))
        {
            throw InvalidToken();
        }
        if (IsDearer(approval, worst))
        {
            throw new RefusedException(
                ErrorCode.ApprovalInvalid,
                $"The request may cost ${worst.ToDisplay()} now; ${approval.EstimatedCost.ToDisplay()} was approved.",
                "Send the request without a token to ask for a new approval.",
                "X-CM-Approval-Token");
        }
        var used = approval with { Status = ApprovalStatus.Used, Token = null };
        try
        {
            await catalogue.CommitAsync(
                [catalogue.Approvals.Free(found, used)],
                new AuditDraft(now, approval.KeyId, FromIp: null, "approval.use", "approval", approval.ApprovalId, approval.OrgId, Text(approval), Text(used)), ct);
            return approval;
        }
        catch (ConfigConflictException)
        {
            // Another request with the same token was faster: once is once.
            throw InvalidToken();
        }
    }

    /// <summary>Approves, and makes the token that lets the request pass.</summary>
    /// <exception cref="Refusal">It is decided already, or its time is over.</exception>
    /// <exception cref="ConfigConflictException">Somebody else decided at the same moment.</exception>
    public async Task<ApprovalDocument> ApproveAsync(Stored<ApprovalDocument> stored, Decider by, CancellationToken ct)
    {
        var approved = Decide(stored.Value, by) with
        {
            Status = ApprovalStatus.Approved,
            ExpiresAt = by.Now + TimeToLive,
            Token = TokenPrefix + RandomNumberGenerator.GetString("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", 40),
        };
        await catalogue.CommitAsync(
            [catalogue.Approvals.Change(stored, approved)], by.Audit("approval.approve", stored, Text(stored.Value), Text(approved)), ct);
        return approved;
    }

    /// <summary>Turns down; the same request is refused until the approval's time is over.</summary>
    /// <exception cref="Refusal">It is decided already, or its time is over.</exception>
    /// <exception cref="ConfigConflictException">Somebody else decided at the same moment.</exception>
    public async Task<ApprovalDocument> RejectAsync(Stored<ApprovalDocument> stored, string? reason, Decider by, CancellationToken ct)
    {
        var rejected = Decide(stored.Value, by) with { Status = ApprovalStatus.Rejected, RejectReason = reason };
        await catalogue.CommitAsync(
            [catalogue.Approvals.Change(stored, rejected)], by.Audit("approval.reject", stored, Text(stored.Value), Text(rejected)), ct);
        return rejected;
    }

    /// <summary>How it stands now.</summary>
    public static string StatusAt(ApprovalDocument approval, DateTimeOffset now) =>
        approval.Status is ApprovalStatus.Pending or ApprovalStatus.Approved && approval.ExpiresAt <= now ? ApprovalStatus.Expired : approval.Status;

    static ApprovalDocument Decide(ApprovalDocument approval, Decider by) =>
        StatusAt(approval, by.Now) is var status && status != ApprovalStatus.Pending
            ? throw Refusal.Conflict($"The approval {approval.ApprovalId} is {status}; only a pending one can be decided.")
            : approval with { DecidedBy = by.Name, DecidedAt = by.Now };

    // Tokens stay out of the audit trail.
    string Text(ApprovalDocument approval) => catalogue.Approvals.Text(approval with { Token = null });

    static PendingApproval View(ApprovalDocument approval) => new()
    {
        Status = "pending_approval",
        ApprovalId = approval.ApprovalId,
        Reason = Reason,
        EstimatedCost = approval.EstimatedCost,
        Threshold = approval.Threshold,
        StatusUrl = $"/v1/approvals/{approval.ApprovalId}/status",
        ExpiresAt = approval.ExpiresAt,
    };

    static RefusedException InvalidToken() => new(
        ErrorCode.ApprovalInvalid,
        "The approval token is not valid for this request: it belongs to one key, one model and one body, for one use, for a time.",
        "Send the request without a token to ask for a new approval.",
        "X-CM-Approval-Token");
}
