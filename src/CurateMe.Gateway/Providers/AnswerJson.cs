using System.Text.Json;

namespace CurateMe.Gateway.Providers;

/// <summary>What all meters share in reading the JSON of an answer.</summary>
static class AnswerJson
{
    /// <summary>Deepest nesting that is read: arguments of calls go as deep as the caller's schema, and usage may stand behind them.</summary>
    public const int MaxDepth = 1_024;

    static ReadOnlySpan<byte> TypeFirst => "{\"type\":\""u8;

    public static Utf8JsonReader Open(ReadOnlySpan<byte> text) => new(text, new JsonReaderOptions { MaxDepth = MaxDepth });

    /// <summary>
    /// The <c>type</c> of a stream's event, as it is written; empty when it has none. Only the event's own property counts: further down, events carry
    /// what the caller and the model wrote. It is nearly always the first property and plainly written, so a delta is not parsed.
    /// </summary>
    public static ReadOnlySpan<byte> TypeOf(ReadOnlySpan<byte> data)
    {
        if (data.StartsWith(TypeFirst))
        {
            var rest = data[TypeFirst.Length..];
            var end = rest.IndexOfAny((byte)'"', (byte)'\\');
            if (end >= 0 && rest[end] == (byte)'"')
            {
                return rest[..end];
            }
        }
        return TypeAnywhere(data);
    }

    static ReadOnlySpan<byte> TypeAnywhere(ReadOnlySpan<byte> data)
    {
        var json = Open(data);
        try
        {
            if (!json.Read() || json.TokenType != JsonTokenType.StartObject)
            {
                return default;
            }
            while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
            {
                var isType = json.ValueTextEquals("type"u8);
                json.Read();
                if (isType)
                {
                    return json.TokenType == JsonTokenType.String ? json.ValueSpan : default;
                }
                json.Skip();
            }
        }
        catch (JsonException)
        {
            // Not JSON: of no type.
        }
        return default;
    }
}
