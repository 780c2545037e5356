using CurateMe.Ledger.Money;
using CurateMe.Ledger.Pricing;

namespace CurateMe.Ledger.Records;

/// <summary>Where the billed counts of a record come from. The numbers are stored; a test freezes them.</summary>
public enum UsageSource : byte
{
    /// <summary>The provider said so.</summary>
    Provider = 0,

    /// <summary>The provider billed but said nothing usable: counted from what passed.</summary>
    Estimated = 1,

    /// <summary>Nobody saw the end of the call: charged at the hold, which is never below the bill, and listed for review.</summary>
    Presumed = 2,
}

/// <summary>How a request ended. The numbers are stored; a test freezes them.</summary>
public enum RecordStatus : byte
{
    /// <summary>Held and not ended. Never in the ledger; only in the journal.</summary>
    Held = 0,

    /// <summary>Answered and charged.</summary>
    Settled = 1,

    /// <summary>The client left; the provider's bill was still learnt and charged.</summary>
    ClientLeft = 2,

    /// <summary>The provider's answer broke off after it had begun.</summary>
    UpstreamBroken = 3,

    /// <summary>The call was given up while the provider might still be working on it.</summary>
    Abandoned = 4,

    /// <summary>The hold's owner died or never ended it.</summary>
    Expired = 5,

    /// <summary>Forwarded, and the provider did not bill: it refused, failed, or could not be reached.</summary>
    Failed = 6,
}

/// <summary>
/// One request, one record (I8). Made when the money is held, completed when it is settled, then never changed.
/// Holds no prompt, completion or key (I9): <see cref="PromptHash"/> is keyed.
/// </summary>
public sealed class UsageRecord
{
    /// <summary>Longest of any identifier here, in UTF-8 bytes. Longer input is refused before a hold is taken.</summary>
    public const int MaxIdBytes = 128;

    /// <summary>Longest <see cref="Tags"/>, in UTF-8 bytes.</summary>
    public const int MaxTagsBytes = 1024;

    public required RequestId Id { get; init; }
    public required string OrgId { get; init; }
    public string? TeamId { get; init; }
    public required string KeyId { get; init; }
    public string? RunnerId { get; init; }
    public string? SessionId { get; init; }

    /// <summary>Provider row that answers; may change until the call is forwarded (fallback).</summary>
    public required string Provider { get; set; }

    /// <summary>Model the price was taken from.</summary>
    public required string Model { get; set; }

    /// <summary>Model as the caller wrote it.</summary>
    public required string RequestedModel { get; init; }

    /// <summary>Operation, e.g. <c>chat.completions</c>.</summary>
    public required string Endpoint { get; init; }
    public bool Stream { get; init; }

    /// <summary>UTC day of admission: the settlement lands there, whenever it happens (I4). The month is that of the day.</summary>
    public required DateOnly Day { get; set; }

    /// <summary>Instant of admission, UTC.</summary>
    public required DateTimeOffset Timestamp { get; set; }

    /// <summary>Money set aside before the call.</summary>
    public NanoUsd Hold { get; set; }

    /// <summary>Version of the price list that both quote and cost use.</summary>
    public required string PriceVersion { get; init; }
    public ServiceTier Tier { get; set; }
    public string? ClientIp { get; init; }

    /// <summary>Caller's tags as <c>k=v,k=v</c>, keys ordered.</summary>
    public string? Tags { get; init; }

    /// <summary>First eight bytes of a keyed hash of the request body; equal bodies of one org have equal hashes.</summary>
    public ulong PromptHash { get; init; }

    public RecordStatus Status { get; set; }

    /// <summary>
    /// HTTP status the provider answered with; where it gave no answer, that of the gateway's own: 502, 503 or 504. 0 when the process died before there was one.
    /// </summary>
    public int StatusCode { get; set; }
    public UsageCounts Usage;
    public UsageSource Source { get; set; }

    /// <summary>Charged; at most <see cref="Hold"/> unless <see cref="Overage"/>.</summary>
    public NanoUsd Cost { get; set; }

    /// <summary>The provider billed more than was held (I1).</summary>
    public bool Overage => Cost > Hold;

    /// <summary>Milliseconds from admission to settlement.</summary>
    public int LatencyMs { get; set; }

    /// <summary>Milliseconds from admission to the provider's first body byte; 0 when there was none.</summary>
    public int TtftMs { get; set; }

    /// <summary>The same call admitted at another instant, because it waited; nothing may be held under it yet.</summary>
    internal UsageRecord AdmittedAt(DateTimeOffset at)
    {
        var later = (UsageRecord)MemberwiseClone();
        (later.Day, later.Timestamp) = (DateOnly.FromDateTime(at.UtcDateTime), at);
        return later;
    }

    /// <summary>The record as it was when the money was held.</summary>
    internal UsageRecord AsHeld()
    {
        var held = (UsageRecord)MemberwiseClone();
        held.Status = RecordStatus.Held;
        held.Usage = default;
        held.Cost = NanoUsd.Zero;
        return held;
    }
}
