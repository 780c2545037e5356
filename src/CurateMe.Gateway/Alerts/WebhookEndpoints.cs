using System.Text.Json.Nodes;
using CurateMe.Client;
using CurateMe.Gateway.Admin;
using CurateMe.Gateway.Governance;
using CurateMe.Ledger.Alerts;
using Microsoft.AspNetCore.Http.HttpResults;

namespace CurateMe.Gateway.Alerts;

/// <summary>Webhooks and what was sent to them.</summary>
static class WebhookEndpoints
{
    const int MaxGraceSeconds = 30 * 24 * 3_600;
    const int StandardGraceSeconds = 24 * 3_600;

    /// <summary>Longest a test waits for its attempt beyond the attempt's own limit.</summary>
    static readonly TimeSpan TestPatience = TimeSpan.FromSeconds(5);

    public static RouteGroupBuilder MapWebhooks(this RouteGroupBuilder admin)
    {
        var webhooks = admin.MapGroup("/webhooks").WithTags("Webhooks");
        webhooks.MapPost("", CreateAsync).WithName("CreateWebhook").Requires(AdminRight.Change);
        webhooks.MapGet("", ListAsync).WithName("ListWebhooks").Requires(AdminRight.Read);
        webhooks.MapGet("/{webhook}", GetAsync).WithName("GetWebhook").Requires(AdminRight.Read);
        webhooks.MapPatch("/{webhook}", PatchAsync).WithName("UpdateWebhook").Requires(AdminRight.Change);
        webhooks.MapDelete("/{webhook}", DeleteAsync).WithName("DeleteWebhook").Requires(AdminRight.Change);
        webhooks.MapPost("/{webhook}/rotate", RotateAsync).WithName("RotateWebhook").Requires(AdminRight.Change);
        webhooks.MapPost("/{webhook}/test", TestAsync).WithName("TestWebhook").Requires(AdminRight.Change);
        webhooks.MapGet("/{webhook}/deliveries", DeliveriesAsync).WithName("ListDeliveries").Requires(AdminRight.Read);
        webhooks.MapPost("/{webhook}/deliveries/{delivery}/replay", ReplayAsync).WithName("ReplayDelivery").Requires(AdminRight.Change);
        return webhooks;
    }

    /// <summary>The document for the audit trail: without what is secret in it.</summary>
    public static string Text(WebhookDocument webhook, Catalogue catalogue) => catalogue.Webhooks.Text(webhook with { Url = WebhookDocument.Masked(webhook.Url), Secret = null, FormerSecret = null });

    static async Task<Created<Webhook>> CreateAsync(Body<WebhookCreate> body, AdminCall call, Catalogue catalogue, NetworkGuard guard, SealedSecrets seal, CancellationToken ct)
    {
        var (request, _) = body;
        var url = request.Url ?? throw Refusal.MissingField("url", "Send the address that is to be told.");
        var events = request.Events ?? throw Refusal.MissingField("events", $"Send some of {string.Join(", ", Choice.All<AlertType>())}.");
        var org = request.OrgId is null && call.NamedOrg is null ? null : (await call.OrgAsync(request.OrgId, "org_id", ct)).Id;
        var (id, secret) = (Ids.New("wh_"), WebhookSecret.New());
        var webhook = new WebhookDocument
        {
            WebhookId = id,
            OrgId = org,
            Url = url,
            Events = events,
            BudgetWarningThreshold = request.BudgetWarningThreshold,
            Format = request.Format ?? WebhookFormat.Cloudevents,
            Secret = seal.Close(secret, WebhookDocument.SealOf(id)),
            CreatedAt = call.Now,
        };
        Check(webhook, guard);
        var owner = org ?? WebhookDocument.Platform;
        if ((await catalogue.Webhooks.ListAsync(owner, afterId: null, WebhookDocument.MaxPerOrg, ct)).Count >= WebhookDocument.MaxPerOrg)
        {
            throw Refusal.Conflict($"There are {WebhookDocument.MaxPerOrg} webhooks already, the most.");
        }
        await catalogue.CommitAsync(
            [catalogue.Webhooks.New(id, owner, lookup: null, webhook)], call.Audit("webhook.create", "webhook", id, org, before: null, Text(webhook, catalogue)), ct);
        return TypedResults.Created($"/api/v1/admin/webhooks/{id}", View(webhook, call, secret));
    }

    static async Task<Ok<Page<Webhook>>> ListAsync(string? limit, string? cursor, string? platform, AdminCall call, Catalogue catalogue, CancellationToken ct)
    {
        var count = Paging.Limit(limit);
        var owner = OfPlatform(platform, call) ? WebhookDocument.Platform : call.NamedOrg is null ? null : (await call.OrgAsync(ct)).Id;
        return TypedResults.Ok(Paging.Page(await catalogue.Webhooks.ListAsync(owner, Paging.After(cursor), count + 1, ct), count, w => w.Id, w => View(w.Value, call)));
    }

