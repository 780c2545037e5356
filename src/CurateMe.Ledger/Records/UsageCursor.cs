using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace CurateMe.Ledger.Records;

/// <summary>The cursor is not one that a page of this query gave out.</summary>
public sealed class InvalidCursorException() : Exception("The cursor is not one that a page in this order gave out; begin again without it.");

/// <summary>
/// Where a page ended: the sort key of its last record and its id. Paging by key rather than by offset gives every record that was there at
/// the start exactly once, whatever is inserted meanwhile.
/// </summary>
/// <param name="Key">Unix milliseconds or nano-dollars, by the order.</param>
internal readonly record struct UsageCursor(UsageSort Sort, long Key, RequestId Id)
{
    internal static UsageCursor After(UsageSort sort, UsageRecord last) =>
        new(sort, sort.ByCost() ? last.Cost.Value : last.Timestamp.ToUnixTimeMilliseconds(), last.Id);

    public override string ToString() =>
        Base64Url.EncodeToString(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{(byte)Sort}.{Key}.{Id}")));

    /// <exception cref="InvalidCursorException">The text is no cursor, or one of another order.</exception>
    internal static UsageCursor? Parse(string? text, UsageSort sort)
    {
        if (text is null) return null;
        if (text.Length > 100 || !Base64Url.IsValid(text)) throw new InvalidCursorException();
        var parts = Encoding.ASCII.GetString(Base64Url.DecodeFromChars(text)).Split('.');
        if (parts.Length != 3
            || parts[0] != ((byte)sort).ToString(CultureInfo.InvariantCulture)
            || !long.TryParse(parts[1], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var key)
            || !(sort.ByCost() || IsTime(key))
            || !RequestId.TryParse(parts[2], out var id))
        {
            throw new InvalidCursorException();
        }
        return new UsageCursor(sort, key, id);
    }

    static bool IsTime(long milliseconds) =>
        milliseconds >= DateTimeOffset.MinValue.ToUnixTimeMilliseconds() && milliseconds <= DateTimeOffset.MaxValue.ToUnixTimeMilliseconds();
}

internal static class UsageSorts
{
    internal static bool ByCost(this UsageSort sort) => sort is UsageSort.CostAsc or UsageSort.CostDesc;
    internal static bool Descending(this UsageSort sort) => sort is UsageSort.TimeDesc or UsageSort.CostDesc;
}
