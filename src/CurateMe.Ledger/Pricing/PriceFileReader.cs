using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using CurateMe.Ledger.Money;

namespace CurateMe.Ledger.Pricing;

/// <summary>Reads the fields of one object of a price file; a field that is wrong is noted and counts as not given.</summary>
sealed class PriceFileReader
{
    const int MaxTextLength = 1_000;
    const int MaxNames = 200;
    const int MaxVariants = 200;

    static readonly Dictionary<string, ServiceTier> TierNames = new(StringComparer.Ordinal)
    {
        ["flex"] = ServiceTier.Flex,
        ["priority"] = ServiceTier.Priority,
        ["fast"] = ServiceTier.Fast,
        ["batch"] = ServiceTier.Batch,
    };

    static readonly string[] PriceGroups = [.. PriceFields.Groups.Select(group => group.Name), PriceFields.PerImage];
    static readonly string[] LongContextFields = ["above_prompt_tokens", "prices", "tiers"];

    readonly FaultPlace _place;
    readonly JsonElement _element;
    readonly string _path;

    internal PriceFileReader(FaultPlace place, JsonElement element, IReadOnlyCollection<string> known, string path = "")
    {
        _place = place;
        _element = element;
        _path = path;
        IsObject = element.ValueKind == JsonValueKind.Object;
        if (!IsObject)
        {
            Fault("", "is not an object; write {...}");
            return;
        }
        foreach (var field in element.EnumerateObject().Where(field => !known.Contains(field.Name, StringComparer.Ordinal)))
            Fault(field.Name, $"is not a field; write one of {string.Join(", ", known)}");
    }

    internal bool IsObject { get; }

    internal static string NameOf(ServiceTier tier) => TierNames.First(entry => entry.Value == tier).Key;

    /// <summary>The text of a field without noting faults, to name a row by.</summary>
    internal static string? Peek(JsonElement element, string field) =>
        element.TryGetProperty(field, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    internal bool Has(string field) => TryGet(field, out _);

    internal string? Text(string field)
    {
        if (!TryGet(field, out var value)) return null;
        if (value.ValueKind != JsonValueKind.String || string.IsNullOrWhiteSpace(value.GetString()) || value.GetString()!.Length > MaxTextLength)
            return Fault<string>(field, $"is not a text of 1 to {MaxTextLength} characters");
        return value.GetString();
    }

    /// <summary>A name that is sent or stands in a path: no blanks, no control characters.</summary>
    internal string? Name(string field) => TryGet(field, out var value) ? Name(field, value) : null;

    string? Name(string field, JsonElement value)
    {
        var name = value.ValueKind == JsonValueKind.String ? value.GetString()! : "";
        return IsName(name) ? name : Fault<string>(field, $"is not a name of 1 to {PriceList.MaxNameLength} characters without blanks");
    }

    internal static bool IsName(string name) => name.Length is > 0 and <= PriceList.MaxNameLength && !name.Any(c => char.IsWhiteSpace(c) || char.IsControl(c));

    internal ImmutableArray<string>? Names(string field)
    {
        if (!TryGet(field, out var value)) return null;
        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() > MaxNames)
        {
            Fault(field, $"is not a list of at most {MaxNames} names");
            return null;
        }
        return [.. value.EnumerateArray().Select(name => Name(field, name)).OfType<string>()];
    }

    internal T? OneOf<T>(string field, Dictionary<string, T> names) where T : struct
    {
        if (!TryGet(field, out var value)) return null;
        if (value.ValueKind == JsonValueKind.String && names.TryGetValue(value.GetString()!, out var found)) return found;
        Fault(field, $"is not known; write one of {string.Join(", ", names.Keys)}");
        return null;
    }

    internal DateOnly? Date(string field)
    {
        if (!TryGet(field, out var value)) return null;
        if (value.ValueKind == JsonValueKind.String && DateOnly.TryParseExact(value.GetString(), "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var date)) return date;
        Fault(field, "is not a day; write it as \"2026-08-06\"");
        return null;
    }

    internal bool? Flag(string field)
    {
        if (!TryGet(field, out var value)) return null;
        if (value.ValueKind is JsonValueKind.True or JsonValueKind.False) return value.GetBoolean();
        Fault(field, "is neither true nor false");
        return null;
    }

    internal long? Count(string field, long max)
    {
        if (!TryGet(field, out var value)) return null;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var count) && count > 0 && count <= max) return count;
        Fault(field, $"is {Shown(value)}; write a whole number above 0, or leave it out where there is no limit");
        return null;
    }

    /// <summary>Whole numbers above 0 by name.</summary>
    internal IReadOnlyDictionary<string, long> Counts(string field)
    {
        var counts = new Dictionary<string, long>(StringComparer.Ordinal);
        if (!TryGet(field, out var value) || value.ValueKind != JsonValueKind.Object || value.GetPropertyCount() is 0 or > MaxVariants)
        {
            Fault(field, $"is not an object of 1 to {MaxVariants} counts");
            return counts;
        }
        var reader = Child(field, value, [.. value.EnumerateObject().Select(entry => entry.Name)]);
        foreach (var entry in value.EnumerateObject())
        {
            if (reader.Count(entry.Name, int.MaxValue) is { } count) counts.Add(entry.Name, count);
        }
        return counts;
    }

