using System.Text.Json.Serialization;

namespace CurateMe.Client;

/// <summary>How every refusal is answered.</summary>
public sealed record ErrorAnswer(ErrorBody Error);

/// <summary>What was wrong, in OpenAI's shape with three fields more.</summary>
public sealed record ErrorBody
{
    public required string Message { get; init; }
    public required string Type { get; init; }

    /// <summary>The field, parameter or header that is to blame.</summary>
    public string? Param { get; init; }
    public required string Code { get; init; }
    public required string GatewayErrorCode { get; init; }

    /// <summary>What to do about it.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Remediation { get; init; }
}
