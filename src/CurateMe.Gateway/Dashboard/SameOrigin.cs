using CurateMe.Gateway.Admin;

namespace CurateMe.Gateway.Dashboard;

/// <summary>
/// A browser sends its cookie along with whatever a page makes it ask. So a change that comes with the cookie must also carry a header that no form can
/// send, and come from a page of this very origin by what the browser itself says.
/// </summary>
static class SameOrigin
{
    /// <summary>The header, and its only value, <c>1</c>.</summary>
    public const string Header = "X-CM-Dashboard";

    /// <exception cref="Refusal">The request would change something and may come from another site.</exception>
    public static void RequireOf(HttpRequest request)
    {
        if (HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method))
        {
            return;
        }
        if (request.Headers[Header] != "1")
        {
            throw new Refusal(403, "csrf", "GW_AUTH_007", $"A change by a signed-in browser needs the header {Header}: 1.", Header, "Send the header, or a bearer token instead of the cookie.");
        }
        if (Says(request) is not true)
        {
            throw new Refusal(403, "csrf", "GW_AUTH_007", "A change by a signed-in browser must come from the dashboard's own pages.", "Origin", "Use the dashboard at this address, or a bearer token.");
        }
    }

    /// <summary>Whether the browser says that the request comes from this origin; null when it says nothing.</summary>
    public static bool? Says(HttpRequest request)
    {
        if (request.Headers["Sec-Fetch-Site"] is { Count: > 0 } site)
        {
            return site == "same-origin";
        }
        // Behind a proxy that ends TLS the scheme differs, so the authority is compared; a default port may be left out.
        return request.Headers.Origin is not { Count: > 0 } origin ? null
            : Uri.TryCreate(origin, UriKind.Absolute, out var from) && string.Equals(from.Host, request.Host.Host, StringComparison.OrdinalIgnoreCase) && from.Port == (request.Host.Port ?? (from.Scheme == "https" ? 443 : 80));
    }
}
