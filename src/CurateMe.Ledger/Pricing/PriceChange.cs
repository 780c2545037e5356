namespace CurateMe.Ledger.Pricing;

public enum PriceChangeKind : byte
{
    /// <summary>The list has no row for this model.</summary>
    New,
    Dearer,
    Cheaper,
    /// <summary>A limit differs; prices do not.</summary>
    Limit,
}

/// <summary>One figure that a catalogue gives otherwise than the list.</summary>
/// <param name="Provider">The provider as this product names it.</param>
/// <param name="Model">The name of the row, which may differ from the catalogue's where that uses an alias.</param>
/// <param name="Kind">What the change does to a bill.</param>
/// <param name="Field">The field of a price file, such as <c>prices.per_million_tokens.input</c>.</param>
/// <param name="Before">The figure of the list, null when it has none.</param>
/// <param name="After">The figure of the catalogue.</param>
public sealed record PriceChange(string Provider, string Model, PriceChangeKind Kind, string Field, string? Before, string After);
