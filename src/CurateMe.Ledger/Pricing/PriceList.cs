using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Reflection;
using System.Text;

namespace CurateMe.Ledger.Pricing;

/// <summary>An immutable snapshot of all prices. A running gateway replaces the whole list, never a row.</summary>
public sealed class PriceList
{
    /// <summary>Longest name of a model that is looked up, in bytes; nothing longer is priced.</summary>
    public const int MaxNameLength = 256;

    const string ResourcePrefix = "CurateMe.Ledger.Pricing.prices.";

    static readonly Lazy<PriceList> EmbeddedList = new(LoadEmbedded);

    readonly FrozenDictionary<string, ProviderPrices> _providers;
    readonly FrozenDictionary<string, ProviderPrices>.AlternateLookup<ReadOnlySpan<char>> _lookup;

    PriceList(IEnumerable<ProviderPrices> providers)
    {
        _providers = providers.ToFrozenDictionary(provider => provider.Name, StringComparer.Ordinal);
        _lookup = _providers.GetAlternateLookup<ReadOnlySpan<char>>();
        Providers = [.. _providers.Keys.Order(StringComparer.Ordinal)];
        Version = PriceListVersion.Of(Providers.SelectMany(For));
    }

    /// <summary>The list that the program brings along.</summary>
    public static PriceList BuiltIn => EmbeddedList.Value;

    /// <summary>Twelve hexadecimal digits that change when any figure or name does; every usage record keeps it as its price_version.</summary>
    public string Version { get; }

    public ImmutableArray<string> Providers { get; }

    /// <summary>The rows of a provider by name of model; none for a provider that is not known.</summary>
    public IReadOnlyList<ModelPrice> For(string provider) => _providers.TryGetValue(provider, out var prices) ? prices.Models : [];

    /// <summary>The row of this model: by its name, else by an alias, else by the base of a tuned model, else the provider's row for any model; null when it has no price. Case matters.</summary>
    public ModelPrice? Find(string provider, string model) => Find(provider.AsSpan(), model);

    /// <inheritdoc cref="Find(string, string)"/>
    public ModelPrice? Find(ReadOnlySpan<char> provider, ReadOnlySpan<char> model) =>
        _lookup.TryGetValue(provider, out var prices) ? prices.Find(model) : null;

    /// <inheritdoc cref="Find(string, string)"/>
    public ModelPrice? Find(string provider, ReadOnlySpan<byte> utf8Model)
    {
        if (utf8Model.Length > MaxNameLength) return null;
        Span<char> model = stackalloc char[MaxNameLength];
        return Encoding.UTF8.TryGetChars(utf8Model, model, out var length) ? Find(provider, model[..length]) : null;
    }

    /// <summary>Reads price files in order. A row of a later file amends the row of an earlier one: what it says replaces, what it leaves out stays.</summary>
    /// <exception cref="PriceListException">At least one file has a fault; all are listed.</exception>
    public static PriceList Load(IEnumerable<(string Name, Stream Json)> files) => Load(files, []);

    /// <summary>The built-in files, then these.</summary>
    /// <exception cref="PriceListException">At least one file has a fault; all are listed.</exception>
    public static PriceList LoadOver(IEnumerable<(string Name, Stream Json)> files) => Load(EmbeddedFiles().Concat(files));

    /// <summary>The built-in files, then those at these paths.</summary>
    /// <exception cref="PriceListException">At least one file cannot be read or has a fault; all are listed.</exception>
    public static PriceList LoadFiles(IEnumerable<string> paths)
    {
        var unread = new List<string>();
        return Load(EmbeddedFiles().Concat(Opened(paths, unread)), unread);
    }

    static PriceList Load(IEnumerable<(string Name, Stream Json)> files, List<string> unread)
    {
        var faults = new List<string>();
        var rows = new PriceRows(faults);
        foreach (var (name, json) in files) rows.Add(PriceFile.Read(name, json, faults));
        var providers = rows.Build();
        return unread.Count + faults.Count == 0 ? new PriceList(providers) : throw new PriceListException([.. unread, .. faults], hasUnread: unread.Count > 0);
    }

    static PriceList LoadEmbedded() => Load(EmbeddedFiles());

    static IEnumerable<(string Name, Stream Json)> EmbeddedFiles()
    {
        var assembly = Assembly.GetExecutingAssembly();
        foreach (var resource in assembly.GetManifestResourceNames().Where(name => name.StartsWith(ResourcePrefix, StringComparison.Ordinal)).Order(StringComparer.Ordinal))
        {
            using var stream = assembly.GetManifestResourceStream(resource)!;
            yield return (resource[ResourcePrefix.Length..], stream);
        }
    }

    static IEnumerable<(string Name, Stream Json)> Opened(IEnumerable<string> paths, List<string> unread)
    {
        foreach (var path in paths)
        {
            using var json = Open(path, unread);
            if (json is not null) yield return (path, json);
        }
    }

    static FileStream? Open(string path, List<string> unread)
    {
        try
        {
            return File.OpenRead(path);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            unread.Add($"{path}: cannot be read: {fault.Message}");
            return null;
        }
    }
}
