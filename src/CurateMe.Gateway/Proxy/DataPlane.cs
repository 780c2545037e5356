using System.Collections.Frozen;
using CurateMe.Client;
using CurateMe.Gateway.Approvals;
using CurateMe.Gateway.Governance;
using CurateMe.Gateway.Keys;
using CurateMe.Gateway.Providers;
using CurateMe.Gateway.Providers.Anthropic;
using CurateMe.Gateway.Providers.Gemini;
using CurateMe.Gateway.Providers.OpenAi;
using CurateMe.Ledger.Records;

namespace CurateMe.Gateway.Proxy;

/// <summary>The paths of the data plane. What has no meter has no path: it is refused, never passed through.</summary>
static class DataPlane
{
    static readonly Dialect Chat = new ChatDialect();
    static readonly ResponsesDialect Responses = new();

    // What the providers that speak like OpenAI have beside chat; a provider that lacks one says so itself.
    static readonly (string Path, Dialect Dialect)[] OpenAi =
    [
        ("/chat/completions", Chat), ("/responses", Responses), ("/completions", new ChatDialect(text: true)),
        ("/embeddings", new InputDialect("/embeddings", defaultModel: null)), ("/moderations", new InputDialect("/moderations", "omni-moderation-latest")),
        ("/images/generations", new ImagesDialect()), ("/images/edits", new ImageEditsDialect()), ("/audio/speech", new SpeechDialect()), ("/audio/transcriptions", new TranscriptionsDialect()),
    ];

    static readonly Dialect Messages = new MessagesDialect();
    static readonly Dialect CountTokens = new Providers.Anthropic.CountTokensDialect();
    static readonly Dialect Generate = new GenerateContentDialect();
    static readonly Dialect CountContent = new Providers.Gemini.CountTokensDialect();

    /// <returns>The routes whose path is fixed, by path.</returns>
    public static IReadOnlyDictionary<string, Route> Map(IEndpointRouteBuilder app, IReadOnlyList<ProviderRow> rows)
    {
        var pipeline = app.ServiceProvider.GetRequiredService<RequestPipeline>();
        var plain = new Dictionary<string, Route>(StringComparer.Ordinal);
        void Post(string path, Dialect dialect, string? provider)
        {
            var route = new Route(dialect, provider);
            app.MapPost(path, http => pipeline.HandleAsync(http, route));
            if (!path.Contains('{', StringComparison.Ordinal))
            {
                plain.Add(path, route);
            }
        }

        // The verb is part of the last segment, so it is told apart here.
        void Generative(string provider)
        {
            var generate = new Route(Generate, provider);
            var count = new Route(CountContent, provider);
            app.MapPost($"/v1/{provider}/v1beta/models/{{{GenerateContentDialect.Target}}}", http => GenerateContentDialect.Split(http.Request).Verb switch
            {
                "generateContent" or "streamGenerateContent" => pipeline.HandleAsync(http, generate),
                "countTokens" => pipeline.HandleAsync(http, count),
                _ => RefuseUnknownAsync(http, rows),
            });
        }

        void Speaking(string prefix, string? provider)
        {
            foreach (var (path, dialect) in OpenAi)
            {
                Post(prefix + path, dialect, provider);
            }
            app.ServiceProvider.GetRequiredService<StoredResponses>().Map(app, Responses, prefix);
        }

        Speaking("/v1", provider: null);
        Post("/v1/messages", Messages, provider: null);
        Post("/v1/messages/count_tokens", CountTokens, provider: null);
        foreach (var row in rows)
        {
            switch (row.Dialect)
            {
                case DialectKind.OpenAi:
                    Speaking($"/v1/{row.Name}", row.Name);
                    if (row.ByDeployment)
                    {
                        // Azure's own shapes, so that its clients need another address only.
                        Speaking($"/v1/{row.Name}/openai/v1", row.Name);
                        foreach (var (path, dialect) in OpenAi)
                        {
                            Post($"/v1/{row.Name}/openai{(dialect == Responses ? "" : "/deployments/{deployment}")}{path}", dialect, row.Name);
                        }
                    }
                    break;
                case DialectKind.Anthropic:
                    Post($"/v1/{row.Name}/messages", Messages, row.Name);
                    Post($"/v1/{row.Name}/v1/messages", Messages, row.Name);
                    Post($"/v1/{row.Name}/messages/count_tokens", CountTokens, row.Name);
                    Post($"/v1/{row.Name}/v1/messages/count_tokens", CountTokens, row.Name);
                    break;
                default:
                    Generative(row.Name);
                    break;
            }
        }
        ModelEndpoints.Map(app, rows);
        app.MapGet("/v1/approvals/{approval}/status", ApprovalStatusAsync);
        app.Map("/v1/{**path}", http => RefuseUnknownAsync(http, rows));
        return plain.ToFrozenDictionary(StringComparer.Ordinal);
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
            await exchange.WriteHeadersAsync();
            await http.Response.WriteAsJsonAsync(approval, AdminJson.Default.Approval, contentType: null, http.RequestAborted);
        }
        catch (Exception e) when (Refusals.Of(e) is { } refusal)
        {
            await exchange.RefuseAsync(refusal);
        }
    }

    static Task RefuseUnknownAsync(HttpContext http, IReadOnlyList<ProviderRow> rows)
    {
        var time = http.RequestServices.GetRequiredService<TimeProvider>();
        var now = time.GetUtcNow();
        var exchange = new Exchange(http, Speaker(http.Request.Path, rows), RequestId.New(now), now, time.GetTimestamp());
        return exchange.RefuseAsync(new RefusedException(
            ErrorCode.NotFound, $"There is no {http.Request.Method} on this path, or no meter for it.", "See docs/reference/data-plane.md for the paths that are served."));
    }

    // Whoever speaks a provider's dialect is refused in it.
    static Dialect Speaker(PathString path, IReadOnlyList<ProviderRow> rows) => rows.FirstOrDefault(row => path.StartsWithSegments($"/v1/{row.Name}"))?.Dialect switch
    {
        DialectKind.Anthropic => Messages,
        DialectKind.Gemini => Generate,
        null when path.StartsWithSegments("/v1/messages") => Messages,
        _ => Chat,
    };
}
