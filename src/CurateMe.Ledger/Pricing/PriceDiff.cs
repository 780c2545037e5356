using System.Globalization;
using System.Text.Json;
using CurateMe.Ledger.Money;

namespace CurateMe.Ledger.Pricing;

/// <summary>
/// What a public catalogue of models (the shape of models.dev's api.json) gives otherwise than a price list, and the file that would follow it.
/// A catalogue is one source: nothing changes until an operator has read the differences and put the file in place.
/// </summary>
/// <remarks>
/// 1. A row is looked up by the catalogue's name of the model; providers that this product does not name are passed over.
/// 2. A price that falls to 0, and a new model that is free without saying so in its name, are not followed but noted: catalogues write 0 for "unknown".
/// 3. What a catalogue does not say (one-hour cache writes, some service tiers, fees) stays as it is and is named in the note of the row.
/// </remarks>
public sealed class PriceDiff
{
    readonly List<PriceChange> _changes = [];
    readonly List<string> _notes = [];
    readonly List<PriceDiffRow> _rows = [];
    readonly PriceList _list;
    readonly DateOnly _asOf;
    readonly string _source;

    PriceDiff(PriceList list, string source, DateOnly asOf)
    {
        _list = list;
        _source = source;
        _asOf = asOf;
    }

    /// <summary>By provider, then model.</summary>
    public IReadOnlyList<PriceChange> Changes => _changes;

    /// <summary>What was left out of the changes and needs a person, one sentence each.</summary>
    public IReadOnlyList<string> Notes => _notes;

    /// <param name="list">The list in force.</param>
    /// <param name="catalogue">The catalogue as JSON, at most 64 MiB.</param>
    /// <param name="source">Where the catalogue comes from; written into every row.</param>
    /// <param name="asOf">The day it was fetched.</param>
    /// <param name="providers">Only these providers; all that the list knows when absent.</param>
    /// <exception cref="InvalidDataException">The catalogue is too large or has another shape.</exception>
    public static PriceDiff Compare(PriceList list, Stream catalogue, string source, DateOnly asOf, IReadOnlyCollection<string>? providers = null)
    {
        var diff = new PriceDiff(list, source, asOf);
        var wanted = providers ?? list.Providers;
        var models = CatalogueModel.ReadAll(catalogue, diff._notes);
        foreach (var provider in models.GroupBy(model => model.Provider, StringComparer.Ordinal).OrderBy(group => group.Key, StringComparer.Ordinal))
        {
            if (wanted.Contains(provider.Key, StringComparer.Ordinal)) diff.Add(provider);
        }
        foreach (var missing in (providers ?? []).Except(models.Select(model => model.Provider), StringComparer.Ordinal)) diff._notes.Add($"{missing} has no prices in the catalogue; nothing of it was compared");
        return diff;
    }

