using System.Globalization;
using CurateMe.Client;

namespace CurateMe.Gateway.Admin;

/// <summary>Reads days, months and instants from query strings.</summary>
static class Times
{
    /// <summary>Longest time that one question may span.</summary>
    public static readonly TimeSpan MaxSpan = TimeSpan.FromDays(400);

    static readonly DateOnly First = new(2000, 1, 1);
    static readonly DateOnly Last = new(2999, 12, 31);

    public static DateOnly Day(string param, string? text, DateOnly standard) =>
        text is null ? standard
        : DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day) && day >= First && day <= Last ? day
        : throw Refusal.InvalidField(param, "must be a UTC day such as 2026-03-17");

    /// <summary>The first day of a month.</summary>
    public static DateOnly Month(string param, string? text, DateOnly standard) =>
        text is null ? new DateOnly(standard.Year, standard.Month, 1)
        : DateOnly.TryParseExact(text + "-01", "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day) && day >= First && day <= Last ? day
        : throw Refusal.InvalidField(param, "must be a UTC month such as 2026-03");

    /// <summary>An instant, or the beginning of a UTC day.</summary>
    public static DateTimeOffset? Instant(string param, string? text)
    {
        if (text is null)
        {
            return null;
        }
        if (text.Length == 10)
        {
            return Start(Day(param, text, default));
        }
        // In a query string a plus sign that nobody encoded has become a space.
        return Rfc3339Converter.TryParse(text.Replace(' ', '+'), out var at) && at >= Start(First) && at < Start(Last)
            ? at
            : throw Refusal.InvalidField(param, "must be an RFC 3339 time such as 2026-03-17T00:00:00Z, or a UTC day");
    }

    /// <summary>A span from one instant to before another.</summary>
    public static (DateTimeOffset From, DateTimeOffset To) Span(string? from, string? to, DateTimeOffset now)
    {
        var end = Instant("to", to) ?? now.AddMinutes(1);
        var start = Instant("from", from) ?? Start(new DateOnly(end.UtcDateTime.Year, end.UtcDateTime.Month, 1));
        if (start >= end)
        {
            throw Refusal.InvalidField("from", "must be before `to`");
        }
        return end - start <= MaxSpan ? (start, end) : throw Refusal.InvalidField("from", $"is more than {MaxSpan.TotalDays} days before `to`");
    }

    public static DateTimeOffset Start(DateOnly day) => new(day, TimeOnly.MinValue, TimeSpan.Zero);

    public static string MonthText(DateOnly day) => day.ToString("yyyy-MM", CultureInfo.InvariantCulture);
}
