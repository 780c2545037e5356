using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace CurateMe.Ledger.Money;

/// <summary>
/// Dollars in JSON: a number with at most nine decimals that reads back to the same integer of nano-dollars. The digits are taken from the raw token.
/// Negative numbers are read; where they make no sense, the owner of the field refuses them.
/// </summary>
public sealed class NanoUsdJsonConverter : JsonConverter<NanoUsd>
{
    public override NanoUsd Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType == JsonTokenType.String)
            throw new JsonException("The amount is a string; write dollars as a number without quotes, such as 24.5.");
        if (reader.TokenType != JsonTokenType.Number)
            throw new JsonException("The amount is not a number; write dollars such as 24.5.");
        var token = reader.HasValueSequence ? reader.ValueSequence.ToArray() : reader.ValueSpan;
        if (NanoUsd.TryParse(token, out var amount, out var error)) return amount;
        throw new JsonException($"The amount {error.Message()}.");
    }

    public override void Write(Utf8JsonWriter writer, NanoUsd value, JsonSerializerOptions options)
    {
        Span<byte> text = stackalloc byte[NanoUsd.MaxTextLength];
        value.TryFormat(text, out var length);
        writer.WriteRawValue(text[..length], skipInputValidation: true);
    }
}
