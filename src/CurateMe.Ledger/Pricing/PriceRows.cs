using CurateMe.Ledger.Money;

namespace CurateMe.Ledger.Pricing;

/// <summary>Rows of several files put together: later ones amend earlier ones, and the result is checked as a whole.</summary>
sealed class PriceRows(List<string> faults)
{
    readonly Dictionary<(string Provider, string Name), PriceRow> _rows = [];
    readonly Dictionary<(string Provider, string Alias), string> _aliases = [];

    internal void Add(IReadOnlyList<PriceRow> file)
    {
        RefuseDuplicates(file);
        foreach (var row in file) ReleaseAliases(row);
        var amended = new Dictionary<(string Provider, string Name), string>();
        foreach (var row in file) Add(row, amended);
    }

    /// <summary>A row that gives its aliases anew leaves those it does not name, also to other rows of its file.</summary>
    void ReleaseAliases(PriceRow row)
    {
        if (row.Aliases is not { } kept) return;
        var name = NameOf(row);
        var left = (_rows.GetValueOrDefault((row.Provider, name))?.Aliases ?? []).Where(alias => alias != row.Model && !kept.Contains(alias, StringComparer.Ordinal));
        foreach (var alias in left.Where(alias => _aliases.GetValueOrDefault((row.Provider, alias)) == name)) _aliases.Remove((row.Provider, alias));
    }

    void Add(PriceRow row, Dictionary<(string Provider, string Name), string> amended)
    {
        var name = NameOf(row);
        if (!amended.TryAdd((row.Provider, name), row.Model) && amended[(row.Provider, name)] is var other && other != row.Model)
            faults.Add($"{row.File}: {row.Provider}/{row.Model}: stands for the same model, {name}, as {other} in the same file; keep one of them, or give {name} aliases that leave the other out");
        foreach (var alias in (row.Aliases ?? []).Where(alias => alias != name && !amended.ContainsKey((row.Provider, alias)) && _rows.ContainsKey((row.Provider, alias))))
            faults.Add($"{row.File}: {row.Provider}/{row.Model}: aliases names {alias}, which has a row of its own in an earlier file; write a row for {alias} instead");
        if (_rows.TryGetValue((row.Provider, name), out var earlier)) row = row.Amend(earlier);
        _rows[(row.Provider, row.Model)] = row;
        foreach (var alias in row.Aliases ?? []) _aliases[(row.Provider, alias)] = row.Model;
    }

    /// <summary>The name of the row that this one amends, which an alias stands for; its own where there is none.</summary>
    string NameOf(PriceRow row) => _aliases.GetValueOrDefault((row.Provider, row.Model), row.Model);

    void RefuseDuplicates(IReadOnlyList<PriceRow> file)
    {
        var taken = new Dictionary<(string, string), string>();
        foreach (var row in file)
        {
            foreach (var name in (row.Aliases ?? []).Prepend(row.Model))
            {
                if (!taken.TryAdd((row.Provider, name), row.Model))
                    faults.Add($"{row.File}: {row.Provider}/{row.Model}: the name {name} is taken by {taken[(row.Provider, name)]} in the same file; keep one of them");
            }
        }
    }

    internal IReadOnlyList<ProviderPrices> Build()
    {
        foreach (var row in _rows.Values) PriceRowRules.Check(row, faults);
        if (faults.Count != 0) return [];
        return [.. _rows.Values.GroupBy(row => row.Provider, StringComparer.Ordinal).Select(Build)];
    }

    ProviderPrices Build(IGrouping<string, PriceRow> rows)
    {
        var byName = new Dictionary<string, ModelPrice>(StringComparer.Ordinal);
        var models = new List<ModelPrice>();
        foreach (var row in rows.OrderBy(row => row.Model, StringComparer.Ordinal))
        {
            // An alias that a later file gave to another row, or made a row of its own, no longer belongs to this one.
            var owned = (row.Aliases ?? []).Where(alias => !_rows.ContainsKey((row.Provider, alias)) && _aliases[(row.Provider, alias)] == row.Model);
            var model = new ModelPrice(row with { Aliases = [.. owned] });
            models.Add(model);
            byName.Add(model.Model, model);
            foreach (var alias in model.Aliases) byName.Add(alias, model);
        }
        return new ProviderPrices(rows.Key, models, byName);
    }
}
