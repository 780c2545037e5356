using System.Net;
using System.Text.RegularExpressions;
using CurateMe.Gateway.Tests.Admin;
using CurateMe.Testing;
using Xunit;

namespace CurateMe.Gateway.Tests.Dashboard;

public sealed class PagesTests : IAsyncLifetime
{
    readonly TemporaryDirectory _build = new();
    AdminHost _host = null!;

    public async ValueTask InitializeAsync()
    {
        Write("index.html", """<!doctype html><meta property="csp-nonce" nonce="__CSP_NONCE__"><script type="module" nonce="__CSP_NONCE__" src="/dashboard/assets/app-1a2b.js"></script>""");
        Write("assets/app-1a2b.js", "plain");
        Write("assets/app-1a2b.js.br", "brotli");
        Write("assets/app-1a2b.js.gz", "gzip");
        Write("favicon.svg", "<svg/>");
        _host = await AdminHost.StartAsync(dashboard: _build.Path);
    }

    public async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        _build.Dispose();
    }

    [Theory]
    [InlineData("/dashboard/")]
    [InlineData("/dashboard/costs/breakdown?by=model")]
    [InlineData("/dashboard/index.html")]
    public async Task Index_AnyPage_HasANonceOfItsOwn(string path)
    {
        var (one, two) = (await GetAsync(path), await GetAsync(path));
        Assert.Equal(HttpStatusCode.OK, one.StatusCode);
        Assert.Equal("text/html; charset=utf-8", one.Content.Headers.ContentType!.ToString());
        Assert.Equal("no-store", one.Headers.CacheControl!.ToString());
        var html = await one.Content.ReadAsStringAsync();
        var nonces = Regex.Matches(html, "nonce=\"([^\"]+)\"").Select(static m => m.Groups[1].Value).Distinct().ToList();
        var nonce = Assert.Single(nonces);
        var policy = one.Headers.GetValues("Content-Security-Policy").Single();
        Assert.Contains($"script-src 'self' 'nonce-{nonce}';", policy, StringComparison.Ordinal);
        Assert.Contains("default-src 'none';", policy, StringComparison.Ordinal);
        Assert.Contains("frame-ancestors 'none'", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
        Assert.NotEqual(html, await two.Content.ReadAsStringAsync());
        Assert.Equal("nosniff", one.Headers.GetValues("X-Content-Type-Options").Single());
        Assert.Equal("DENY", one.Headers.GetValues("X-Frame-Options").Single());
    }

    [Theory]
    [InlineData("gzip, deflate, br", "br", "brotli")]
    [InlineData("gzip, br;q=0", "gzip", "gzip")]
    [InlineData("identity", "", "plain")]
    public async Task Asset_CompressedWhenItWasBuilt_GoesAsTheBrowserTakesIt(string accept, string encoding, string content)
    {
        var answer = await GetAsync("/dashboard/assets/app-1a2b.js", ("Accept-Encoding", accept));
        Assert.Equal(content, await answer.Content.ReadAsStringAsync());
        Assert.Equal(encoding, string.Join(',', answer.Content.Headers.ContentEncoding));
        Assert.Equal("text/javascript; charset=utf-8", answer.Content.Headers.ContentType!.ToString());
        Assert.Equal("public, max-age=31536000, immutable", answer.Headers.GetValues("Cache-Control").Single());
    }

    [Fact]
    public async Task File_WithoutAHashInItsName_IsAskedForAgain()
    {
        var answer = await GetAsync("/dashboard/favicon.svg");
        Assert.Equal("no-cache", answer.Headers.CacheControl!.ToString());
        var again = await GetAsync("/dashboard/favicon.svg", ("If-None-Match", answer.Headers.ETag!.ToString()));
        Assert.Equal(HttpStatusCode.NotModified, again.StatusCode);
    }

    [Theory]
    [InlineData("/dashboard/assets/gone-9f.js")]
    [InlineData("/dashboard/assets/..%2f..%2findex.html")]
    public async Task Asset_NotThere_IsNotFound(string path) => Assert.Equal(HttpStatusCode.NotFound, (await GetAsync(path)).StatusCode);

    [Fact]
    public async Task Path_ThatClimbs_ReachesNoFileOutside()
    {
        await File.WriteAllTextAsync(Path.Combine(_build.Path, "..", "outside.txt"), "secret");
        try
        {
            foreach (var path in new[] { "/dashboard/..%2foutside.txt", "/dashboard/%2e%2e/outside.txt", "/dashboard//etc/passwd", "/dashboard/..%5coutside.txt" })
            {
                Assert.DoesNotContain("secret", await (await GetAsync(path)).Content.ReadAsStringAsync(), StringComparison.Ordinal);
            }
        }
        finally
        {
            File.Delete(Path.Combine(_build.Path, "..", "outside.txt"));
        }
    }

    [Fact]
    public async Task Root_ABrowser_IsSentToTheDashboard()
    {
        var browser = await GetAsync("/", ("Accept", "text/html,application/xhtml+xml"));
        Assert.Equal(HttpStatusCode.Redirect, browser.StatusCode);
        Assert.Equal("/dashboard/", browser.Headers.Location!.OriginalString);
        Assert.Equal(HttpStatusCode.OK, (await GetAsync("/", ("Accept", "*/*"))).StatusCode);
        Assert.Equal("/dashboard/", (await GetAsync("/dashboard")).Headers.Location!.OriginalString);
    }

    [Fact]
    public async Task Build_MadeAgain_IsServedWithoutARestart()
    {
        await GetAsync("/dashboard/");
        Write("index.html", "second build");
        File.SetLastWriteTimeUtc(Path.Combine(_build.Path, "index.html"), DateTime.UnixEpoch.AddDays(1));
        Assert.Equal("second build", await (await GetAsync("/dashboard/")).Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Build_Absent_SaysWhatIsMissing()
    {
        await using var host = await AdminHost.StartAsync();
        using var answer = await host.Http.GetAsync("/dashboard/");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.Contains("Node.js 20", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Contains("default-src 'none'", answer.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
    }

    void Write(string path, string text)
    {
        var file = Path.Combine(_build.Path, path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, text);
    }

    async Task<HttpResponseMessage> GetAsync(string path, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }
        return await _host.Http.SendAsync(request);
    }
}
