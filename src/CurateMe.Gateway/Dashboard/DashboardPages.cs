using System.Security.Cryptography;
using System.Text;

namespace CurateMe.Gateway.Dashboard;

/// <summary>
/// Serves the application at <c>/dashboard/</c>. A path without a file is a page of the application and gets its index, with a nonce of this answer in its
/// content security policy. Where the application was not built, a plain page says what is missing.
/// </summary>
sealed class DashboardPages(DashboardOptions options)
{
    /// <summary>What the build writes where the nonce belongs.</summary>
    public const string NoncePlace = "__CSP_NONCE__";

    /// <summary>Said on the page and in the banner.</summary>
    public const string Missing = "The dashboard was not built: that needs Node.js 20 or newer with npm on the PATH when the gateway is built.";

    const string Immutable = "public, max-age=31536000, immutable";

    readonly Lock _gate = new();
    DashboardBuild? _build;

    /// <summary>Whether there is an application to serve.</summary>
    public bool IsBuilt => DashboardBuild.BuiltAtOf(options.Directory) is not null;

    public void Map(IEndpointRouteBuilder app)
    {
        app.MapMethods("/dashboard/{**path}", [HttpMethods.Get, HttpMethods.Head], ServeAsync).ExcludeFromDescription();
        app.MapMethods("/", [HttpMethods.Get, HttpMethods.Head], static (HttpContext http) => IsBrowser(http.Request)
            ? Results.Redirect("/dashboard/")
            : Results.Text("CurateMe Gateway. The API is under /v1, its document at /openapi/v1.json, the dashboard at /dashboard/.\n")).ExcludeFromDescription();
    }

    async Task ServeAsync(HttpContext http)
    {
        // Off the socket's thread: the first answer reads files.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        var path = http.Request.RouteValues["path"] as string ?? "";
        if (path.Length == 0 && !http.Request.Path.Value!.EndsWith('/'))
        {
            http.Response.Redirect("/dashboard/" + http.Request.QueryString);
            return;
        }
        Guard(http.Response.Headers);
        if (Build() is not { } build)
        {
            await SayMissingAsync(http);
        }
        else if (path.Length > 0 && path != DashboardBuild.Index && build.Find(path) is { } file)
        {
            await SendAsync(http, file);
        }
        else if (path.StartsWith("assets/", StringComparison.Ordinal))
        {
            // A page of an older build asks for what is gone; a page of HTML in its place would only hide that.
            http.Response.StatusCode = StatusCodes.Status404NotFound;
        }
        else
        {
            await SendIndexAsync(http, build.Find(DashboardBuild.Index)!);
        }
    }

    DashboardBuild? Build()
    {
        if (DashboardBuild.BuiltAtOf(options.Directory) is not { } builtAt)
        {
            return null;
        }
        lock (_gate)
        {
            return _build = _build?.BuiltAt == builtAt ? _build : DashboardBuild.Read(options.Directory, builtAt);
        }
    }

    static async Task SendIndexAsync(HttpContext http, DashboardFile index)
    {
        var nonce = Convert.ToBase64String(RandomNumberGenerator.GetBytes(18));
        var response = http.Response;
        response.ContentType = index.ContentType;
        response.Headers.CacheControl = "no-store";
        response.Headers.ContentSecurityPolicy =
            $"default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
            + "manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'";
        await WriteAsync(http, Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(index.Bytes).Replace(NoncePlace, nonce, StringComparison.Ordinal)));
    }

    static async Task SendAsync(HttpContext http, DashboardFile file)
    {
        var headers = http.Response.Headers;
        headers.ETag = file.ETag;
        headers.CacheControl = file.IsHashed ? Immutable : "no-cache";
        headers.ContentSecurityPolicy = "default-src 'none'; frame-ancestors 'none'";
        headers.Vary = "Accept-Encoding";
        if (http.Request.Headers.IfNoneMatch.Any(m => m is not null && m.Contains(file.ETag, StringComparison.Ordinal)))
        {
            http.Response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }
        http.Response.ContentType = file.ContentType;
        var bytes = file.Bytes;
        if (file.Brotli is not null && Accepts(http.Request, "br"))
        {
            (bytes, headers.ContentEncoding) = (file.Brotli, "br");
        }
        else if (file.Gzip is not null && Accepts(http.Request, "gzip"))
        {
            (bytes, headers.ContentEncoding) = (file.Gzip, "gzip");
        }
        await WriteAsync(http, bytes);
    }

    static async Task SayMissingAsync(HttpContext http)
    {
        http.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        http.Response.ContentType = "text/html; charset=utf-8";
        http.Response.Headers.CacheControl = "no-store";
        http.Response.Headers.ContentSecurityPolicy = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'";
        await WriteAsync(http, Encoding.UTF8.GetBytes(
            $"""
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>CurateMe Gateway</title></head>
            <body><h1>The dashboard is not here</h1>
            <p>{Missing}</p>
            <p>Install it from your distribution or nodejs.org, then start the gateway with <code>./run</code> again, or build it with
            <code>dotnet build src/CurateMe.Gateway -c Release</code>. A copy that was published without it is mended by publishing again where Node.js is.</p>
            <p>The gateway itself works: the admin API and the command line do all that the dashboard does.</p></body></html>
            """));
    }

    static async Task WriteAsync(HttpContext http, byte[] bytes)
    {
        http.Response.ContentLength = bytes.Length;
        if (!HttpMethods.IsHead(http.Request.Method))
        {
            await http.Response.Body.WriteAsync(bytes, http.RequestAborted);
        }
    }

    static void Guard(IHeaderDictionary headers)
    {
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        headers["Referrer-Policy"] = "same-origin";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=(), usb=()";
    }

    static bool IsBrowser(HttpRequest request) => request.GetTypedHeaders().Accept.Any(static a => a.MediaType.Equals("text/html", StringComparison.OrdinalIgnoreCase));

    static bool Accepts(HttpRequest request, string encoding) =>
        request.GetTypedHeaders().AcceptEncoding.Any(a => a.Value.Equals(encoding, StringComparison.OrdinalIgnoreCase) && a.Quality is not 0);
}
