using System.Globalization;
using System.Text.Json;

namespace CurateMe.Ledger.Pricing;

/// <summary>A row of the file that follows a catalogue: only what changes, or all of a new model.</summary>
sealed class PriceDiffRow(string provider, string model)
{
    internal string Provider => provider;
    internal string Model => model;
    internal bool IsNew { get; init; }
    internal string Unchecked { get; init; } = "";
    internal long? MaxInputTokens { get; init; }
    internal long? MaxOutputTokens { get; set; }
    internal long? LongContextThreshold { get; set; }
    internal SortedDictionary<BilledUnit, long> Prices { get; } = [];
    internal SortedDictionary<BilledUnit, long> LongPrices { get; } = [];
    internal SortedDictionary<ServiceTier, SortedDictionary<BilledUnit, long>> Tiers { get; } = [];

    internal bool IsEmpty => Prices.Count == 0 && LongPrices.Count == 0 && Tiers.Count == 0 && MaxOutputTokens is null;

    internal void Write(Utf8JsonWriter writer, string source, DateOnly asOf)
    {
        writer.WriteStartObject();
        writer.WriteString("provider", provider);
        writer.WriteString("model", model);
        if (IsNew) writer.WriteString("mode", "chat");
        writer.WriteString("source", source);
        writer.WriteString("as_of", asOf.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture));
        if (Unchecked.Length != 0) writer.WriteString("note", $"Not in the catalogue, compare by hand: {Unchecked}");
        if (MaxInputTokens is { } input) writer.WriteNumber("max_input_tokens", input);
        if (MaxOutputTokens is { } output) writer.WriteNumber("max_output_tokens", output);
        if (Prices.Count != 0) WritePrices(writer, "prices", Prices);
        if (Tiers.Count != 0)
        {
            writer.WriteStartObject("tiers");
            foreach (var (tier, prices) in Tiers) WritePrices(writer, PriceFileReader.NameOf(tier), prices);
            writer.WriteEndObject();
        }
        if (LongPrices.Count != 0)
        {
            writer.WriteStartObject("long_context");
            writer.WriteNumber("above_prompt_tokens", LongContextThreshold!.Value);
            WritePrices(writer, "prices", LongPrices);
            writer.WriteEndObject();
        }
        writer.WriteEndObject();
    }

    static void WritePrices(Utf8JsonWriter writer, string block, SortedDictionary<BilledUnit, long> prices)
    {
        writer.WriteStartObject(block);
        writer.WriteStartObject("per_million_tokens");
        foreach (var (unit, pico) in prices)
        {
            writer.WritePropertyName(PriceFields.FieldOf(unit));
            writer.WriteRawValue(PriceDiff.Dollars(pico));
        }
        writer.WriteEndObject();
        writer.WriteEndObject();
    }
}
