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

/// <summary>The words of an enum in JSON and in query strings: lower case, with underscores.</summary>
public static class Choice
{
    /// <summary>All words, in order of value.</summary>
    public static IReadOnlyList<string> All<T>() where T : struct, Enum => Table<T>.Words;

    public static string Word<T>(T value) where T : struct, Enum => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());

    /// <summary>Reads a word, in any case.</summary>
    public static bool TryParse<T>(string? word, out T value) where T : struct, Enum
    {
        value = default;
        return word is not null && Table<T>.Values.TryGetValue(word, out value);
    }

    static class Table<T> where T : struct, Enum
    {
        public static readonly Dictionary<string, T> Values = Enum.GetValues<T>().ToDictionary(Word, StringComparer.OrdinalIgnoreCase);
        public static readonly string[] Words = [.. Values.Keys];
    }
}

/// <summary>An enum as its <see cref="Choice.Word"/>; integers and unknown words are refused with the list of words.</summary>
public sealed class ChoiceConverter<T> : JsonConverter<T> where T : struct, Enum
{
    /// <inheritdoc />
    public override T Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.String && Choice.TryParse<T>(reader.GetString(), out var value)
            ? value
            : throw new JsonException($"must be one of {string.Join(", ", Choice.All<T>())}");

    /// <inheritdoc />
    public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options) => writer.WriteStringValue(Choice.Word(value));
}
