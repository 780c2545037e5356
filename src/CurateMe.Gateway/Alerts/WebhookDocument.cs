using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Serialization;
using CurateMe.Client;

namespace CurateMe.Gateway.Alerts;

/// <summary>
/// A webhook as stored. Its secrets stand in it as <see cref="SealedSecrets"/> closes them, because the process signs with them; they are left out of the audit
/// trail and of every answer but the one that made them. So is the path of its address, which is a secret with many receivers. The document of a platform webhook belongs to <see cref="Platform"/>.
/// </summary>
sealed record WebhookDocument
{
    /// <summary>No org can have this name.</summary>
    public const string Platform = "*";

    /// <summary>Most webhooks of one org, and of the platform.</summary>
    public const int MaxPerOrg = 50;

    public required string WebhookId { get; init; }
    public string? OrgId { get; init; }
    public required string Url { get; init; }
    public required IReadOnlyList<AlertType> Events { get; init; }
    public decimal? BudgetWarningThreshold { get; init; }
    public WebhookFormat Format { get; init; }
    public bool Enabled { get; init; } = true;
    public string? DisabledReason { get; init; }
    public string? Secret { get; init; }
    public string? FormerSecret { get; init; }
    public DateTimeOffset? GraceUntil { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>The own threshold in hundredths of a percent; null when there is none.</summary>
    [JsonIgnore]
    public int? ThresholdBasisPoints => BudgetWarningThreshold is { } part ? (int)(part * 10_000) : null;

    /// <summary>What the secrets are closed for.</summary>
    public static string SealOf(string webhookId) => $"webhook:{webhookId}";

    /// <summary>The address for those who may not change it: its host, and what tells one path from another.</summary>
    public static string Masked(string url)
    {
        var address = new Uri(url);
        return $"{address.GetLeftPart(UriPartial.Authority)}/…#{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(url)).AsSpan(0, 4))}";
    }

    /// <summary>Whether an event is for it.</summary>
    /// <param name="basisPoints">The threshold of a <c>budget_warning</c>.</param>
    public bool Wants(string type, int? basisPoints) =>
        Enabled && Events.Any(e => Choice.Word(e) == type) && (basisPoints is not { } threshold || BudgetThresholds.Standard.Contains(threshold) || threshold == ThresholdBasisPoints);
}
