using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using CurateMe.Gateway.Proxy;
using CurateMe.Ledger.Records;

namespace CurateMe.Gateway.Providers;

/// <summary>The fields of one object that decide what a request costs, or what an answer did. At most 64.</summary>
sealed class FieldNames
{
    readonly byte[][] utf8;

    // Few names have the same length, so a property is compared with one or two.
    readonly int[][] ofLength;

    public FieldNames(params string[] names)
    {
        utf8 = [.. names.Select(Encoding.UTF8.GetBytes)];
        ofLength = [.. Enumerable.Range(0, utf8.Max(static n => n.Length) + 1).Select(length => Enumerable.Range(0, utf8.Length).Where(i => utf8[i].Length == length).ToArray())];
    }

    /// <summary>The object that they stand in, as refusals name it; null for the body itself.</summary>
    public string? Within { get; init; }

    /// <summary>The number of the property that the reader stands at, or -1 when it is none of these.</summary>
    public int Find(ref Utf8JsonReader json)
    {
        if (json.ValueIsEscaped)
        {
            for (var i = 0; i < utf8.Length; i++)
            {
                if (json.ValueTextEquals(utf8[i]))
                {
                    return i;
                }
            }
            return -1;
        }
        var name = json.ValueSpan;
        foreach (var i in name.Length < ofLength.Length ? ofLength[name.Length] : [])
        {
            if (name.SequenceEqual(utf8[i]))
            {
                return i;
            }
        }
        return -1;
    }
}

/// <summary>
/// One pass over a JSON body, the same strictness for every dialect: valid UTF-8, one object, nothing after it, no governed field twice.
/// Every method throws <see cref="RefusedException"/> with the field's name, or <see cref="JsonException"/>, which <see cref="Broken"/> words.
/// </summary>
ref struct RequestJson
{
    /// <summary>Deepest nesting that is read.</summary>
    public const int MaxDepth = 64;

    /// <summary>Largest count that is believed of a cap; no model comes near it.</summary>
    public const long MaxCap = 10_000_000;

    public Utf8JsonReader Reader;

    /// <summary>Opens the body and stands at the start of its object.</summary>
    public RequestJson(ReadOnlySpan<byte> body, string example)
    {
        if (body.IsEmpty)
        {
            throw new RefusedException(ErrorCode.InvalidJson, "The request has no body.", $"Send a JSON object with {example}.");
        }
        if (!Utf8.IsValid(body))
        {
            throw new RefusedException(ErrorCode.InvalidJson, "The body is not valid UTF-8.", "Encode the JSON as UTF-8.");
        }
        if (JsonText.HasLoneSurrogate(body))
        {
            throw new RefusedException(ErrorCode.InvalidJson, "The body has a \\u escape of half a character.", "Send surrogates in pairs, or the character itself as UTF-8.");
        }
        Reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = MaxDepth });
        try
        {
            Reader.Read();
        }
        catch (JsonException e)
        {
            throw Broken(e);
        }
        if (Reader.TokenType != JsonTokenType.StartObject)
        {
            throw new RefusedException(ErrorCode.InvalidJson, "The body is not a JSON object.", $"Send a JSON object with {example}.");
        }
    }

    public readonly JsonTokenType Type => Reader.TokenType;
    public readonly bool IsNull => Reader.TokenType == JsonTokenType.Null;

    /// <summary>The value that the reader stands at, in bytes of the body.</summary>
    public readonly ByteSpan Token => new((int)Reader.TokenStartIndex, (int)(Reader.BytesConsumed - Reader.TokenStartIndex));

    /// <summary>Goes to the value of the object's next property, or to the object's end.</summary>
    /// <param name="seen">The fields met so far in this object.</param>
    /// <param name="field">The field's number, or -1 for one that does not matter; its value must be read or skipped all the same.</param>
    public bool Next(FieldNames names, ref ulong seen, out int field)
    {
        field = -1;
        if (!Reader.Read() || Reader.TokenType != JsonTokenType.PropertyName)
        {
            return false;
        }
        field = names.Find(ref Reader);
        if (field >= 0)
        {
            // A provider may believe the first or the last of two; a bound needs one.
            if ((seen >> field & 1) != 0)
            {
                var name = names.Within is null ? Reader.GetString() : $"{names.Within}.{Reader.GetString()}";
                throw new RefusedException(ErrorCode.InvalidField, $"The field \"{name}\" is there twice.", "Send it once.", name);
            }
            seen |= 1UL << field;
        }
        Reader.Read();
        return true;
    }

    /// <summary>Reads on to the end of the body, so that anything after the object is refused too.</summary>
    public void Close()
    {
        while (Reader.Read())
        {
        }
    }

    public void Skip() => Reader.Skip();

    public readonly bool Is(ReadOnlySpan<byte> text) => Reader.TokenType == JsonTokenType.String && Reader.ValueTextEquals(text);

    /// <summary>A name of a model.</summary>
    public readonly string Model(string field = "model")
    {
        Expect(JsonTokenType.String, field, "a string");
        return Checked(Reader.GetString()!, field);
    }

    /// <summary>The name, when it is one that can be looked up and recorded.</summary>
    public static string Checked(string model, string field = "model") =>
        model.Length != 0 && Encoding.UTF8.GetByteCount(model) <= UsageRecord.MaxIdBytes && !model.Any(char.IsControl)
            ? model
            : throw new RefusedException(
                ErrorCode.InvalidField, $"The field \"{field}\" must be 1 to {UsageRecord.MaxIdBytes} bytes of plain text.", "Name a model of GET /v1/models.", field);

    public readonly bool Bool(string field) => Reader.TokenType switch
    {
        JsonTokenType.True => true,
        JsonTokenType.False or JsonTokenType.Null => false,
        _ => throw new RefusedException(ErrorCode.InvalidField, $"The field \"{field}\" must be true or false.", "Send a JSON boolean.", field),
    };

    public readonly long? Integer(string field, long least, long most)
    {
        if (IsNull)
        {
            return null;
        }
        if (Reader.TokenType != JsonTokenType.Number || !Reader.TryGetInt64(out var value) || value < least || value > most)
        {
            throw new RefusedException(
                ErrorCode.InvalidField, $"The field \"{field}\" must be a whole number from {least} to {most}.", "Send a number in that range, or leave the field out.", field);
        }
        return value;
    }

    public readonly void Expect(JsonTokenType type, string field, string wanted)
    {
        if (Reader.TokenType != type)
        {
            throw new RefusedException(ErrorCode.InvalidField, $"The field \"{field}\" must be {wanted}.", $"Send {wanted}.", field);
        }
    }

    public static RefusedException Missing(string field, string remedy) => new(ErrorCode.MissingField, $"The field \"{field}\" is missing.", remedy, field);

    public static RefusedException Broken(JsonException e) => new(
        ErrorCode.InvalidJson,
        $"The body is not valid JSON, or nested deeper than {MaxDepth} levels (line {e.LineNumber + 1}, byte {e.BytePositionInLine}).",
        "Send one JSON object.");
}
