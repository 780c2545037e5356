using System.Runtime.InteropServices;
using System.Text.Json;
using CurateMe.Ledger.Money;

namespace CurateMe.Ledger.Pricing;

/// <summary>A model as a public catalogue lists it: <c>{provider:{models:{id:{cost,limit,modalities}}}}</c>, costs in dollars per million tokens.</summary>
sealed record CatalogueModel(string Provider, string Model)
{
    internal const int MaxBytes = 64 * 1024 * 1024;

    internal SortedDictionary<BilledUnit, long> Prices { get; } = [];
    internal SortedDictionary<BilledUnit, long> LongPrices { get; } = [];

    /// <summary>The prompt tokens above which the long prices apply.</summary>
    internal long LongContextThreshold { get; private set; } = 200_000;

    internal SortedDictionary<ServiceTier, SortedDictionary<BilledUnit, long>> Tiers { get; } = [];
    internal long? Input { get; private set; }
    internal long? Output { get; private set; }
    internal bool WritesText { get; private set; } = true;

    static readonly Dictionary<string, string> Providers = new(StringComparer.Ordinal)
    {
        ["openai"] = "openai",
        ["anthropic"] = "anthropic",
        ["google"] = "google",
        ["deepseek"] = "deepseek",
        ["mistral"] = "mistral",
        ["xai"] = "xai",
        ["groq"] = "groq",
        ["togetherai"] = "together",
        ["cohere"] = "cohere",
        ["fireworks-ai"] = "fireworks",
        ["openrouter"] = "openrouter",
        ["perplexity"] = "perplexity",
        ["cerebras"] = "cerebras",
        ["moonshotai"] = "moonshot",
        ["azure"] = "azure",
    };

    static readonly (string Field, BilledUnit Unit)[] Costs =
    [
        ("input", BilledUnit.InputToken),
        ("output", BilledUnit.OutputToken),
        ("reasoning", BilledUnit.ReasoningToken),
        ("cache_read", BilledUnit.CachedInputToken),
        ("cache_write", BilledUnit.CacheWrite5mToken),
        ("input_audio", BilledUnit.AudioInputToken),
        ("output_audio", BilledUnit.AudioOutputToken),
    ];

    /// <summary>Reads what it can; a model with an unreadable figure is noted and left out whole.</summary>
    /// <exception cref="InvalidDataException">The file is too large, not JSON of that shape, or of other providers only.</exception>
    internal static List<CatalogueModel> ReadAll(Stream json, List<string> notes)
    {
        using var document = Parse(json);
        var models = new List<CatalogueModel>();
        var found = false;
        foreach (var provider in document.RootElement.EnumerateObject())
        {
            if (!Providers.TryGetValue(provider.Name, out var name) || !TryObject(provider.Value, "models", out var listed)) continue;
            found = true;
            foreach (var model in listed.EnumerateObject())
            {
                if (!PriceFileReader.IsName(model.Name)) notes.Add($"{name}: a model has a name with blanks or of more than {PriceList.MaxNameLength} characters; it is left out");
                else if (TryObject(model.Value, "cost", out var cost) && Read(name, model.Name, model.Value, cost, notes) is { } read) models.Add(read);
            }
        }
        return found ? models : throw new InvalidDataException("The catalogue lists models of none of the providers known here.");
    }

    static JsonDocument Parse(Stream json)
    {
        using var copy = new MemoryStream();
        var buffer = new byte[64 * 1024];
        for (int read; (read = json.Read(buffer)) > 0;)
        {
            copy.Write(buffer, 0, read);
            if (copy.Length > MaxBytes) throw new InvalidDataException($"The catalogue is larger than {MaxBytes} bytes.");
        }
        try
        {
            var document = JsonDocument.Parse(copy.ToArray());
            if (document.RootElement.ValueKind == JsonValueKind.Object) return document;
            document.Dispose();
        }
        catch (JsonException fault)
        {
            throw new InvalidDataException($"The catalogue is not JSON: {fault.Message}", fault);
        }
        throw new InvalidDataException("The catalogue is not an object of providers.");
    }

