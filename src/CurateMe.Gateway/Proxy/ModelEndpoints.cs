using System.Text.Json;
using CurateMe.Gateway.Hosting;
using CurateMe.Gateway.Keys;
using CurateMe.Gateway.Providers;
using CurateMe.Ledger.Pricing;
using CurateMe.Ledger.Records;

namespace CurateMe.Gateway.Proxy;

/// <summary><c>GET /v1/models</c>: the models that this key may use, in OpenAI's shape, with their prices.</summary>
static class ModelEndpoints
{
    public static void Map(IEndpointRouteBuilder app, IReadOnlyList<ProviderRow> rows)
    {
        app.MapMethods("/v1/models", Reading.Methods, http => ListAsync(http, provider: null));
        foreach (var row in rows)
        {
            app.MapMethods($"/v1/{row.Name}/models", Reading.Methods, http => ListAsync(http, row.Name));
        }
    }

    static async Task ListAsync(HttpContext http, string? provider)
    {
        var services = http.RequestServices;
        var time = services.GetRequiredService<TimeProvider>();
        var now = time.GetUtcNow();
        var exchange = new Exchange(http, new Providers.OpenAi.ChatDialect(), RequestId.New(now), now, time.GetTimestamp());
        try
        {
            var found = await services.GetRequiredService<KeyDirectory>().FindAsync(PresentedKey.Find(http.Request, out _), http.RequestAborted);
            var principal = exchange.Principal = Authentication.Require(found, exchange);
            var targets = services.GetRequiredService<TargetDirectory>();
            await exchange.WriteHeadersAsync();
            http.Response.ContentType = "application/json";
            await using var json = new Utf8JsonWriter(http.Response.Body);
            json.WriteStartObject();
            json.WriteString("object"u8, "list"u8);
            json.WriteStartArray("data"u8);
            foreach (var row in targets.Rows.Where(r => provider is null || r.Name == provider))
            {
                foreach (var price in targets.Prices.For(row.Name).Where(p => p.Model != "*" && principal.Models.Allows(p.Model)))
                {
                    Write(json, row, price);
                }
            }
            json.WriteEndArray();
            json.WriteEndObject();
        }
        catch (Exception e) when (Refusals.Of(e) is { } refusal)
        {
            await exchange.RefuseAsync(refusal);
        }
    }

    static void Write(Utf8JsonWriter json, ProviderRow row, ModelPrice price)
    {
        json.WriteStartObject();
        json.WriteString("id"u8, price.Model);
        json.WriteString("object"u8, "model"u8);
        json.WriteNumber("created"u8, new DateTimeOffset(price.AsOf, default, default).ToUnixTimeSeconds());
        json.WriteString("owned_by"u8, row.Name);
        json.WriteString("mode"u8, price.Mode.ToString().ToLowerInvariant());
        WriteLimit(json, "max_input_tokens", price.MaxInputTokens);
        WriteLimit(json, "max_output_tokens", price.MaxOutputTokens);
        json.WriteStartObject("pricing_pico_usd"u8);
        for (var unit = 0; unit < BilledUnits.Count; unit++)
        {
            if (price.IsPriced((BilledUnit)unit) && price.PicoPerUnit((BilledUnit)unit) is var pico and not 0)
            {
                json.WriteNumber(((BilledUnit)unit).Name(), pico);
            }
        }
        json.WriteEndObject();
        json.WriteEndObject();
    }

    static void WriteLimit(Utf8JsonWriter json, string name, long? limit)
    {
        if (limit is { } tokens)
        {
            json.WriteNumber(name, tokens);
        }
        else
        {
            json.WriteNull(name);
        }
    }
}
