using CurateMe.Ledger.Money;

namespace CurateMe.Client;

/// <summary>What a changed policy would have done to the requests that were admitted in the last seven days.</summary>
public sealed record PolicyPreview
{
    public required string OrgId { get; init; }
    public required DateTimeOffset From { get; init; }
    public required DateTimeOffset To { get; init; }

    /// <summary>Requests looked at.</summary>
    public required long Requests { get; init; }

    /// <summary>
    /// Requests that would have been denied. A request whose output cap may have been the gateway's own counts with what it really cost, since a smaller
    /// cap would have been sent; any other counts with its hold.
    /// </summary>
    public required long WouldDeny { get; init; }

    /// <summary>The same with the hold of every request: no more than this would have been denied.</summary>
    public required long WouldDenyAtMost { get; init; }

    /// <summary>The denied ones by the first rule that denies them.</summary>
    public required IReadOnlyDictionary<string, long> ByCode { get; init; }

    /// <summary>Requests that would have waited for a person.</summary>
    public required long WouldAskForApproval { get; init; }

    /// <summary>What the denied requests had cost.</summary>
    public required NanoUsd DeniedCost { get; init; }
    public long DeniedCostNanoUsd => DeniedCost.Value;

    /// <summary>There were more requests than are looked at; <see cref="From"/> is the time of the first that was.</summary>
    public bool Truncated { get; init; }
}