    internal IReadOnlyDictionary<ServiceTier, PriceBlock> Tiers(string field)
    {
        if (!TryGet(field, out var value)) return PriceRow.NoTiers;
        var reader = Child(field, value, TierNames.Keys);
        var tiers = new Dictionary<ServiceTier, PriceBlock>();
        foreach (var (name, tier) in TierNames)
        {
            if (!reader.IsObject || reader.Prices(name) is not { } block) continue;
            if (block.Pico.ContainsKey(BilledUnit.Image)) reader.Fault($"{name}.{PriceFields.PerImage}", "is not a field of a tier; a picture costs the same in every tier, write it in prices");
            tiers.Add(tier, block);
        }
        return tiers;
    }

    internal LongContextPrices? LongContext(string field)
    {
        if (!TryGet(field, out var value)) return null;
        var reader = Child(field, value, LongContextFields);
        if (!reader.IsObject) return null;
        var threshold = reader.Count("above_prompt_tokens", UsageCounts.MaxCount);
        if (!value.TryGetProperty("above_prompt_tokens", out _)) reader.Fault("above_prompt_tokens", "is missing; write how many prompt tokens are still billed at the short prices");
        var prices = reader.Prices("prices");
        if (!value.TryGetProperty("prices", out _)) reader.Fault("prices", "is missing; write what long prompts cost");
        var tiers = reader.Tiers("tiers");
        return threshold is null || prices is null ? null : new LongContextPrices(threshold.Value, prices, tiers);
    }

    internal PriceBlock? Prices(string field)
    {
        if (!TryGet(field, out var value)) return null;
        var reader = Child(field, value, PriceGroups);
        if (!reader.IsObject) return null;
        var pico = new Dictionary<BilledUnit, long>();
        foreach (var group in PriceFields.Groups) reader.ReadGroup(group, pico);
        return new PriceBlock(pico, reader.ReadPictures(pico));
    }

    void ReadGroup(PriceFields.Group group, Dictionary<BilledUnit, long> pico)
    {
        if (!TryGet(group.Name, out var value)) return;
        var reader = Child(group.Name, value, [.. group.Fields.Keys]);
        if (!reader.IsObject) return;
        foreach (var (field, unit) in group.Fields)
        {
            if (reader.TryGet(field, out var price) && reader.Price(field, price, group) is { } read && !pico.TryAdd(unit, read))
                reader.Fault(field, "is priced twice; write it per second or per hour, not both");
        }
    }

    Dictionary<string, long> ReadPictures(Dictionary<BilledUnit, long> pico)
    {
        var variants = new Dictionary<string, long>(StringComparer.Ordinal);
        if (!TryGet(PriceFields.PerImage, out var value)) return variants;
        if (value.ValueKind != JsonValueKind.Object)
        {
            if (Price(PriceFields.PerImage, value, PriceFields.Image) is { } price) pico.Add(BilledUnit.Image, price);
            return variants;
        }
        foreach (var variant in value.EnumerateObject().Take(MaxVariants))
        {
            if (Price($"{PriceFields.PerImage}.{variant.Name}", variant.Value, PriceFields.Image) is { } price) variants.Add(variant.Name, price);
        }
        if (value.GetPropertyCount() is 0 or > MaxVariants) Fault(PriceFields.PerImage, $"has no sizes or more than {MaxVariants}; write one number, or one for each size and quality");
        if (variants.Count != 0) pico.Add(BilledUnit.Image, variants.Values.Max());
        return variants;
    }

    long? Price(string field, JsonElement value, PriceFields.Group group)
    {
        if (value.ValueKind != JsonValueKind.Number)
        {
            Fault(field, $"is {Shown(value)}; write dollars per {group.Per} as a number without quotes");
            return null;
        }
        switch (DecimalText.TryRead(JsonMarshal.GetRawUtf8Value(value), group.Scale, out var pico))
        {
            case MoneyError.None when pico < 0:
                Fault(field, $"is {Shown(value)}; a price is 0 or more");
                return null;
            case MoneyError.TooFine:
                Fault(field, $"is {Shown(value)}, finer than a pico-dollar per unit; write at most {group.Scale} decimals");
                return null;
            case MoneyError.None:
                var perUnit = pico / group.Divisor + (pico % group.Divisor == 0 ? 0 : 1);
                if (perUnit <= group.MaxPico) return perUnit;
                goto default;
            default:
                Fault(field, $"is {Shown(value)}, which nobody charges; write dollars per {group.Per}, at most {group.MaxText}");
                return null;
        }
    }

    /// <summary>The object of a field; null where it is not given or is no object, which is noted.</summary>
    internal PriceFileReader? Child(string field, IReadOnlyCollection<string> known) =>
        TryGet(field, out var value) && Child(field, value, known) is { IsObject: true } child ? child : null;

    PriceFileReader Child(string field, JsonElement value, IReadOnlyCollection<string> known) => new(_place, value, known, Path(field));

    bool TryGet(string field, out JsonElement value)
    {
        value = default;
        return IsObject && _element.TryGetProperty(field, out value);
    }

    string Path(string field) => (_path, field) switch
    {
        ("", _) => field,
        (_, "") => _path,
        _ => $"{_path}.{field}",
    };

    internal void Fault(string field, string what) => _place.Add($"{Path(field)} {what}".TrimStart());

    T? Fault<T>(string field, string what) where T : class
    {
        Fault(field, what);
        return null;
    }

    static string Shown(JsonElement value)
    {
        var raw = value.GetRawText();
        return raw.Length <= 40 ? raw : $"{raw.AsSpan(0, 40)}…";
    }
}
