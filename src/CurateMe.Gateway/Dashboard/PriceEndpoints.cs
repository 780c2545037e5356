using CurateMe.Client;
using CurateMe.Gateway.Admin;
using CurateMe.Gateway.Hosting;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Pricing;
using Microsoft.AspNetCore.Http.HttpResults;

namespace CurateMe.Gateway.Dashboard;

/// <summary>The price list in force.</summary>
static class PriceEndpoints
{
    const int MaxQuery = 128;

    public static RouteGroupBuilder MapPrices(this RouteGroupBuilder admin)
    {
        admin.MapGet("/prices", List).WithName("ListPrices").WithTags("Prices").Requires(AdminRight.Read);
        return admin;
    }

    /// <summary>The list that this process quotes and charges by.</summary>
    public static PriceList InForce(IServiceProvider services) => services.GetService<GatewaySettings>()?.Prices ?? PriceList.BuiltIn;

    static Ok<PricePage> List(string? provider, string? q, string? limit, string? cursor, IServiceProvider services)
    {
        var count = Paging.Limit(limit);
        if (q is { Length: > MaxQuery })
        {
            throw Refusal.InvalidField("q", $"is longer than {MaxQuery} characters");
        }
        var prices = InForce(services);
        if (provider is not null && !prices.Providers.Contains(provider, StringComparer.Ordinal))
        {
            throw Refusal.InvalidField("provider", $"must be one of {string.Join(", ", prices.Providers)}");
        }
        var after = Paging.After(cursor);
        var rows = prices.Providers.Where(p => provider is null || p == provider).SelectMany(prices.For)
            .Where(row => string.IsNullOrEmpty(q) || row.Model.Contains(q, StringComparison.OrdinalIgnoreCase) || row.Aliases.Any(a => a.Contains(q, StringComparison.OrdinalIgnoreCase)))
            .Select(static row => (Id: $"{row.Provider}/{row.Model}", Row: row)).OrderBy(static r => r.Id, StringComparer.Ordinal)
            .Where(r => after is null || string.CompareOrdinal(r.Id, after) > 0).Take(count + 1).ToList();
        var page = Paging.Page(rows, count, static r => r.Id, static r => View(r.Row));
        return TypedResults.Ok(new PricePage(prices.Version, prices.Providers, page.Data, page.NextCursor));
    }

    static PriceView View(ModelPrice row) => new()
    {
        Provider = row.Provider,
        Model = row.Model,
        Aliases = row.Aliases,
        Mode = Choice.Word(row.Mode),
        MaxInputTokens = row.MaxInputTokens,
        MaxOutputTokens = row.MaxOutputTokens,
        LongContextThreshold = row.LongContextThreshold,
        Retires = row.Retires,
        Source = row.Source,
        AsOf = row.AsOf,
        Prices = [.. Units(row)],
    };

    static IEnumerable<UnitPrice> Units(ModelPrice row)
    {
        foreach (var tier in Enum.GetValues<ServiceTier>().Where(row.IsPriced))
        {
            foreach (var longContext in row.LongContextThreshold is null ? [false] : new[] { false, true })
            {
                foreach (var unit in Enum.GetValues<BilledUnit>().Where(row.IsPriced))
                {
                    var pico = row.PicoPerUnit(unit, tier, longContext);
                    // A million units at so many pico-dollars are a thousand times as many nano-dollars: exact.
                    yield return new UnitPrice(unit.Name(), Choice.Word(tier), longContext, new NanoUsd(checked(pico * 1_000)), pico);
                }
            }
        }
    }
}
