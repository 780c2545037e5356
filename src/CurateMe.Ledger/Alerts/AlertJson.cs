using System.Text.Json;
using System.Text.Json.Serialization;

namespace CurateMe.Ledger.Alerts;

/// <summary>How deliveries are stored, and lists of webhooks handed to SQLite.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(AlertDelivery))]
[JsonSerializable(typeof(IReadOnlyCollection<string>))]
sealed partial class AlertJson : JsonSerializerContext
{
    public static string Text(AlertDelivery delivery) => JsonSerializer.Serialize(delivery, Default.AlertDelivery);

    public static AlertDelivery Read(string json) =>
        JsonSerializer.Deserialize(json, Default.AlertDelivery) ?? throw new InvalidDataException("A stored delivery is null.");
}
