using System.Text.Json;
using System.Text.Json.Nodes;
using CurateMe.Gateway.Approvals;
using CurateMe.Gateway.Governance;
using CurateMe.Ledger.Alerts;
using CurateMe.Ledger.Configuration;
using CurateMe.Ledger.Errors;
using CurateMe.Ledger.Records;

namespace CurateMe.Gateway.Alerts;

/// <summary>
/// Brings events to webhooks:
/// <list type="number">
/// <item>What was raised is stored.</item>
/// <item>Each stored event gets a delivery for every webhook that wants it; dying in between repeats it with the same names.</item>
/// <item>A due delivery is leased by one replica, sent, and stored as delivered, failed or due again later.</item>
/// </list>
/// All of it is in the store, so it goes on after a restart and on every replica.
/// </summary>
sealed partial class WebhookPost(
    AlertDesk desk, IAlertStore store, WebhookDirectory directory, WebhookSender sender, ApprovalLinks links, Catalogue catalogue, AlertOptions options, ErrorEvents errors, AlertMetrics metrics, TimeProvider time, ILogger<WebhookPost> logger)
    : BackgroundService
{
    /// <summary>Most messages on their way at once; all webhooks of an org have not as many.</summary>
    public const int MaxSending = 512;

    /// <summary>Most messages on their way to one webhook, so that a receiver that does not answer holds up no other.</summary>
    public const int MaxSendingToOne = 8;

    // Whoever has no more than half of its messages on their way may be given as many again.
    const int TakenAtOnce = MaxSendingToOne / 2;

    /// <summary>Most events of one org, and deliveries of one webhook, that are kept.</summary>
    public const int MaxEvents = 50_000;
    public const int MaxDeliveries = 10_000;

    const int Batch = 100;

    static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);
    static readonly TimeSpan TrimEvery = TimeSpan.FromHours(1);

    readonly string owner = RequestId.New(time.GetUtcNow()).ToString();
    readonly SemaphoreSlim wake = new(0, 1);
    readonly Dictionary<string, (string Webhook, Task Done)> sending = new(StringComparer.Ordinal);
    long trimmedAt = time.GetTimestamp();

    // Longer than any attempt, so that nobody sends a message that is still being sent.
    TimeSpan Lease => options.Timeout + TimeSpan.FromMinutes(1);

    /// <summary>Looks soon, not only at the next interval.</summary>
    public void Wake()
    {
        try
        {
            wake.Release();
        }
        catch (SemaphoreFullException)
        {
            // It is awake already.
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        desk.Stored += Wake;
        var storing = Task.Run(() => desk.RunAsync(stoppingToken), CancellationToken.None);
        try
        {
            while (!stoppingToken.IsCancellationRequested)
            {
                await RoundAsync(stoppingToken);
                await wake.WaitAsync(LookEvery, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
        }
        desk.Stored -= Wake;
        await Task.WhenAll([storing, .. sending.Values.Select(static s => s.Done)]);
    }

    async Task RoundAsync(CancellationToken ct)
    {
        await TryAsync("spreading events", SpreadAllAsync, ct);
        await TryAsync("sending messages", SendAllDueAsync, ct);
        await TryAsync("trimming", TrimAsync, ct);
    }

    // Whatever fails, the rest goes on, and the next round comes.
    async Task TryAsync(string what, Func<CancellationToken, Task> work, CancellationToken ct)
    {
        try
        {
            await work(ct);
        }
        catch (Exception e) when (IsAway(e))
        {
            errors.Add("gateway", "alert_store_unavailable", e.Message);
        }
        catch (Exception e) when (e is not OperationCanceledException || !ct.IsCancellationRequested)
        {
            OnFailed(what, e);
        }
    }

    static bool IsAway(Exception e) => e is AlertStoreUnavailableException or ConfigStoreUnavailableException or ConfigConflictException;

    void OnFailed(string what, Exception e) => errors.Add("gateway", "background_work_failed", $"{nameof(WebhookPost)}, {what}: {e.GetType().Name}: {e.Message}");

    async Task SpreadAllAsync(CancellationToken ct)
    {
        while (await SpreadAsync(ct))
        {
        }
    }

    async Task SendAllDueAsync(CancellationToken ct)
    {
        while (await SendDueAsync(ct))
        {
        }
    }

    async Task TrimAsync(CancellationToken ct)
    {
        if (time.GetElapsedTime(trimmedAt) >= TrimEvery)
        {
            trimmedAt = time.GetTimestamp();
            var before = time.GetUtcNow() - options.Retention;
            await store.TrimAsync(before, before, MaxEvents, MaxDeliveries, ct);
        }
    }

    // Whether there may be more that can be spread now.
    async Task<bool> SpreadAsync(CancellationToken ct)
    {
        var events = await store.UnspreadAsync(Batch, ct);
        var spread = 0;
        foreach (var raised in events)
        {
            try
            {
                await SpreadAsync(raised, ct);
                spread++;
            }
            catch (Exception e) when (!IsAway(e) && (e is not OperationCanceledException || !ct.IsCancellationRequested))
            {
                // It stays, and holds up no other: another version of the gateway beside this one may know how.
                OnFailed($"event {raised.Id}", e);
            }
        }
        return events.Count == Batch && spread > 0;
    }

    async Task SpreadAsync(AlertEvent raised, CancellationToken ct)
    {
        var threshold = Threshold(raised);
        AlertEvent? told = null;
        var now = time.GetUtcNow();
        List<AlertDelivery> deliveries = [];
        foreach (var webhook in await directory.OfAsync(raised.OrgId, ct))
        {
            if (webhook.Wants(raised.Type, threshold))
            {
                told ??= await WithLinksAsync(raised, ct);
                // The same name whoever spreads it, and however often.
                deliveries.Add(EventMessage.Delivery($"dlv_{raised.Id.AsSpan(4)}_{webhook.WebhookId.AsSpan(3)}", webhook, told, now));
            }
        }
        await store.SpreadAsync(raised.Id, deliveries, ct);
    }

    async Task<AlertEvent> WithLinksAsync(AlertEvent raised, CancellationToken ct)
    {
        if (raised.Type != EventMessage.ApprovalRequested || JsonNode.Parse(raised.DataJson) is not JsonObject data)
        {
            return raised;
        }
        await links.AddAsync(data, ct);
        return raised with { DataJson = data.ToJsonString() };
    }

    async Task<bool> SendDueAsync(CancellationToken ct)
    {
        foreach (var done in sending.Where(static s => s.Value.Done.IsCompleted).Select(static s => s.Key).ToList())
        {
            sending.Remove(done);
        }
        var most = Math.Min(TakenAtOnce, MaxSending - sending.Count);
        if (most == 0)
        {
            // The next one that is done wakes it.
            return false;
        }
        string[] busy = [.. sending.Values.CountBy(static s => s.Webhook).Where(static w => w.Value > TakenAtOnce).Select(static w => w.Key)];
        var due = await store.TakeDueAsync(owner, time.GetUtcNow(), Lease, most, busy, ct);
        foreach (var delivery in due)
        {
            var done = Task.Run(() => TryDeliverAsync(delivery, ct), CancellationToken.None);
            _ = done.ContinueWith(_ => Wake(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            sending[delivery.Id] = (delivery.WebhookId, done);
        }
        return due.Count == most;
    }

    async Task TryDeliverAsync(AlertDelivery delivery, CancellationToken ct)
    {
        try
        {
            await TryAsync($"message {delivery.Id}", stop => DeliverAsync(delivery, stop), ct);
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            // Its lease ends, then it is sent by the next life or another replica.
        }
    }

    async Task DeliverAsync(AlertDelivery delivery, CancellationToken ct)
    {
        if (await catalogue.Webhooks.FindAsync(delivery.WebhookId, ct) is not { Value.Enabled: true } webhook)
        {
            var unsent = new DeliveryAttempt(time.GetUtcNow(), Status: null, "not sent: the webhook is disabled or gone", LatencyMs: 0);
            await store.SaveAsync(delivery with { State = DeliveryState.Failed, Attempts = [.. delivery.Attempts, unsent] }, owner, ct);
            return;
        }
        var attempt = await sender.SendAsync(delivery, webhook.Value, ct);
        metrics.OnAttempt(attempt.Error is null);
        var after = After(delivery, attempt);
        // What was sent is written down even while the gateway stops.
        await store.SaveAsync(after, owner, CancellationToken.None);
        if (attempt.Error is { } error)
        {
            Log.NotTaken(logger, delivery.Id, delivery.WebhookId, error);
            errors.Add("webhooks", "delivery_failed", $"{delivery.EventType} to {delivery.WebhookId}: {error}");
        }
        if (attempt.Status == StatusCodes.Status410Gone)
        {
            await DisableAsync(webhook, "answered 410: gone", ct);
        }
        else if (after.State == DeliveryState.Failed && await FailedThroughoutAsync(after, ct))
        {
            await DisableAsync(webhook, $"took no message since {Client.Rfc3339Converter.Format(after.CreatedAt)}", ct);
        }
    }

    AlertDelivery After(AlertDelivery delivery, DeliveryAttempt attempt)
    {
        var tried = delivery with { Attempts = [.. delivery.Attempts, attempt] };
        if (attempt.Error is null)
        {
            return tried with { State = DeliveryState.Delivered };
        }
        if (delivery.EventType == EventMessage.TestType || tried.Attempts.Count > options.Retries.Count || attempt.Status == StatusCodes.Status410Gone)
        {
            return tried with { State = DeliveryState.Failed };
        }
        var wait = options.Retries[tried.Attempts.Count - 1];
        // Up to a tenth more, so that what failed together is not tried together.
        return tried with { NextAt = time.GetUtcNow() + wait + (wait * (Random.Shared.NextDouble() / 10)) };
    }

    // Whether the webhook took nothing while this delivery was tried for all of its time.
    async Task<bool> FailedThroughoutAsync(AlertDelivery failed, CancellationToken ct)
    {
        if (failed.EventType == EventMessage.TestType)
        {
            return false;
        }
        for (string? before = null; ;)
        {
            var page = await store.DeliveriesAsync(failed.WebhookId, before, IAlertStore.MaxLimit, ct);
            if (page.Any(d => d.State == DeliveryState.Delivered && d.Attempts[^1].At >= failed.CreatedAt))
            {
                return false;
            }
            if (page.Count < IAlertStore.MaxLimit)
            {
                return true;
            }
            before = page[^1].Id;
        }
    }

    async Task DisableAsync(Stored<WebhookDocument> webhook, string reason, CancellationToken ct)
    {
        var disabled = webhook.Value with { Enabled = false, DisabledReason = reason };
        await catalogue.CommitAsync(
            [catalogue.Webhooks.Change(webhook, disabled)],
            new AuditDraft(
                time.GetUtcNow(), "gateway", FromIp: null, "webhook.disable", "webhook", webhook.Id, webhook.Value.OrgId, WebhookEndpoints.Text(webhook.Value, catalogue), WebhookEndpoints.Text(disabled, catalogue)), ct);
        errors.Add("webhooks", "webhook_disabled", $"{webhook.Id}: {reason}");
        Log.Disabled(logger, webhook.Id, reason);
    }

    static int? Threshold(AlertEvent raised)
    {
        if (raised.Type != "budget_warning")
        {
            return null;
        }
        using var data = JsonDocument.Parse(raised.DataJson);
        return data.RootElement.TryGetProperty("threshold", out var threshold) ? (int)(threshold.GetDecimal() * 10_000) : null;
    }

    static partial class Log
    {
        [LoggerMessage(4001, LogLevel.Warning, "The delivery {Delivery} was not taken by the webhook {Webhook}: it {Reason}")]
        public static partial void NotTaken(ILogger logger, string delivery, string webhook, string reason);

        [LoggerMessage(4002, LogLevel.Warning, "The webhook {Webhook} was disabled: it {Reason}")]
        public static partial void Disabled(ILogger logger, string webhook, string reason);
    }
}
