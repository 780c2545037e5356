using CurateMe.Gateway.Keys;
using CurateMe.Gateway.ProviderKeys;
using CurateMe.Ledger.Pricing;
using CurateMe.Ledger.Records;

namespace CurateMe.Gateway.Proxy;

/// <summary>
/// <c>GET</c>, <c>DELETE</c> and <c>POST …/cancel</c> of responses that the provider keeps: authenticated, for the org that made them, and free of
/// charge, since what they cost was settled when they were made.
/// </summary>
sealed class StoredResponses(KeyDirectory keys, TargetDirectory targets, Keyring ring, ResponseOwners owners, AnswerDelivery delivery, TimeProvider time)
{
    public void Map(IEndpointRouteBuilder app, Dialect dialect, string prefix)
    {
        app.MapGet(prefix + "/responses/{id}", http => HandleAsync(http, dialect, HttpMethod.Get, ""));
        app.MapGet(prefix + "/responses/{id}/input_items", http => HandleAsync(http, dialect, HttpMethod.Get, "/input_items"));
        app.MapDelete(prefix + "/responses/{id}", http => HandleAsync(http, dialect, HttpMethod.Delete, ""));
        app.MapPost(prefix + "/responses/{id}/cancel", http => HandleAsync(http, dialect, HttpMethod.Post, "/cancel"));
    }

    async Task HandleAsync(HttpContext http, Dialect dialect, HttpMethod method, string verb)
    {
        var now = time.GetUtcNow();
        var exchange = new Exchange(http, dialect, RequestId.New(now), now, time.GetTimestamp());
        try
        {
            var presented = keys.FindAsync(PresentedKey.Find(http.Request, out var keyFromOwnHeader), http.RequestAborted);
            var principal = exchange.Principal = Authentication.Require(await presented, exchange);
            var id = (string)http.Request.RouteValues["id"]!;
            var owner = await owners.FindAsync(id, http.RequestAborted);
            if (owner is null || owner.Value.OrgId != principal.OrgId || targets.Find(owner.Value.Provider) is not { } upstream)
            {
                throw new RefusedException(ErrorCode.NotFound, "There is no such response.", "A response can be fetched by the org that made it, for thirty days.", "id");
            }
            var row = upstream.Row;
            var path = $"/responses/{Uri.EscapeDataString(id)}{verb}{(row.ApiVersion is null ? "" : $"?api-version={row.ApiVersion}")}";
            var target = new Target(upstream, ModelPrice.Unpriced(row.Name, ""), "");
            var own = PresentedKey.Provider(http.Request, keyFromOwnHeader);
            var stored = own is null ? ring.Next(row.Name, principal.OrgId) ?? upstream.NextKey() : null;
            await delivery.PassFreeAsync(new Call(exchange, target, path, null, [], own ?? stored?.Text) { Method = method, Stored = stored });
        }
        catch (Exception e) when (Refusals.Of(e) is { } refusal)
        {
            await exchange.RefuseAsync(refusal);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            http.Abort();
        }
    }
}
