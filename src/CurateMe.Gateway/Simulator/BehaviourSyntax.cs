using System.Text;
using System.Text.Json;

namespace CurateMe.Gateway.Simulator;

/// <summary>Reads a <see cref="Behaviour"/> from <c>name=value; name=value</c> or from a JSON object with the same names.</summary>
internal static class BehaviourSyntax
{
    static readonly Dictionary<string, Func<Behaviour, string, Behaviour>> Keys = new(StringComparer.Ordinal)
    {
        ["latency_ms"] = (b, v) => b with { LatencyMs = Number(v, Behaviour.MaxDelayMs) },
        ["ttfb_ms"] = (b, v) => b with { TtfbMs = Number(v, Behaviour.MaxDelayMs) },
        ["chunk_delay_ms"] = (b, v) => b with { ChunkDelayMs = Number(v, Behaviour.MaxDelayMs) },
        ["output_tokens"] = (b, v) => b with { OutputTokens = Number(v, Behaviour.MaxTokens) },
        ["reasoning_tokens"] = (b, v) => b with { ReasoningTokens = Number(v, Behaviour.MaxTokens) },
        ["cached_tokens"] = (b, v) => b with { CachedTokens = Number(v, Behaviour.MaxTokens) },
        ["cache_write_5m"] = (b, v) => b with { CacheWrite5m = Number(v, Behaviour.MaxTokens) },
        ["cache_write_1h"] = (b, v) => b with { CacheWrite1h = Number(v, Behaviour.MaxTokens) },
        ["web_searches"] = (b, v) => b with { WebSearches = Number(v, 1000) },
        ["status"] = (b, v) => b with { Status = Number(v, 599) },
        ["retry_after"] = (b, v) => b with { RetryAfter = Number(v, 86_400) },
        ["fail"] = Fail,
        ["cut_after_bytes"] = (b, v) => b with { Fail = Fault.CutAfterBytes, CutAfterBytes = Number(v, int.MaxValue) },
        ["usage"] = (b, v) => b with { Usage = Name<UsageForm>(v) },
        ["bill"] = (b, v) => b with { Bill = Name<Billing>(v) },
        ["ignore_cap"] = (b, v) => b with { IgnoreCap = Flag(v) },
        ["split"] = (b, v) => b with { Split = Flag(v) },
        ["crlf"] = (b, v) => b with { Crlf = Flag(v) },
        ["keepalive"] = (b, v) => b with { Keepalive = Flag(v) },
        ["seed"] = (b, v) => b with { Seed = Number(v, int.MaxValue) },
        ["only"] = (b, v) => b with { Only = v },
        ["attempts"] = (b, v) => b with { Attempts = Number(v, int.MaxValue) },
        ["percent"] = (b, v) => b with { Percent = Number(v, 100) },
    };

    /// <summary>Names that can be set.</summary>
    public static IEnumerable<string> Names => Keys.Keys;

    /// <exception cref="FormatException">An unknown name, or a value out of its range; the message says which and what is allowed.</exception>
    public static Behaviour Apply(this Behaviour behaviour, string text)
    {
        foreach (var pair in text.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var equals = pair.IndexOf('=', StringComparison.Ordinal);
            behaviour = behaviour.Set(equals < 0 ? pair : pair[..equals].TrimEnd(), equals < 0 ? "1" : pair[(equals + 1)..].TrimStart());
        }
        return behaviour;
    }

    /// <inheritdoc cref="Apply(Behaviour, string)"/>
    public static Behaviour Apply(this Behaviour behaviour, JsonElement json)
    {
        if (json.ValueKind != JsonValueKind.Object)
            throw new FormatException("a behaviour is a JSON object of name and value");
        foreach (var property in json.EnumerateObject())
        {
            if (property.NameEquals("next"))
                continue;
            behaviour = behaviour.Set(property.Name, property.Value.ValueKind == JsonValueKind.String ? property.Value.GetString()! : property.Value.GetRawText());
        }
        return behaviour;
    }

    public static Behaviour Set(this Behaviour behaviour, string name, string value)
    {
        if (!Keys.TryGetValue(name, out var set))
            throw new FormatException($"unknown behaviour '{name}'; known: {string.Join(", ", Keys.Keys)}");
        try
        {
            return set(behaviour, value);
        }
        catch (FormatException e)
        {
            throw new FormatException($"behaviour '{name}': {e.Message}", e);
        }
    }

    static Behaviour Fail(Behaviour behaviour, string value)
    {
        var colon = value.IndexOf(':', StringComparison.Ordinal);
        return colon < 0
            ? behaviour with { Fail = Name<Fault>(value) }
            : behaviour with { Fail = Name<Fault>(value[..colon]), CutAfterBytes = Number(value[(colon + 1)..], int.MaxValue) };
    }

    static int Number(string value, int max) =>
        int.TryParse(value, out var number) && number >= 0 && number <= max ? number : throw new FormatException($"'{value}' is not a whole number from 0 to {max}");

    static bool Flag(string value) => value switch
    {
        "1" or "true" => true,
        "0" or "false" => false,
        _ => throw new FormatException($"'{value}' is neither 1 nor 0"),
    };

    static T Name<T>(string value) where T : struct, Enum
    {
        var known = Enum.GetValues<T>();
        foreach (var candidate in known)
        {
            if (Snake(candidate.ToString()) == value)
                return candidate;
        }
        throw new FormatException($"'{value}' is none of {string.Join(", ", known.Select(candidate => Snake(candidate.ToString())))}");
    }

    static string Snake(string name)
    {
        var snake = new StringBuilder(name.Length + 4);
        foreach (var letter in name)
        {
            if (char.IsUpper(letter) && snake.Length > 0)
                snake.Append('_');
            snake.Append(char.ToLowerInvariant(letter));
        }
        return snake.ToString();
    }
}
