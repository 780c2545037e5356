using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.WebUtilities;

namespace CurateMe.Gateway.Admin;

/// <summary>Reads query parameters; every refusal names the parameter.</summary>
static class Paging
{
    /// <summary>Items of a page where the caller does not say.</summary>
    public const int StandardLimit = 100;

    /// <summary>Most items of a page.</summary>
    public const int MaxLimit = 1_000;

    public static int Limit(string? limit, int standard = StandardLimit) =>
        limit is null ? standard
        : int.TryParse(limit, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value is >= 1 and <= MaxLimit ? value
        : throw Refusal.InvalidField("limit", $"must be a whole number from 1 to {MaxLimit}");

    /// <summary>A switch: <c>true</c> or <c>false</c>; not given is false.</summary>
    public static bool Flag(string param, string? text) =>
        text switch { null or "false" => false, "true" => true, _ => throw Refusal.InvalidField(param, "must be true or false") };

    /// <summary>The id after which a page begins.</summary>
    public static string? After(string? cursor)
    {
        if (string.IsNullOrEmpty(cursor))
        {
            return null;
        }
        try
        {
            return Encoding.UTF8.GetString(WebEncoders.Base64UrlDecode(cursor));
        }
        catch (FormatException)
        {
            throw Refusal.InvalidField("cursor", "is not a cursor of this list; send next_cursor of the page before, or none");
        }
    }

    /// <summary>Makes a page of what was read with one item more than asked for.</summary>
    public static Client.Page<TView> Page<TItem, TView>(IReadOnlyList<TItem> oneMore, int limit, Func<TItem, string> idOf, Func<TItem, TView> view)
    {
        var more = oneMore.Count > limit;
        var items = more ? oneMore.Take(limit) : oneMore;
        return new Client.Page<TView>([.. items.Select(view)], more ? WebEncoders.Base64UrlEncode(Encoding.UTF8.GetBytes(idOf(oneMore[limit - 1]))) : null);
    }
}
