using System.Globalization;

namespace CurateMe.Ledger.Records;

/// <summary>A stretch of time as whole UTC days or hours, which sums answer, and the parts of them at its ends, which the records answer.</summary>
/// <param name="From">Where the whole ones begin, in Unix milliseconds.</param>
/// <param name="To">Where they end; equal to <paramref name="From"/> when there is none.</param>
/// <param name="Parts">Unix milliseconds, end exclusive; at most two.</param>
internal sealed record BreakdownRange(long From, long To, IReadOnlyList<(long From, long To)> Parts)
{
    internal const long DayMs = 86_400_000;
    internal const long HourMs = 3_600_000;

    internal bool HasWhole => From < To;

    /// <summary>The day of the first whole one.</summary>
    internal DateOnly FirstDay => Day(From / DayMs);

    /// <summary>The day after that of the last whole one.</summary>
    internal DateOnly EndDay => Day((To + DayMs - 1) / DayMs);

    /// <param name="wholeMs">What the sums are of: <see cref="DayMs"/> or <see cref="HourMs"/>; 0 when the records answer all.</param>
    internal static BreakdownRange Of(DateTimeOffset from, DateTimeOffset to, long wholeMs) => Of(Milliseconds(from), Milliseconds(to), wholeMs);

    /// <param name="start">Unix milliseconds.</param>
    /// <param name="end">Unix milliseconds, exclusive.</param>
    /// <param name="wholeMs">As above.</param>
    internal static BreakdownRange Of(long start, long end, long wholeMs)
    {
        if (start >= end) return new BreakdownRange(0, 0, []);
        if (wholeMs == 0) return new BreakdownRange(0, 0, [(start, end)]);
        var (first, last) = ((start + wholeMs - 1) / wholeMs * wholeMs, end / wholeMs * wholeMs);
        if (first >= last) return new BreakdownRange(0, 0, [(start, end)]);
        var parts = new List<(long, long)>();
        if (start < first) parts.Add((start, first));
        if (last < end) parts.Add((last, end));
        return new BreakdownRange(first, last, parts);
    }

    /// <summary>A bound within a millisecond counts from the next one, as records are kept to the millisecond. Before 1970 there are none.</summary>
    internal static long Milliseconds(DateTimeOffset bound) =>
        Math.Max(0, (bound.UtcTicks - DateTimeOffset.UnixEpoch.Ticks + TimeSpan.TicksPerMillisecond - 1) / TimeSpan.TicksPerMillisecond);

    /// <summary>An hour since 1970 as RFC 3339.</summary>
    internal static string HourText(long hour) =>
        DateTimeOffset.FromUnixTimeSeconds(hour * 3600).ToString("yyyy-MM-dd'T'HH':00:00Z'", CultureInfo.InvariantCulture);

    static DateOnly Day(long sinceEpoch) =>
        DateOnly.FromDayNumber((int)Math.Min(DateOnly.FromDateTime(DateTime.UnixEpoch).DayNumber + sinceEpoch, DateOnly.MaxValue.DayNumber));
}
