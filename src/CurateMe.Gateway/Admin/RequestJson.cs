using System.Text.Json;
using System.Text.Json.Serialization;
using CurateMe.Client;

namespace CurateMe.Gateway.Admin;

/// <summary>How bodies are read: unknown and repeated fields are refused, because a mistyped limit that is ignored is a limit that does not hold.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false,
    MaxDepth = Depth,
    Converters = [typeof(Rfc3339Converter)])]
[JsonSerializable(typeof(PolicyDocument))]
[JsonSerializable(typeof(OrgCreate))]
[JsonSerializable(typeof(OrgPatch))]
[JsonSerializable(typeof(TeamCreate))]
[JsonSerializable(typeof(TeamPatch))]
[JsonSerializable(typeof(KeyCreate))]
[JsonSerializable(typeof(KeyPatch))]
[JsonSerializable(typeof(KeyRotate))]
[JsonSerializable(typeof(ResetDaily))]
[JsonSerializable(typeof(NodeLimits))]
[JsonSerializable(typeof(AdminTokenCreate))]
[JsonSerializable(typeof(ReconcileRequest))]
[JsonSerializable(typeof(RunnerCreate))]
[JsonSerializable(typeof(RunnerConfig))]
[JsonSerializable(typeof(ApprovalReject))]
[JsonSerializable(typeof(SessionCreate))]
[JsonSerializable(typeof(WebhookCreate))]
[JsonSerializable(typeof(WebhookPatch))]
[JsonSerializable(typeof(WebhookRotate))]
[JsonSerializable(typeof(ProviderKeyCreate))]
[JsonSerializable(typeof(ProviderKeyPatch))]
sealed partial class RequestJson : JsonSerializerContext
{
    /// <summary>Deepest nesting of a body.</summary>
    public const int Depth = 16;
}
