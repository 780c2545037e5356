using System.Collections.Frozen;

namespace CurateMe.Ledger.Pricing;

/// <summary>The rows of one provider, by name and alias.</summary>
sealed class ProviderPrices
{
    internal const string AnyModel = "*";

    readonly FrozenDictionary<string, ModelPrice>.AlternateLookup<ReadOnlySpan<char>> _byName;
    readonly ModelPrice? _any;

    internal ProviderPrices(string name, IReadOnlyList<ModelPrice> models, IReadOnlyDictionary<string, ModelPrice> byName)
    {
        Name = name;
        Models = models;
        _byName = byName.ToFrozenDictionary(StringComparer.Ordinal).GetAlternateLookup<ReadOnlySpan<char>>();
        _any = byName.GetValueOrDefault(AnyModel);
    }

    internal string Name { get; }
    internal IReadOnlyList<ModelPrice> Models { get; }

    internal ModelPrice? Find(ReadOnlySpan<char> model)
    {
        if (_byName.TryGetValue(model, out var price)) return price;
        return TuningBase(model) is { Length: > 0 } tuned && _byName.TryGetValue(tuned, out price) ? price : _any;
    }

    /// <summary>A tuned model is called <c>ft:base:owner:suffix:id</c> and priced as the row <c>ft:base</c>.</summary>
    static ReadOnlySpan<char> TuningBase(ReadOnlySpan<char> model)
    {
        const string prefix = "ft:";
        if (!model.StartsWith(prefix, StringComparison.Ordinal)) return default;
        var end = model[prefix.Length..].IndexOf(':');
        return end > 0 ? model[..(prefix.Length + end)] : default;
    }
}
