using CurateMe.Gateway.Providers;
using CurateMe.Gateway.Providers.OpenAi;
using CurateMe.Ledger.Records;

namespace CurateMe.Gateway.Proxy;

/// <summary>The paths of the data plane. What has no meter has no path: it is refused, never passed through.</summary>
static class DataPlane
{
    static readonly Dialect Chat = new ChatDialect();

    public static void Map(IEndpointRouteBuilder app, IReadOnlyList<ProviderRow> rows)
    {
        var pipeline = app.ServiceProvider.GetRequiredService<RequestPipeline>();
        void Post(string path, Dialect dialect, string? provider)
        {
            var route = new Route(dialect, provider);
            app.MapPost(path, http => pipeline.HandleAsync(http, route));
        }

        Post("/v1/chat/completions", Chat, provider: null);
        foreach (var row in rows.Where(static r => r.Dialect == DialectKind.OpenAi))
        {
            Post($"/v1/{row.Name}/chat/completions", Chat, row.Name);
        }
        ModelEndpoints.Map(app, rows);
        app.Map("/v1/{**path}", RefuseUnknownAsync);
    }

    static Task RefuseUnknownAsync(HttpContext http)
    {
        var time = http.RequestServices.GetRequiredService<TimeProvider>();
        var now = time.GetUtcNow();
        var exchange = new Exchange(http, Chat, RequestId.New(now), now, time.GetTimestamp());
        return exchange.RefuseAsync(new RefusedException(
            ErrorCode.NotFound, $"There is no {http.Request.Method} on this path, or no meter for it.", "See docs/reference/data-plane.md for the paths that are served."));
    }
}
