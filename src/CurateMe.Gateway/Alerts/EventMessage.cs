using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using CurateMe.Client;
using CurateMe.Ledger.Alerts;

namespace CurateMe.Gateway.Alerts;

/// <summary>An event as the message that a webhook gets.</summary>
static class EventMessage
{
    /// <summary>Where events come from, in CloudEvents' sense.</summary>
    public const string Source = "urn:curateme:gateway";

    /// <summary>The kind of event whose messages hold signed links.</summary>
    public const string ApprovalRequested = "approval_requested";

    /// <summary>The kind of event that a test sends.</summary>
    public const string TestType = "webhook_test";

    static readonly JsonSerializerOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static AlertDelivery Delivery(string id, WebhookDocument webhook, AlertEvent raised, DateTimeOffset now) => new()
    {
        Id = id,
        WebhookId = webhook.WebhookId,
        EventId = raised.Id,
        EventType = raised.Type,
        Body = webhook.Format == WebhookFormat.Slack ? Slack(raised) : CloudEvent(raised),
        ContentType = webhook.Format == WebhookFormat.Slack ? "application/json" : "application/cloudevents+json",
        CreatedAt = now,
        NextAt = now,
    };

    /// <summary>CloudEvents 1.0, structured JSON; the org is the extension <c>orgid</c>.</summary>
    public static string CloudEvent(AlertEvent raised)
    {
        var message = new JsonObject
        {
            ["specversion"] = "1.0",
            ["id"] = raised.Id,
            ["source"] = Source,
            ["type"] = raised.Type,
            ["subject"] = raised.Subject,
            ["time"] = Rfc3339Converter.Format(raised.At),
            ["datacontenttype"] = "application/json",
        };
        if (raised.OrgId is { } org)
        {
            message["orgid"] = org;
        }
        message["data"] = JsonNode.Parse(raised.DataJson);
        return message.ToJsonString(Relaxed);
    }

    /// <summary>A line for people and the figures below it.</summary>
    public static string Slack(AlertEvent raised)
    {
        var data = JsonNode.Parse(raised.DataJson) as JsonObject ?? [];
        var title = Title(raised, data);
        var fields = new JsonArray();
        foreach (var (name, value) in data.Where(static f => f.Value is JsonValue && !f.Key.EndsWith("_nano_usd", StringComparison.Ordinal) && !f.Key.EndsWith("_url", StringComparison.Ordinal)).Take(10))
        {
            fields.Add((JsonNode)new JsonObject { ["type"] = "mrkdwn", ["text"] = $"*{name}*\n{Plain(value!.ToString())}" });
        }
        var blocks = new JsonArray { (JsonNode)new JsonObject { ["type"] = "section", ["text"] = new JsonObject { ["type"] = "mrkdwn", ["text"] = $"*{Plain(title)}*" } } };
        if (fields.Count > 0)
        {
            blocks.Add((JsonNode)new JsonObject { ["type"] = "section", ["fields"] = fields });
        }
        if (data["approve_url"] is { } approve && data["reject_url"] is { } reject)
        {
            blocks.Add((JsonNode)new JsonObject { ["type"] = "section", ["text"] = new JsonObject { ["type"] = "mrkdwn", ["text"] = $"<{approve}|Approve> or <{reject}|reject>" } });
        }
        return new JsonObject { ["text"] = title, ["blocks"] = blocks }.ToJsonString(Relaxed);
    }

    static string Title(AlertEvent raised, JsonObject data)
    {
        string Of(string field) => data[field]?.ToString() ?? "?";
        var org = raised.OrgId is null ? "" : $" of {raised.OrgId}";
        return raised.Type switch
        {
            "budget_warning" or "budget_hierarchy_alert" => string.Create(CultureInfo.InvariantCulture, $"{raised.Subject}{org} has spent {Of("pct")} % of its {Of("period")} budget (${Of("spent")} of ${Of("limit")})"),
            "budget_exceeded" => $"The {Of("period")} budget of {raised.Subject}{org} is used up (${Of("spent")} of ${Of("limit")}); requests are denied",
            "approval_requested" => $"A request{org} that may cost ${Of("estimated_cost")} waits for approval",
            "cost_drift" => $"Counters and ledger{org} differ by {Of("drift_pct")} %",
            "dlq_backlog" => $"{Of("depth")} usage records wait in the dead-letter queue",
            "cost_anomaly" => $"{Of("kind")} at {raised.Subject}{org}: {Of("action")}",
            "key_disabled" => $"{raised.Subject}{org} was disabled",
            "access_anomaly" => $"{Of("kind")} at {raised.Subject}{org}",
            TestType => "A test of this webhook",
            _ => $"{raised.Type}: {raised.Subject}{org}",
        };
    }

    // What means something in Slack's text.
    static string Plain(string text) => text.Replace("&", "&amp;", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal).Replace(">", "&gt;", StringComparison.Ordinal);
}
