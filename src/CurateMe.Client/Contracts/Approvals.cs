using System.Text.Json.Serialization;
using CurateMe.Ledger.Money;

namespace CurateMe.Client;

/// <summary>A request that waits, or waited, for a person.</summary>
public sealed record Approval
{
    public required string ApprovalId { get; init; }
    public required string OrgId { get; init; }
    public required string KeyId { get; init; }

    /// <summary><c>pending</c>, <c>approved</c>, <c>rejected</c>, <c>used</c> or <c>expired</c>.</summary>
    public required string Status { get; init; }

    /// <summary>Why it waits: <c>cost_threshold</c>.</summary>
    public required string Reason { get; init; }
    public required string Model { get; init; }

    /// <summary>What the request may cost at worst.</summary>
    public required NanoUsd EstimatedCost { get; init; }
    public long EstimatedCostNanoUsd => EstimatedCost.Value;

    /// <summary>The threshold it reached.</summary>
    public required NanoUsd Threshold { get; init; }
    public long ThresholdNanoUsd => Threshold.Value;
    public required DateTimeOffset CreatedAt { get; init; }
    public required DateTimeOffset ExpiresAt { get; init; }
    public string? DecidedBy { get; init; }
    public DateTimeOffset? DecidedAt { get; init; }
    public string? RejectReason { get; init; }

    /// <summary>Sent as <c>X-CM-Approval-Token</c> with the same body and key, it lets the request pass once. Only while approved.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? ApprovalToken { get; init; }
}

/// <summary>Turns a request down.</summary>
public sealed record ApprovalReject
{
    /// <summary>For the caller, at most 500 characters.</summary>
    public string? Reason { get; init; }
}

/// <summary>The answer to a request that waits for a person: status 202.</summary>
public sealed record PendingApproval
{
    /// <summary>Always <c>pending_approval</c>.</summary>
    public required string Status { get; init; }
    public required string ApprovalId { get; init; }
    public required string Reason { get; init; }
    public required NanoUsd EstimatedCost { get; init; }
    public required NanoUsd Threshold { get; init; }

    /// <summary>Where to ask how it stands, with the same API key.</summary>
    public required string StatusUrl { get; init; }
    public required DateTimeOffset ExpiresAt { get; init; }
}

/// <summary>Whether the audit trail's hash chain holds.</summary>
/// <param name="FirstFault">The first entry that does not fit, in words; null when all do.</param>
public sealed record AuditVerification(bool Ok, long Entries, string? FirstFault);
