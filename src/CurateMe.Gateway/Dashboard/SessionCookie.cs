namespace CurateMe.Gateway.Dashboard;

/// <summary>The cookie of a session: out of reach of scripts, never sent with what another site makes the browser ask.</summary>
static class SessionCookie
{
    public const string Name = "cm_session";

    /// <summary>What the request's cookie holds; null when there is none.</summary>
    public static string? Of(HttpRequest request) => request.Cookies[Name] is { Length: > 0 } secret ? secret : null;

    public static void Set(HttpContext context, string secret, DateTimeOffset expiresAt) => context.Response.Cookies.Append(Name, secret, Options(context.Request, expiresAt));

    public static void Clear(HttpContext context) => context.Response.Cookies.Delete(Name, Options(context.Request, expiresAt: null));

    // The proxy's word for https is the caller's to forge, but all it can do is keep the caller's own cookie off plain connections.
    static CookieOptions Options(HttpRequest request, DateTimeOffset? expiresAt) => new()
    {
        Path = "/",
        HttpOnly = true,
        SameSite = SameSiteMode.Strict,
        Secure = request.IsHttps || string.Equals(request.Headers["X-Forwarded-Proto"], "https", StringComparison.OrdinalIgnoreCase),
        Expires = expiresAt,
    };
}
