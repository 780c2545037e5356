using System.Runtime.InteropServices;
using System.Text.Json;

namespace CurateMe.Gateway.Simulator;

/// <summary>Reads optional members of a request, of whatever kind they turn out to be.</summary>
internal static class JsonRead
{
    public static JsonElement Get(this JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var value) ? value : default;

    public static bool Has(this JsonElement json, string name) => json.Get(name).ValueKind is not (JsonValueKind.Undefined or JsonValueKind.Null);

    public static string? Text(this JsonElement json, string name) =>
        json.Get(name) is { ValueKind: JsonValueKind.String } value ? value.GetString() : null;

    public static bool Is(this JsonElement json, string name, ReadOnlySpan<byte> text) =>
        json.Get(name) is { ValueKind: JsonValueKind.String } value && value.ValueEquals(text);

    public static bool Flag(this JsonElement json, string name) => json.Get(name).ValueKind == JsonValueKind.True;

    /// <exception cref="ProviderError">400 when it is there and is no whole number of the given range.</exception>
    public static int? Number(this JsonElement json, string name, int min, int max = int.MaxValue)
    {
        var value = json.Get(name);
        if (value.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null)
            return null;
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetInt32(out var number))
            throw new ProviderError(400, $"Invalid type for '{name}': expected an integer.", name, "invalid_type");
        if (number < min)
            throw new ProviderError(400, $"Invalid '{name}': integer below minimum value. Expected a value >= {min}, but got {number} instead.", name, "integer_below_min_value");
        if (number > max)
            throw new ProviderError(400, $"Invalid '{name}': integer above maximum value. Expected a value <= {max}, but got {number} instead.", name, "integer_above_max_value");
        return number;
    }

    public static IEnumerable<JsonElement> Items(this JsonElement json, string name)
    {
        var value = json.Get(name);
        if (value.ValueKind != JsonValueKind.Array)
            yield break;
        foreach (var item in value.EnumerateArray())
            yield return item;
    }

    /// <summary>Tokens of a string's text, or of anything else as it is written.</summary>
    public static int TokenCount(this JsonElement json)
    {
        switch (json.ValueKind)
        {
            case JsonValueKind.Undefined or JsonValueKind.Null:
                return 0;
            case JsonValueKind.String:
                var quoted = JsonMarshal.GetRawUtf8Value(json);
                return quoted.IndexOf((byte)'\\') < 0 ? Tokens.Count(quoted[1..^1]) : Tokens.Count(json.GetString()!);
            default:
                return Tokens.Count(JsonMarshal.GetRawUtf8Value(json));
        }
    }
}
