using System.Collections.Frozen;

namespace CurateMe.Ledger.Pricing;

/// <summary>The rows of one provider, by name and alias.</summary>
sealed class ProviderPrices
{
    internal const string AnyModel = "*";

    readonly FrozenDictionary<string, ModelPrice> _byName;
    readonly ModelPrice? _any;

    internal ProviderPrices(string name, IReadOnlyList<ModelPrice> models, IReadOnlyDictionary<string, ModelPrice> byName)
    {
        Name = name;
        Models = models;
        _byName = byName.ToFrozenDictionary(StringComparer.Ordinal);
        _any = byName.GetValueOrDefault(AnyModel);
    }

    internal string Name { get; }
    internal IReadOnlyList<ModelPrice> Models { get; }

    internal ModelPrice? Find(ReadOnlySpan<char> model) =>
        _byName.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(model, out var price) ? price : _any;
}
