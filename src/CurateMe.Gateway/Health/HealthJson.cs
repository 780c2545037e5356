using System.Text.Json;
using System.Text.Json.Serialization;

namespace CurateMe.Gateway.Health;

[JsonSerializable(typeof(HealthReport))]
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
sealed partial class HealthJson : JsonSerializerContext;