    static CatalogueModel? Read(string provider, string name, JsonElement element, JsonElement cost, List<string> notes)
    {
        var model = new CatalogueModel(provider, name);
        if (!ReadCosts(cost, model.Prices, $"{provider}/{name}: cost", notes)) return null;
        if (!model.ReadLong(cost, notes) || !model.ReadTiers(element, notes)) return null;
        if (TryObject(element, "limit", out var limit))
        {
            model.Input = Count(limit, "input") ?? Count(limit, "context");
            model.Output = Count(limit, "output");
        }
        if (TryObject(element, "modalities", out var modalities) && modalities.TryGetProperty("output", out var output) && output.ValueKind == JsonValueKind.Array)
            model.WritesText = output.EnumerateArray().Any(kind => kind.ValueKind == JsonValueKind.String && kind.ValueEquals("text"u8));
        return model;
    }

    /// <summary>Long prices are in <c>cost.tiers</c> with their threshold, in older catalogues in <c>cost.context_over_200k</c>.</summary>
    bool ReadLong(JsonElement cost, List<string> notes)
    {
        if (!cost.TryGetProperty("tiers", out var tiers) || tiers.ValueKind != JsonValueKind.Array)
            return !TryObject(cost, "context_over_200k", out var over) || ReadCosts(over, LongPrices, $"{Provider}/{Model}: cost.context_over_200k", notes);
        if (tiers.GetArrayLength() == 0) return true;
        if (tiers.GetArrayLength() == 1 && TryObject(tiers[0], "tier", out var tier) && Count(tier, "size") is { } size
            && tier.TryGetProperty("type", out var type) && type.ValueKind == JsonValueKind.String && type.ValueEquals("context"u8))
        {
            LongContextThreshold = size;
            return ReadCosts(tiers[0], LongPrices, $"{Provider}/{Model}: cost.tiers[0]", notes);
        }
        notes.Add($"{Provider}/{Model}: cost.tiers is not one tier of context; the model is left out");
        return false;
    }

    /// <summary>A mode of the model is a service tier here when it is asked for by <c>service_tier</c> or by <c>speed</c>.</summary>
    bool ReadTiers(JsonElement element, List<string> notes)
    {
        if (!TryObject(element, "experimental", out var experimental) || !TryObject(experimental, "modes", out var modes)) return true;
        foreach (var mode in modes.EnumerateObject())
        {
            if (!TryObject(mode.Value, "cost", out var cost) || !TryObject(mode.Value, "provider", out var provider) || !TryObject(provider, "body", out var body)) continue;
            ServiceTier? tier = Says(body, "service_tier", "priority") ? ServiceTier.Priority : Says(body, "service_tier", "flex") ? ServiceTier.Flex : Says(body, "speed", "fast") ? ServiceTier.Fast : null;
            if (tier is not { } known) continue;
            var prices = new SortedDictionary<BilledUnit, long>();
            if (!ReadCosts(cost, prices, $"{Provider}/{Model}: experimental.modes.{mode.Name}.cost", notes)) return false;
            Tiers[known] = prices;
        }
        return true;
    }

    static bool Says(JsonElement body, string field, string value) =>
        body.TryGetProperty(field, out var said) && said.ValueKind == JsonValueKind.String && said.ValueEquals(value);

    static bool ReadCosts(JsonElement cost, SortedDictionary<BilledUnit, long> prices, string place, List<string> notes)
    {
        foreach (var (field, unit) in Costs)
        {
            if (!cost.TryGetProperty(field, out var price) || price.ValueKind == JsonValueKind.Null) continue;
            var error = price.ValueKind == JsonValueKind.Number ? DecimalText.TryRead(JsonMarshal.GetRawUtf8Value(price), 6, out var pico) : Refused(out pico);
            if (error != MoneyError.None || pico < 0 || pico > PriceFields.MaxPicoPerToken)
            {
                notes.Add($"{place}.{field} is not a believable price; the model is left out");
                return false;
            }
            prices[unit] = pico;
        }
        return true;
    }

    static MoneyError Refused(out long pico)
    {
        pico = 0;
        return MoneyError.NotANumber;
    }

    static bool TryObject(JsonElement element, string field, out JsonElement value)
    {
        value = default;
        return element.ValueKind == JsonValueKind.Object && element.TryGetProperty(field, out value) && value.ValueKind == JsonValueKind.Object;
    }

    static long? Count(JsonElement limit, string field) =>
        limit.TryGetProperty(field, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var count) && count > 0 ? count : null;
}
