using CurateMe.Ledger.Pricing;

namespace CurateMe.Ledger.Records;

/// <summary>The names that enumerations have in the ledger's columns and in JSON. They are stored; a test freezes them.</summary>
public static class RecordNames
{
    /// <exception cref="ArgumentOutOfRangeException">Not a status.</exception>
    public static string Name(this RecordStatus status) => status switch
    {
        RecordStatus.Held => "held",
        RecordStatus.Settled => "settled",
        RecordStatus.ClientLeft => "client_left",
        RecordStatus.UpstreamBroken => "upstream_broken",
        RecordStatus.Abandoned => "abandoned",
        RecordStatus.Expired => "expired",
        RecordStatus.Failed => "failed",
        _ => throw new ArgumentOutOfRangeException(nameof(status), status, "not a status"),
    };

    /// <exception cref="ArgumentOutOfRangeException">Not a source.</exception>
    public static string Name(this UsageSource source) => source switch
    {
        UsageSource.Provider => "provider",
        UsageSource.Estimated => "estimated",
        UsageSource.Presumed => "presumed",
        _ => throw new ArgumentOutOfRangeException(nameof(source), source, "not a source"),
    };

    /// <exception cref="ArgumentOutOfRangeException">Not a tier.</exception>
    public static string Name(this ServiceTier tier) => tier switch
    {
        ServiceTier.Standard => "standard",
        ServiceTier.Flex => "flex",
        ServiceTier.Priority => "priority",
        ServiceTier.Batch => "batch",
        ServiceTier.Fast => "fast",
        _ => throw new ArgumentOutOfRangeException(nameof(tier), tier, "not a tier"),
    };

    public static bool TryParse(string? name, out RecordStatus status) => TryFind(name, Statuses, Name, out status);
    public static bool TryParse(string? name, out UsageSource source) => TryFind(name, Sources, Name, out source);
    public static bool TryParse(string? name, out ServiceTier tier) => TryFind(name, Tiers, Name, out tier);

    static readonly RecordStatus[] Statuses = Enum.GetValues<RecordStatus>();
    static readonly UsageSource[] Sources = Enum.GetValues<UsageSource>();
    static readonly ServiceTier[] Tiers = Enum.GetValues<ServiceTier>();

    static bool TryFind<T>(string? name, T[] values, Func<T, string> nameOf, out T found)
        where T : struct
    {
        foreach (var value in values)
        {
            if (nameOf(value) == name)
            {
                found = value;
                return true;
            }
        }
        found = default;
        return false;
    }
}