    /// <summary>Writes the price file that follows the catalogue; <see cref="PriceList.LoadOver"/> reads it and names what it still lacks.</summary>
    /// <param name="head">The file's own source, beside that of each row.</param>
    public void WriteFile(Stream json, string? head = null)
    {
        using var writer = new Utf8JsonWriter(json, new JsonWriterOptions { Indented = true });
        writer.WriteStartObject();
        if (head is not null) writer.WriteString("source", head);
        writer.WriteStartArray("models");
        foreach (var row in _rows) row.Write(writer, _source, _asOf);
        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    void Add(IGrouping<string, CatalogueModel> models)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var model in models.OrderBy(model => model.Model, StringComparer.Ordinal))
        {
            var price = _list.Find(model.Provider, model.Model);
            if (price?.Model == ProviderPrices.AnyModel) price = null;
            if (!seen.Add(price?.Model ?? model.Model)) continue;
            if (price is null) AddNew(model);
            else AddKnown(price, model);
        }
    }

    void AddNew(CatalogueModel model)
    {
        var place = $"{model.Provider}/{model.Model}";
        if (!model.WritesText || !model.Prices.ContainsKey(BilledUnit.InputToken) || !model.Prices.ContainsKey(BilledUnit.OutputToken))
        {
            _notes.Add($"{place} is new and is not a model that answers with text at a known price; add it by hand");
            return;
        }
        if (model.Prices.Values.All(pico => pico == 0) && !model.Model.EndsWith(":free", StringComparison.Ordinal))
        {
            _notes.Add($"{place} is new and listed at 0, which may mean that its price is unknown; add it by hand");
            return;
        }
        var row = new PriceDiffRow(model.Provider, model.Model) { IsNew = true, MaxInputTokens = model.Input, MaxOutputTokens = model.Output };
        foreach (var (unit, pico) in model.Prices) Put(row, row.Prices, "prices", unit, null, pico);
        if (model.LongPrices.Count != 0) AddLong(row, model, null);
        AddTiers(row, model, null);
        _rows.Add(row);
    }

    void AddKnown(ModelPrice price, CatalogueModel model)
    {
        var row = new PriceDiffRow(price.Provider, price.Model) { Unchecked = NotCovered(price, model) };
        foreach (var (unit, pico) in model.Prices)
        {
            var before = price.PicoPerUnit(unit);
            if (pico == before) continue;
            if (pico == 0) _notes.Add($"{price.Provider}/{price.Model}: prices.{PriceFields.PathOf(unit)} falls from {Dollars(before)} to 0, which may mean that it is unknown; change it by hand");
            else Put(row, row.Prices, "prices", unit, before, pico);
        }
        if (model.LongPrices.Count != 0) AddLong(row, model, price);
        AddTiers(row, model, price);
        if (model.Output is { } output && price.MaxOutputTokens is { } limit && output != limit)
        {
            row.MaxOutputTokens = output;
            _changes.Add(new PriceChange(price.Provider, price.Model, PriceChangeKind.Limit, "max_output_tokens", Text(limit), Text(output)));
        }
        if (!row.IsEmpty) _rows.Add(row);
    }

    void AddLong(PriceDiffRow row, CatalogueModel model, ModelPrice? price)
    {
        var threshold = price?.LongContextThreshold;
        // Where a provider says "from" and not "above", the list has one token less.
        if (threshold is { } known && known != model.LongContextThreshold && known != model.LongContextThreshold - 1)
        {
            _notes.Add($"{row.Provider}/{row.Model}: long prompts begin at {Text(known)} tokens in the list and at {Text(model.LongContextThreshold)} in the catalogue; compare them by hand");
            return;
        }
        row.LongContextThreshold = threshold ?? model.LongContextThreshold;
        foreach (var unit in model.LongPrices.Keys.Union(threshold is null ? Priced(model, price) : []).Order())
        {
            // What the catalogue prices for short prompts only is taken at the long price of fresh text: too high rather than too low.
            var kin = unit is BilledUnit.OutputToken or BilledUnit.ReasoningToken ? BilledUnit.OutputToken : BilledUnit.InputToken;
            if (!model.LongPrices.TryGetValue(unit, out var pico) && !model.LongPrices.TryGetValue(kin, out pico)) continue;
            var before = threshold is null ? (long?)null : price!.PicoPerUnit(unit, longContext: true);
            if (pico != before && pico != 0) Put(row, row.LongPrices, "long_context.prices", unit, before, pico);
        }
    }

    void AddTiers(PriceDiffRow row, CatalogueModel model, ModelPrice? price)
    {
        foreach (var (tier, prices) in model.Tiers)
        {
            foreach (var (unit, pico) in prices)
            {
                var before = price?.IsPriced(tier) == true ? price.PicoPerUnit(unit, tier) : (long?)null;
                if (pico == before || pico == 0) continue;
                if (!row.Tiers.TryGetValue(tier, out var target)) row.Tiers[tier] = target = [];
                Put(row, target, $"tiers.{PriceFileReader.NameOf(tier)}", unit, before, pico);
            }
        }
    }

    static IEnumerable<BilledUnit> Priced(CatalogueModel model, ModelPrice? price)
    {
        BilledUnit[] text = [BilledUnit.InputToken, BilledUnit.CachedInputToken, BilledUnit.CacheWrite5mToken, BilledUnit.CacheWrite1hToken, BilledUnit.OutputToken, BilledUnit.ReasoningToken];
        return text.Where(unit => model.Prices.ContainsKey(unit) || price?.IsPriced(unit) == true);
    }

    void Put(PriceDiffRow row, SortedDictionary<BilledUnit, long> prices, string block, BilledUnit unit, long? before, long pico)
    {
        prices[unit] = pico;
        var kind = row.IsNew ? PriceChangeKind.New : pico > (before ?? 0) ? PriceChangeKind.Dearer : PriceChangeKind.Cheaper;
        _changes.Add(new PriceChange(row.Provider, row.Model, kind, $"{block}.{PriceFields.PathOf(unit)}", before is { } known ? Dollars(known) : null, Dollars(pico)));
    }

    /// <summary>Prices of the row that the catalogue does not give.</summary>
    static string NotCovered(ModelPrice price, CatalogueModel model)
    {
        var parts = new List<string>();
        if (price.PicoPerUnit(BilledUnit.CacheWrite1hToken) != price.PicoPerUnit(BilledUnit.CacheWrite5mToken)) parts.Add("cache_write_1h");
        parts.AddRange(Enum.GetValues<ServiceTier>().Where(tier => tier != ServiceTier.Standard && price.IsPriced(tier) && !model.Tiers.ContainsKey(tier)).Select(tier => $"tiers.{PriceFileReader.NameOf(tier)}"));
        return string.Join(", ", parts);
    }

    internal static string Dollars(long picoPerToken) => new NanoUsd(picoPerToken * PicoUsd.PerNano).ToString();

    static string Text(long count) => count.ToString(CultureInfo.InvariantCulture);
}
