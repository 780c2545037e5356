using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace CurateMe.Gateway.Simulator;

/// <summary>Makes a JSON value that fits a JSON Schema, the same for the same seed.</summary>
internal ref struct SchemaSample
{
    /// <summary>Levels followed into a schema, references included; deeper values are null.</summary>
    const int MaxDepth = 16;

    readonly JsonElement _root;
    readonly uint _seed;
    int _made;

    SchemaSample(JsonElement root, uint seed) => (_root, _seed) = (root, seed);

    public static string Write(JsonElement schema, uint seed)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
            new SchemaSample(schema, seed).Value(writer, schema, 0);
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    void Value(Utf8JsonWriter writer, JsonElement schema, int depth)
    {
        if (depth > MaxDepth)
        {
            writer.WriteNullValue();
            return;
        }
        if (schema.Text("$ref") is { } reference)
        {
            Value(writer, Resolve(reference), depth + 1);
            return;
        }
        if (schema.Get("const") is { ValueKind: not JsonValueKind.Undefined } constant)
        {
            constant.WriteTo(writer);
            return;
        }
        foreach (var choice in schema.Items("enum"))
        {
            choice.WriteTo(writer);
            return;
        }
        foreach (var name in (ReadOnlySpan<string>)["anyOf", "oneOf", "allOf"])
        {
            foreach (var choice in schema.Items(name))
            {
                Value(writer, choice, depth + 1);
                return;
            }
        }
        OfType(writer, schema, depth);
    }

    void OfType(Utf8JsonWriter writer, JsonElement schema, int depth)
    {
        var type = schema.Text("type");
        foreach (var first in schema.Items("type"))
            type ??= first.GetString();
        // Gemini writes its types in capitals
        switch (type?.ToLowerInvariant() ?? (schema.Has("properties") ? "object" : "string"))
        {
            case "object":
                writer.WriteStartObject();
                if (schema.Get("properties") is { ValueKind: JsonValueKind.Object } properties)
                {
                    foreach (var property in properties.EnumerateObject())
                    {
                        writer.WritePropertyName(property.Name);
                        Value(writer, property.Value, depth + 1);
                    }
                }
                writer.WriteEndObject();
                break;
            case "array":
                writer.WriteStartArray();
                for (var i = 0; i < Math.Clamp(schema.Number("minItems", 0) ?? 1, 1, 100); i++)
                    Value(writer, schema.Get("items"), depth + 1);
                writer.WriteEndArray();
                break;
            case "integer" or "number":
                writer.WriteNumberValue(schema.Get("minimum").ValueKind == JsonValueKind.Number ? schema.Get("minimum").GetDecimal() : _seed % 100);
                break;
            case "boolean":
                writer.WriteBooleanValue(_seed % 2 == 0);
                break;
            case "null":
                writer.WriteNullValue();
                break;
            default:
                writer.WriteStringValue(schema.Text("format") switch
                {
                    "date" => "2026-01-31",
                    "date-time" => "2026-01-31T12:00:00Z",
                    "email" => "team@example.com",
                    "uuid" => "3f2b8c1e-5a4d-4e6f-9b7a-0c1d2e3f4a5b",
                    _ => Prose.Word(_seed + (uint)_made++, 0),
                });
                break;
        }
    }

    readonly JsonElement Resolve(string reference)
    {
        var found = _root;
        foreach (var step in reference.TrimStart('#').Split('/', StringSplitOptions.RemoveEmptyEntries))
            found = found.Get(step);
        return found;
    }
}
