using System.Text.Json;
using System.Text.Json.Serialization;

namespace CurateMe.Client;

/// <summary>An org's plan; it says which limits hold where the policy is silent.</summary>
[JsonConverter(typeof(ChoiceConverter<Tier>))]
public enum Tier : byte
{
    Free = 0,
    Starter = 1,
    Growth = 2,
    Enterprise = 3,
}

/// <summary>What happens to requests while the counter store is away.</summary>
[JsonConverter(typeof(ChoiceConverter<OnBudgetStoreLoss>))]
public enum OnBudgetStoreLoss : byte
{
    /// <summary>This replica admits from the part of the budget that it may spend alone.</summary>
    Bounded = 0,

    /// <summary>503 until the store is back.</summary>
    Deny = 1,

    /// <summary>Everything is admitted and recorded; no budget holds until the store is back.</summary>
    Allow = 2,
}

/// <summary>What is charged when the provider answered but said nothing usable about usage.</summary>
[JsonConverter(typeof(ChoiceConverter<OnMissingUsage>))]
public enum OnMissingUsage : byte
{
    /// <summary>Counted from what passed through the gateway.</summary>
    Estimate = 0,

    /// <summary>The whole hold.</summary>
    Hold = 1,
}

/// <summary>What happens to a model that the price list does not know.</summary>
[JsonConverter(typeof(ChoiceConverter<OnUnpricedModel>))]
public enum OnUnpricedModel : byte
{
    Deny = 0,

    /// <summary>Forwarded and recorded at zero dollars: no budget can hold it.</summary>
    Allow = 1,
}

/// <summary>What an admin token may do.</summary>
[JsonConverter(typeof(ChoiceConverter<AdminRole>))]
public enum AdminRole : byte
{
    /// <summary>Reads one org.</summary>
    Viewer = 0,

    /// <summary>Reads one org and decides its approvals.</summary>
    Approver = 1,

    /// <summary>Reads and changes everything of one org but its plan.</summary>
    OrgAdmin = 2,

    /// <summary>Everything, in every org.</summary>
    PlatformAdmin = 3,
}

/// <summary>An enum as a lower-case word with underscores; integers and unknown words are refused with the list of words.</summary>
public sealed class ChoiceConverter<T> : JsonConverter<T> where T : struct, Enum
{
    static readonly Dictionary<string, T> Values = Enum.GetValues<T>().ToDictionary(Word, StringComparer.OrdinalIgnoreCase);
    static readonly string[] Words = [.. Values.Keys];

    /// <summary>All words, in order of value.</summary>
    public static IReadOnlyList<string> All => Words;

    /// <summary>The word of a value.</summary>
    public static string Word(T value) => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());

    /// <summary>Reads a word, in any case.</summary>
    public static bool TryParse(string? word, out T value)
    {
        value = default;
        return word is not null && Values.TryGetValue(word, out value);
    }

    /// <inheritdoc />
    public override T Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.String && TryParse(reader.GetString(), out var value)
            ? value
            : throw new JsonException($"must be one of {string.Join(", ", Words)}");

    /// <inheritdoc />
    public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options) => writer.WriteStringValue(Word(value));
}
