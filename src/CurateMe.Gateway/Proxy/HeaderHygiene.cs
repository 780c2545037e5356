using System.Buffers;
using System.Collections.Frozen;
using System.Net.Http.Headers;

namespace CurateMe.Gateway.Proxy;

/// <summary>
/// Which headers cross the gateway. What belongs to one hop stays there, keys and everything of ours never reach a provider, and a provider
/// can neither set cookies on the gateway's name nor speak in the gateway's headers.
/// </summary>
static class HeaderHygiene
{
    static readonly string[] HopByHop =
        ["Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade"];

    static readonly FrozenSet<string> NotToProvider = HopByHop.Concat(
    [
        "Host", "Content-Length", "Content-Type", "Expect", "Authorization", "x-api-key", "x-goog-api-key", "api-key", "X-Provider-Key", "Cookie",
        // A compressed answer could not be metered as it passes.
        "Accept-Encoding",
        "Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Via",
        "Idempotency-Key", "X-Idempotency-Key", "X-Client-Request-Id", "Origin", "Referer", "traceparent", "tracestate", "baggage",
    ]).ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    static readonly FrozenSet<string> NotToClient =
        HopByHop.Concat(
        [
            "Content-Length", "Set-Cookie", "Server", "Date", "Alt-Svc", "Strict-Transport-Security",
            // The gateway's own limits are told in these, or nothing.
            "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset",
        ]).ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    // HttpClient lets them in, Kestrel does not let them out; no header needs them.
    static readonly SearchValues<char> Controls = SearchValues.Create([.. Enumerable.Range(0, 0x20).Where(static c => c != '\t').Select(static c => (char)c), '\x7f']);

    public static void CopyToProvider(IHeaderDictionary from, HttpRequestHeaders to)
    {
        foreach (var (name, values) in from)
        {
            if (!NotToProvider.Contains(name) && !IsOurs(name))
            {
                if (values.Count == 1)
                {
                    to.TryAddWithoutValidation(name, values[0]);
                }
                else
                {
                    to.TryAddWithoutValidation(name, (IEnumerable<string?>)values);
                }
            }
        }
    }

    public static void CopyToClient(HttpResponseMessage from, IHeaderDictionary to)
    {
        Copy(from.Headers.NonValidated, to);
        Copy(from.Content.Headers.NonValidated, to);
    }

    static void Copy(HttpHeadersNonValidated from, IHeaderDictionary to)
    {
        foreach (var (name, values) in from)
        {
            var value = values.ToString();
            if (MayPass(name, value))
            {
                to[name] = values.Count == 1 ? value : values.ToArray();
            }
        }
    }

    /// <summary>Whether a provider's header may reach the client.</summary>
    public static bool MayPass(string name, string value) => !NotToClient.Contains(name) && !IsOurs(name) && !value.AsSpan().ContainsAny(Controls);

    /// <summary>Whether only the gateway speaks in this header.</summary>
    public static bool IsOurs(string name) => name.StartsWith("X-CM-", StringComparison.OrdinalIgnoreCase);
}
