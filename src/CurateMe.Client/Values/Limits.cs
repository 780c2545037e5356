using System.Text.Json;
using System.Text.Json.Serialization;
using CurateMe.Ledger.Money;

namespace CurateMe.Client;

/// <summary>
/// A limit in a policy document: a number of dollars, or the word <c>"unlimited"</c>. A field that is null or absent is the tier's default.
/// </summary>
/// <param name="Amount">Null is unlimited; zero denies everything that costs.</param>
[JsonConverter(typeof(MoneyLimitConverter))]
public readonly record struct MoneyLimit(NanoUsd? Amount)
{
    /// <summary>How no limit is written.</summary>
    public const string UnlimitedWord = "unlimited";

    public static MoneyLimit Unlimited => default;
    public static MoneyLimit FromDollars(long dollars) => new(NanoUsd.FromDollars(dollars));
    public override string ToString() => Amount?.ToString() ?? UnlimitedWord;
}

/// <summary>A count in a policy document: a whole number, or the word <c>"unlimited"</c>. A field that is null or absent is the default.</summary>
/// <param name="Count">Null is unlimited; zero denies.</param>
[JsonConverter(typeof(CountLimitConverter))]
public readonly record struct CountLimit(int? Count)
{
    public static CountLimit Unlimited => default;
    public override string ToString() => Count?.ToString() ?? MoneyLimit.UnlimitedWord;
}

/// <summary>Reads a number of dollars or <c>"unlimited"</c>.</summary>
public sealed class MoneyLimitConverter : JsonConverter<MoneyLimit>
{
    static readonly NanoUsdJsonConverter Amounts = new();

    /// <inheritdoc />
    public override MoneyLimit Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.TokenType switch
    {
        JsonTokenType.Number => new MoneyLimit(Amounts.Read(ref reader, typeof(NanoUsd), options)),
        JsonTokenType.String when reader.ValueTextEquals(MoneyLimit.UnlimitedWord) => MoneyLimit.Unlimited,
        _ => throw new JsonException("must be a number of dollars such as 24.5, the word \"unlimited\", or null for the tier's default"),
    };

    /// <inheritdoc />
    public override void Write(Utf8JsonWriter writer, MoneyLimit value, JsonSerializerOptions options)
    {
        if (value.Amount is { } amount)
        {
            Amounts.Write(writer, amount, options);
            return;
        }
        writer.WriteStringValue(MoneyLimit.UnlimitedWord);
    }
}

/// <summary>Reads a whole number or <c>"unlimited"</c>.</summary>
public sealed class CountLimitConverter : JsonConverter<CountLimit>
{
    /// <inheritdoc />
    public override CountLimit Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.TokenType switch
    {
        JsonTokenType.Number when reader.TryGetInt32(out var count) => new CountLimit(count),
        JsonTokenType.String when reader.ValueTextEquals(MoneyLimit.UnlimitedWord) => CountLimit.Unlimited,
        _ => throw new JsonException("must be a whole number, the word \"unlimited\", or null for the default"),
    };

    /// <inheritdoc />
    public override void Write(Utf8JsonWriter writer, CountLimit value, JsonSerializerOptions options)
    {
        if (value.Count is { } count)
        {
            writer.WriteNumberValue(count);
            return;
        }
        writer.WriteStringValue(MoneyLimit.UnlimitedWord);
    }
}