    // Whether only those that belong to no org are asked for.
    static bool OfPlatform(string? platform, AdminCall call)
    {
        if (!Paging.Flag("platform", platform))
        {
            return false;
        }
        if (!call.Actor.May(AdminRight.Platform))
        {
            throw Refusal.Forbidden("Only a platform admin may see the platform's webhooks.");
        }
        return call.NamesOrg ? throw Refusal.InvalidField("platform", $"asks for what belongs to no org, but {AdminCall.OrgHeader} names one") : true;
    }

    static async Task<Ok<Webhook>> GetAsync(string webhook, AdminCall call, Catalogue catalogue, CancellationToken ct) =>
        TypedResults.Ok(View((await FindAsync(webhook, call, catalogue, ct)).Value, call));

    static async Task<Ok<Webhook>> PatchAsync(string webhook, Body<WebhookPatch> body, AdminCall call, Catalogue catalogue, NetworkGuard guard, CancellationToken ct)
    {
        var stored = await FindAsync(webhook, call, catalogue, ct);
        var changed = BodyReader.Patched(stored.Json, body, DocumentJson.Default.WebhookDocument);
        Check(changed, guard);
        if (changed.Enabled)
        {
            changed = changed with { DisabledReason = null };
        }
        await SaveAsync("webhook.patch", stored, changed, call, catalogue, ct);
        return TypedResults.Ok(View(changed, call));
    }

    static async Task<Ok<WebhookRemoved>> DeleteAsync(string webhook, AdminCall call, Catalogue catalogue, IAlertStore alerts, CancellationToken ct)
    {
        var stored = await FindAsync(webhook, call, catalogue, ct);
        await catalogue.CommitAsync(
            [catalogue.Webhooks.Remove(stored)], call.Audit("webhook.delete", "webhook", stored.Id, stored.Value.OrgId, Text(stored.Value, catalogue), after: null), ct);
        await alerts.ForgetAsync(stored.Id, ct);
        return TypedResults.Ok(new WebhookRemoved(stored.Id, Removed: true));
    }

    static async Task<Ok<Webhook>> RotateAsync(string webhook, Body<WebhookRotate> body, AdminCall call, Catalogue catalogue, SealedSecrets seal, CancellationToken ct)
    {
        Rules.Count("grace_seconds", body.Value.GraceSeconds, 0, MaxGraceSeconds);
        var stored = await FindAsync(webhook, call, catalogue, ct);
        var secret = WebhookSecret.New();
        var changed = stored.Value with
        {
            Secret = seal.Close(secret, WebhookDocument.SealOf(stored.Id)),
            FormerSecret = stored.Value.Secret,
            GraceUntil = call.Now.AddSeconds(body.Value.GraceSeconds ?? StandardGraceSeconds),
        };
        await SaveAsync("webhook.rotate", stored, changed, call, catalogue, ct);
        return TypedResults.Ok(View(changed, call, secret));
    }

