using System.Text;
using CurateMe.Ledger.Records;

namespace CurateMe.Gateway.Proxy;

/// <summary>What a caller may say about a request in headers: session, runner, tags. Bounded, plain text, or refused.</summary>
static class CallerLabels
{
    /// <summary>Most tags of one request.</summary>
    public const int MaxTags = 32;

    public const string RunnerHeader = "X-CM-Runner-ID";
    public const string SessionHeader = "X-CM-Session-ID";
    public const string TokenHeader = "X-CM-Approval-Token";

    /// <summary>Longest name of a session, in characters, so that it fits a usage record together with its runner's.</summary>
    public const int MaxSessionLength = 63;

    /// <summary>The runner that the caller names; null for none.</summary>
    /// <exception cref="RefusedException">It cannot be a runner's id.</exception>
    public static string? ReadRunner(HttpRequest request) =>
        Read(request, RunnerHeader, Admin.Rules.IsId, "one value of 1 to 64 letters, digits and _ - . that begins with a letter or digit");

    /// <summary>The session that the caller names; null for none.</summary>
    /// <exception cref="RefusedException">It cannot be a session's name.</exception>
    public static string? ReadSession(HttpRequest request) =>
        Read(request, SessionHeader, IsSession, "one value of 1 to 63 letters, digits, spaces and . _ - : @");

    /// <summary>The approval's token that the caller brings; null for none.</summary>
    /// <exception cref="RefusedException">It cannot be a token.</exception>
    public static string? ReadToken(HttpRequest request) =>
        Read(request, TokenHeader, static value => value.Length <= UsageRecord.MaxIdBytes && IsPlain(value), "the one token that the approval gave");

    /// <summary>Whether a session can be called so: the slash stands between a runner and its session.</summary>
    public static bool IsSession(string name) => name.Length is > 0 and <= MaxSessionLength && IsPlain(name) && !name.Contains('/', StringComparison.Ordinal);

    static string? Read(HttpRequest request, string header, Func<string, bool> fits, string rule)
    {
        if (!request.Headers.TryGetValue(header, out var values) || string.IsNullOrWhiteSpace(values[0]))
        {
            return null;
        }
        var value = values[0]!.Trim();
        return values.Count == 1 && fits(value) ? value : throw new RefusedException(ErrorCode.InvalidHeader, $"The header {header} must be {rule}.", "Send a shorter, plain name, or none.", header);
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
