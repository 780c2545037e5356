using System.Globalization;

namespace CurateMe.Ledger.Records;

/// <summary>A stretch of time as whole UTC days, which a roll-up answers, and the parts of days at its ends, which the records answer.</summary>
/// <param name="FirstDay">First whole day.</param>
/// <param name="EndDay">The day after the last whole one; equal to the first when there is none.</param>
/// <param name="Parts">Unix milliseconds, end exclusive; at most two.</param>
internal sealed record BreakdownRange(DateOnly FirstDay, DateOnly EndDay, IReadOnlyList<(long From, long To)> Parts)
{
    const long DayMs = 86_400_000;

    internal static BreakdownRange Of(DateTimeOffset from, DateTimeOffset to, bool wholeDays)
    {
        var (start, end) = (Milliseconds(from), Milliseconds(to));
        if (start >= end) return new BreakdownRange(default, default, []);
        var (first, last) = ((start + DayMs - 1) / DayMs, end / DayMs);
        if (!wholeDays || first >= last) return new BreakdownRange(default, default, [(start, end)]);
        var parts = new List<(long, long)>();
        if (start < first * DayMs) parts.Add((start, first * DayMs));
        if (last * DayMs < end) parts.Add((last * DayMs, end));
        return new BreakdownRange(Day(first), Day(last), parts);
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
