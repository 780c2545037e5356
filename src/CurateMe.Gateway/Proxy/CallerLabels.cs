using System.Text;
using CurateMe.Ledger.Records;

namespace CurateMe.Gateway.Proxy;

/// <summary>What a caller may say about a request in headers: session, runner, tags. Bounded, plain text, or refused.</summary>
static class CallerLabels
{
    /// <summary>Most tags of one request.</summary>
    public const int MaxTags = 32;

    /// <summary>The header's value, or null when it is not there.</summary>
    /// <exception cref="RefusedException">It is too long or not plain text.</exception>
    public static string? Read(HttpRequest request, string header)
    {
        if (!request.Headers.TryGetValue(header, out var values) || string.IsNullOrWhiteSpace(values[0]))
        {
            return null;
        }
        var value = values[0]!.Trim();
        if (values.Count > 1 || Encoding.UTF8.GetByteCount(value) > UsageRecord.MaxIdBytes || !IsPlain(value))
        {
            throw new RefusedException(
                ErrorCode.InvalidHeader, $"The header {header} must be one value of at most {UsageRecord.MaxIdBytes} letters, digits and . _ - : / @.", "Send a shorter, plain name.", header);
        }
        return value;
    }

    /// <summary><c>X-CM-Tags: k=v,k=v</c>, ordered by key; null when there are none.</summary>
    /// <exception cref="RefusedException">They are malformed or too many.</exception>
    public static string? ReadTags(HttpRequest request)
    {
        if (!request.Headers.TryGetValue("X-CM-Tags", out var values) || string.IsNullOrWhiteSpace(values.ToString()))
        {
            return null;
        }
        var tags = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var part in values.ToString().Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = part.IndexOf('=', StringComparison.Ordinal);
            if (equals < 1 || !IsPlain(part[..equals].Trim()) || !IsPlain(part[(equals + 1)..].Trim()))
            {
                throw Malformed();
            }
            tags[part[..equals].Trim()] = part[(equals + 1)..].Trim();
        }
        var text = string.Join(',', tags.Select(static t => $"{t.Key}={t.Value}"));
        return tags.Count <= MaxTags && Encoding.UTF8.GetByteCount(text) <= UsageRecord.MaxTagsBytes ? text : throw Malformed();
    }

    static bool IsPlain(string text) => text.All(static c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-' or ':' or '/' or '@' or ' ');

    static RefusedException Malformed() => new(
        ErrorCode.InvalidHeader,
        $"The header X-CM-Tags must be k=v,k=v of letters, digits and . _ - : / @, at most {MaxTags} tags and {UsageRecord.MaxTagsBytes} bytes.",
        "Send fewer, plain tags.",
        "X-CM-Tags");
}
