using CurateMe.Gateway.Providers;
using CurateMe.Ledger.Pricing;

namespace CurateMe.Gateway.Proxy;

/// <summary>A path of the data plane.</summary>
/// <param name="Provider">The row that the path names; null when the model decides.</param>
sealed record Route(Dialect Dialect, string? Provider);

/// <summary>Who answers a request and at what price.</summary>
sealed record Target(Upstream Upstream, ModelPrice Price, string Model)
{
    /// <summary>The name that the record carries.</summary>
    public string RecordedModel => Price.Model == "*" ? Model : Price.Model;
}

/// <summary>The configured providers and their prices: finds who serves a model. One immutable snapshot of rows; prices may be replaced.</summary>
sealed class TargetDirectory : IDisposable
{
    readonly Dictionary<string, Upstream> upstreams;
    readonly List<Upstream> inOrder;

    public TargetDirectory(IReadOnlyList<ProviderRow> rows, PriceList prices, ForwardOptions options, TimeProvider time)
    {
        Prices = prices;
        inOrder = [.. rows.Select(row => new Upstream(row, options, time))];
        upstreams = inOrder.ToDictionary(static u => u.Row.Name, StringComparer.OrdinalIgnoreCase);
    }

    public PriceList Prices { get; }
    public IEnumerable<ProviderRow> Rows => inOrder.Select(static u => u.Row);

    /// <summary>The provider that a path or a <c>provider/model</c> name means; null when there is none.</summary>
    public Upstream? Find(string provider) => upstreams.GetValueOrDefault(provider);

    /// <summary>
    /// Who serves the model: the path's provider; else the one named before a slash in the model; else the first row of this dialect that
    /// has a price for it; else the first row of the dialect, so that the refusal can say that the model is not priced.
    /// </summary>
    public (Upstream Upstream, string Model) Resolve(Route route, string model, DialectKind kind)
    {
        if (route.Provider is not null)
        {
            return (upstreams[route.Provider], model);
        }
        var slash = model.IndexOf('/', StringComparison.Ordinal);
        if (slash > 0 && upstreams.TryGetValue(model[..slash], out var named) && named.Row.Dialect == kind)
        {
            return (named, model[(slash + 1)..]);
        }
        Upstream? first = null;
        foreach (var upstream in inOrder)
        {
            if (upstream.Row.Dialect != kind)
            {
                continue;
            }
            first ??= upstream;
            if (Prices.Find(upstream.Row.Name, model) is { Model: not "*" })
            {
                return (upstream, model);
            }
        }
        return (first ?? throw new RefusedException(ErrorCode.NotFound, "No provider of this kind is configured.", "Add a row under Providers__."), model);
    }

    public void Dispose()
    {
        foreach (var upstream in inOrder)
        {
            upstream.Dispose();
        }
    }
}
