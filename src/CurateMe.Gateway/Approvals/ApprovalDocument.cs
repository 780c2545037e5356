using CurateMe.Ledger.Money;

namespace CurateMe.Gateway.Approvals;

/// <summary>
/// A request that waits for a person. While it can still pass, its lookup is the key and the body's hash, so that the same request asked again
/// finds it; what the body says is not kept.
/// </summary>
sealed record ApprovalDocument
{
    public required string ApprovalId { get; init; }
    public required string OrgId { get; init; }
    public required string KeyId { get; init; }
    public required string Status { get; init; }
    public required string Model { get; init; }
    public required NanoUsd EstimatedCost { get; init; }

    /// <summary>Most that the request may come to when it is sent with the token; null in those of earlier versions, which did not compare.</summary>
    public NanoUsd? Ceiling { get; init; }
    public required NanoUsd Threshold { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
    public required DateTimeOffset ExpiresAt { get; init; }
    public string? DecidedBy { get; init; }
    public DateTimeOffset? DecidedAt { get; init; }
    public string? RejectReason { get; init; }

    /// <summary>Opens nothing without the key and the very same body.</summary>
    public string? Token { get; init; }
}

/// <summary>How an approval stands, as stored.</summary>
static class ApprovalStatus
{
    public const string Pending = "pending";
    public const string Approved = "approved";
    public const string Rejected = "rejected";
    public const string Used = "used";

    /// <summary>Not stored: what a pending or approved one is after its time.</summary>
    public const string Expired = "expired";
}