    static async Task<Ok<WebhookDelivery>> TestAsync(
        string webhook, AdminCall call, Catalogue catalogue, IAlertStore alerts, WebhookPost post, AlertOptions options, TimeProvider time, CancellationToken ct)
    {
        var stored = await FindEnabledAsync(webhook, call, catalogue, ct);
        var test = new AlertEvent(
            AlertDesk.NewId("evt_", call.Now), stored.Value.OrgId, EventMessage.TestType, $"webhook:{stored.Id}", call.Now, Claim: "", new JsonObject { ["webhook_id"] = stored.Id }.ToJsonString());
        var sent = await AddAsync(EventMessage.Delivery(AlertDesk.NewId("dlv_", call.Now), stored.Value, test, call.Now), "webhook.test", call, catalogue, alerts, post, stored, ct);
        var started = time.GetTimestamp();
        while (sent.Attempts.Count == 0 && time.GetElapsedTime(started) < options.Timeout + TestPatience)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), ct);
            sent = await alerts.DeliveryAsync(sent.Id, ct) ?? sent;
        }
        return TypedResults.Ok(View(sent, call));
    }

    static async Task<Ok<Page<WebhookDelivery>>> DeliveriesAsync(
        string webhook, string? limit, string? cursor, AdminCall call, Catalogue catalogue, IAlertStore alerts, CancellationToken ct)
    {
        var count = Paging.Limit(limit);
        var stored = await FindAsync(webhook, call, catalogue, ct);
        return TypedResults.Ok(Paging.Page(await alerts.DeliveriesAsync(stored.Id, Paging.After(cursor), count + 1, ct), count, d => d.Id, d => View(d, call)));
    }

    static async Task<Ok<WebhookDelivery>> ReplayAsync(
        string webhook, string delivery, AdminCall call, Catalogue catalogue, IAlertStore alerts, WebhookPost post, CancellationToken ct)
    {
        var stored = await FindEnabledAsync(webhook, call, catalogue, ct);
        if (!IsDelivery(delivery) || await alerts.DeliveryAsync(delivery, ct) is not { } found || found.WebhookId != stored.Id)
        {
            throw Refusal.NotFound("delivery", delivery);
        }
        var again = found with
        {
            Id = AlertDesk.NewId("dlv_", call.Now),
            CreatedAt = call.Now,
            NextAt = call.Now,
            State = DeliveryState.Pending,
            Attempts = [],
            ReplayOf = found.Id,
        };
        return TypedResults.Ok(View(await AddAsync(again, "webhook.replay", call, catalogue, alerts, post, stored, ct), call));
    }

    static async Task<AlertDelivery> AddAsync(
        AlertDelivery delivery, string action, AdminCall call, Catalogue catalogue, IAlertStore alerts, WebhookPost post, Stored<WebhookDocument> webhook, CancellationToken ct)
    {
        await catalogue.CommitAsync(
            [], call.Audit(action, "webhook", webhook.Id, webhook.Value.OrgId, before: null, new JsonObject { ["delivery_id"] = delivery.Id, ["event_id"] = delivery.EventId }.ToJsonString()), ct);
        await alerts.SpreadAsync(delivery.EventId, [delivery], ct);
        post.Wake();
        return delivery;
    }

    static Task SaveAsync(string action, Stored<WebhookDocument> stored, WebhookDocument changed, AdminCall call, Catalogue catalogue, CancellationToken ct) => catalogue.CommitAsync(
        [catalogue.Webhooks.Change(stored, changed)],
        call.Audit(action, "webhook", stored.Id, stored.Value.OrgId, Text(stored.Value, catalogue), Text(changed, catalogue)), ct);

    static async Task<Stored<WebhookDocument>> FindAsync(string id, AdminCall call, Catalogue catalogue, CancellationToken ct) =>
        Rules.IsId(id) && await catalogue.Webhooks.FindAsync(id, ct) is { } stored && call.Sees(stored.Value.OrgId) ? stored : throw Refusal.NotFound("webhook", id);

    // One that something can be sent to.
    static async Task<Stored<WebhookDocument>> FindEnabledAsync(string id, AdminCall call, Catalogue catalogue, CancellationToken ct)
    {
        var stored = await FindAsync(id, call, catalogue, ct);
        return stored.Value.Enabled ? stored : throw Refusal.Conflict("The webhook is disabled; enable it first.", "enabled");
    }

    static bool IsDelivery(string id) => id.Length <= 128 && id.All(static c => char.IsAsciiLetterOrDigit(c) || c == '_');

    static void Check(WebhookDocument webhook, NetworkGuard guard)
    {
        if (guard.Fault(webhook.Url) is { } fault)
        {
            throw Refusal.InvalidField("url", fault);
        }
        if (webhook.Events.Count == 0 || webhook.Events.Distinct().Count() != webhook.Events.Count)
        {
            throw Refusal.InvalidField("events", "must name at least one kind of event, and none twice");
        }
        if (webhook.BudgetWarningThreshold is { } part && (part <= 0 || part > 1 || decimal.Round(part, 4) != part))
        {
            throw Refusal.InvalidField("budget_warning_threshold", "must be above 0, at most 1, and have at most four decimals");
        }
    }

    static Webhook View(WebhookDocument webhook, AdminCall call, string? secret = null) => new()
    {
        WebhookId = webhook.WebhookId,
        OrgId = webhook.OrgId,
        Url = call.Actor.May(AdminRight.Change) ? webhook.Url : WebhookDocument.Masked(webhook.Url),
        Events = webhook.Events,
        BudgetWarningThreshold = webhook.BudgetWarningThreshold,
        Format = webhook.Format,
        Enabled = webhook.Enabled,
        DisabledReason = webhook.DisabledReason,
        GraceUntil = webhook.GraceUntil > call.Now ? webhook.GraceUntil : null,
        CreatedAt = webhook.CreatedAt,
        Secret = secret,
    };

    static WebhookDelivery View(AlertDelivery delivery, AdminCall call) => new()
    {
        DeliveryId = delivery.Id,
        WebhookId = delivery.WebhookId,
        EventId = delivery.EventId,
        EventType = delivery.EventType,
        State = Choice.Word(delivery.State),
        Attempts = [.. delivery.Attempts.Select(a => new WebhookAttempt(a.At, a.Status, a.Error, a.LatencyMs))],
        NextAttemptAt = delivery.State == DeliveryState.Pending ? delivery.NextAt : null,
        CreatedAt = delivery.CreatedAt,
        ReplayOf = delivery.ReplayOf,
        // Its links decide; who may not decide does not see them.
        Body = delivery.EventType == EventMessage.ApprovalRequested && !call.Actor.May(AdminRight.Approve) ? null : JsonNode.Parse(delivery.Body),
    };
}
