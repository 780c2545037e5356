namespace CurateMe.Ledger.Pricing;

/// <summary>Price files that cannot be used, with everything that is wrong with them.</summary>
public sealed class PriceListException(IReadOnlyList<string> faults, bool hasUnread = false)
    : Exception($"The price list has {faults.Count} {(faults.Count == 1 ? "fault" : "faults")}:{Environment.NewLine}{string.Join(Environment.NewLine, faults)}")
{
    /// <summary>One sentence each: file, row, field, what is wrong and what to write instead.</summary>
    public IReadOnlyList<string> Faults { get; } = faults;

    /// <summary>A file is missing or could not be opened: it may have more faults.</summary>
    public bool HasUnread { get; } = hasUnread;
}
