using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace CurateMe.Client;

/// <summary>What operators are told of.</summary>
[JsonConverter(typeof(ChoiceConverter<AlertType>))]
public enum AlertType : byte
{
    /// <summary>A node's spend reached 50, 75 or 90 percent of its limit, or a webhook's own threshold; once per node, period, limit and threshold.</summary>
    BudgetWarning,

    /// <summary>A request was denied because a node's budget is used up; once per node, period and limit.</summary>
    BudgetExceeded,

    /// <summary>A team, key or session reached 50, 75 or 90 percent, with the figures of every node above it.</summary>
    BudgetHierarchyAlert,

    /// <summary>A request waits for a person.</summary>
    ApprovalRequested,

    /// <summary>Counters and ledger of an org differ by more than 5 percent for more than 10 minutes.</summary>
    CostDrift,

    /// <summary>More than 50 records were set aside because the ledger refused them.</summary>
    DlqBacklog,

    /// <summary>Runaway agent, retry storm, hourly spike, or a new expensive model.</summary>
    CostAnomaly,

    /// <summary>A key was disabled, by a person or by policy.</summary>
    KeyDisabled,

    /// <summary>A key came from an address where it never was, or that its list does not allow; or many unknown keys came.</summary>
    AccessAnomaly,
}

/// <summary>Refused authentications of one source with keys that begin alike, at one gateway since its start.</summary>
/// <param name="Address">Where they came from.</param>
/// <param name="KeyPrefix">The key's kind and four characters; <c>none</c> without a key, <c>other</c> for what is no key of this gateway.</param>
/// <param name="Code">As in the answer, e.g. <c>invalid_api_key</c>.</param>
/// <param name="OrgId">Whose key it was; null when it is nobody's.</param>
public sealed record RefusedSource(string Address, string KeyPrefix, string Code, string? OrgId, string? KeyId, long Count, DateTimeOffset FirstAt, DateTimeOffset LastAt);

/// <summary>An event.</summary>
public sealed record Alert
{
    public required string EventId { get; init; }
    public required AlertType Type { get; init; }

    /// <summary>Null when it concerns no single org.</summary>
    public string? OrgId { get; init; }

    /// <summary>What it is about, e.g. <c>team:team_a</c>.</summary>
    public required string Subject { get; init; }
    public required DateTimeOffset At { get; init; }

    /// <summary>The figures; see the reference of events.</summary>
    public required JsonNode Data { get; init; }
}

/// <summary>How a webhook's messages look.</summary>
[JsonConverter(typeof(ChoiceConverter<WebhookFormat>))]
public enum WebhookFormat : byte
{
    /// <summary>CloudEvents 1.0 as JSON.</summary>
    Cloudevents,

    /// <summary>What Slack's incoming webhooks take.</summary>
    Slack,
}

/// <summary>An address that is told of events.</summary>
public sealed record Webhook
{
    public required string WebhookId { get; init; }

    /// <summary>Null: a platform webhook, told of every org's events and of those that concern no single org.</summary>
    public string? OrgId { get; init; }
    public required string Url { get; init; }
    public required IReadOnlyList<AlertType> Events { get; init; }

    /// <summary>A further part of a limit at which <c>budget_warning</c> is sent to this webhook.</summary>
    public decimal? BudgetWarningThreshold { get; init; }
    public required WebhookFormat Format { get; init; }
    public required bool Enabled { get; init; }

    /// <summary>Why the gateway disabled it; null when it did not.</summary>
    public string? DisabledReason { get; init; }

    /// <summary>Until when messages also carry a signature by the secret before this one.</summary>
    public DateTimeOffset? GraceUntil { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>Signs the messages (Standard Webhooks); only in the answer that made it.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Secret { get; init; }
}

/// <summary>Makes a webhook.</summary>
public sealed record WebhookCreate
{
    /// <summary>The org, unless <c>X-Org-ID</c> says it. A platform admin who names none makes a platform webhook.</summary>
    public string? OrgId { get; init; }

    /// <summary>https, at most 2,000 characters; addresses of private networks are refused unless configuration allows them.</summary>
    public string? Url { get; init; }

    /// <summary>At least one.</summary>
    public IReadOnlyList<AlertType>? Events { get; init; }

    /// <summary>Above 0, at most 1, with at most four decimals.</summary>
    public decimal? BudgetWarningThreshold { get; init; }

    /// <summary>Default: cloudevents.</summary>
    public WebhookFormat? Format { get; init; }
}

/// <summary>Changes a webhook (RFC 7396). What was not delivered while it was disabled can be replayed.</summary>
public sealed record WebhookPatch
{
    public string? Url { get; init; }
    public IReadOnlyList<AlertType>? Events { get; init; }
    public decimal? BudgetWarningThreshold { get; init; }
    public WebhookFormat? Format { get; init; }
    public bool? Enabled { get; init; }
}

/// <summary>Replaces a webhook's secret.</summary>
public sealed record WebhookRotate
{
    /// <summary>Seconds that messages carry signatures by both secrets, 0 to 2,592,000 (30 days). Default: 86,400.</summary>
    public int? GraceSeconds { get; init; }
}

/// <summary>A webhook that is no more.</summary>
public sealed record WebhookRemoved(string WebhookId, bool Removed);

/// <summary>One attempt to deliver.</summary>
/// <param name="Status">HTTP status; null when there was no answer.</param>
/// <param name="Error">Null when the message was taken.</param>
public sealed record WebhookAttempt(DateTimeOffset At, int? Status, string? Error, int LatencyMs);

/// <summary>A message to a webhook.</summary>
public sealed record WebhookDelivery
{
    public required string DeliveryId { get; init; }
    public required string WebhookId { get; init; }

    /// <summary>Sent as <c>webhook-id</c>: the same for every attempt and replay.</summary>
    public required string EventId { get; init; }

    /// <summary>A kind of event, or <c>webhook_test</c>.</summary>
    public required string EventType { get; init; }

    /// <summary><c>pending</c>, <c>delivered</c> or <c>failed</c>.</summary>
    public required string State { get; init; }
    public required IReadOnlyList<WebhookAttempt> Attempts { get; init; }
    public DateTimeOffset? NextAttemptAt { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>The delivery that this one repeats.</summary>
    public string? ReplayOf { get; init; }

    /// <summary>The message's body; null where it holds links by which the caller could decide what its role may not.</summary>
    public JsonNode? Body { get; init; }
}
