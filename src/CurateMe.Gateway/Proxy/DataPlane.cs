using CurateMe.Client;
using CurateMe.Gateway.Approvals;
using CurateMe.Gateway.Governance;
using CurateMe.Gateway.Keys;
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
        app.MapGet("/v1/approvals/{approval}/status", ApprovalStatusAsync);
        app.Map("/v1/{**path}", RefuseUnknownAsync);
    }

    static async Task ApprovalStatusAsync(HttpContext http)
    {
        var services = http.RequestServices;
        var time = services.GetRequiredService<TimeProvider>();
        var now = time.GetUtcNow();
        var exchange = new Exchange(http, Chat, RequestId.New(now), now, time.GetTimestamp());
        try
        {
            var found = await services.GetRequiredService<KeyDirectory>().FindAsync(PresentedKey.Find(http.Request, out _), http.RequestAborted);
            var principal = exchange.Principal = Authentication.Require(found, exchange);
            // Off the socket's thread: the store may block.
            await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
            var id = (string)http.Request.RouteValues["approval"]!;
            var approval = await ApprovalEndpoints.StatusAsync(id, principal, services.GetRequiredService<Catalogue>(), time, http.RequestAborted)
                ?? throw new RefusedException(ErrorCode.NotFound, $"This key has no approval \"{id}\".", "Ask with the key that sent the request.");
            exchange.ApprovalId = approval.ApprovalId;
            exchange.WriteHeaders();
            await http.Response.WriteAsJsonAsync(approval, AdminJson.Default.Approval, contentType: null, http.RequestAborted);
        }
        catch (RefusedException refusal)
        {
            await exchange.RefuseAsync(refusal);
        }
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
