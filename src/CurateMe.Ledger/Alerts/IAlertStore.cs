namespace CurateMe.Ledger.Alerts;

/// <summary>
/// What operators are told: events, and the deliveries that bring them to webhooks. Two implementations: SQLite (one process) and MongoDB (shared);
/// one contract-test suite runs on both. Every call may throw <see cref="AlertStoreUnavailableException"/>; all of them may be repeated.
/// </summary>
public interface IAlertStore : IAsyncDisposable
{
    /// <summary>Most items in one answer.</summary>
    const int MaxLimit = 1_001;

    /// <summary>Stores an event, unless one with the same <see cref="AlertEvent.Claim"/> or id is there: over all replicas the first wins.</summary>
    /// <returns>Whether it is new.</returns>
    Task<bool> RaiseAsync(AlertEvent raised, CancellationToken ct);

    /// <summary>Events, newest first.</summary>
    Task<IReadOnlyList<AlertEvent>> EventsAsync(AlertQuery query, CancellationToken ct);

    /// <summary>Events whose deliveries were not made yet, oldest first.</summary>
    Task<IReadOnlyList<AlertEvent>> UnspreadAsync(int limit, CancellationToken ct);

    /// <summary>Stores the deliveries of an event, those with a known id left as they are, then marks the event as spread.</summary>
    Task SpreadAsync(string eventId, IReadOnlyList<AlertDelivery> deliveries, CancellationToken ct);

    /// <summary>Takes deliveries that are due, the longest due first; nobody else is given them until <paramref name="lease"/> is over.</summary>
    /// <param name="except">Webhooks of which none are taken.</param>
    Task<IReadOnlyList<AlertDelivery>> TakeDueAsync(string owner, DateTimeOffset now, TimeSpan lease, int limit, IReadOnlyCollection<string> except, CancellationToken ct);

    /// <summary>Stores how a delivery that was taken stands, and ends the lease.</summary>
    /// <returns>False when the lease is another's by now; nothing is stored then.</returns>
    Task<bool> SaveAsync(AlertDelivery delivery, string owner, CancellationToken ct);

    /// <summary>One delivery, or null.</summary>
    Task<AlertDelivery?> DeliveryAsync(string id, CancellationToken ct);

    /// <summary>A webhook's deliveries, newest first.</summary>
    Task<IReadOnlyList<AlertDelivery>> DeliveriesAsync(string webhookId, string? beforeId, int limit, CancellationToken ct);

    /// <summary>Removes all deliveries of a webhook.</summary>
    Task ForgetAsync(string webhookId, CancellationToken ct);

    /// <summary>Lets one replica at a time do a piece of work: gives or renews the lease, unless another holds it.</summary>
    /// <param name="length">Zero gives it up: from <paramref name="now"/> on it is anybody's.</param>
    Task<bool> LeaseAsync(string name, string owner, DateTimeOffset now, TimeSpan length, CancellationToken ct);

    /// <summary>Removes what is older than its instant, and of each org's events and each webhook's deliveries all but the newest.</summary>
    Task TrimAsync(DateTimeOffset eventsBefore, DateTimeOffset deliveriesBefore, int maxEvents, int maxDeliveries, CancellationToken ct);
}

/// <summary>The store did not answer or refused.</summary>
public sealed class AlertStoreUnavailableException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>Something that operators are told once.</summary>
/// <param name="Id"><c>evt_</c> and characters that sort by time.</param>
/// <param name="OrgId">Null when it concerns no single org.</param>
/// <param name="Claim">What makes it this event and no other, e.g. node, period and threshold.</param>
/// <param name="DataJson">A JSON object without content and secrets.</param>
public sealed record AlertEvent(string Id, string? OrgId, string Type, string Subject, DateTimeOffset At, string Claim, string DataJson);

/// <param name="Types">Null for all.</param>
public sealed record AlertQuery(string? OrgId, IReadOnlyList<string>? Types = null, DateTimeOffset? Since = null, string? BeforeId = null, int Limit = 100);

/// <summary>The numbers are stored; a test freezes them.</summary>
public enum DeliveryState : byte
{
    Pending = 0,
    Delivered = 1,
    Failed = 2,
}

/// <summary>One attempt to deliver.</summary>
/// <param name="Status">HTTP status; null when there was no answer.</param>
/// <param name="Error">In words of ours; null when it was taken.</param>
public sealed record DeliveryAttempt(DateTimeOffset At, int? Status, string? Error, int LatencyMs);

/// <summary>An event on its way to a webhook.</summary>
public sealed record AlertDelivery
{
    /// <summary><c>dlv_</c> and characters that sort by time.</summary>
    public required string Id { get; init; }
    public required string WebhookId { get; init; }
    public required string EventId { get; init; }
    public required string EventType { get; init; }

    /// <summary>What is sent, every time the same bytes.</summary>
    public required string Body { get; init; }
    public required string ContentType { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
    public DeliveryState State { get; init; }

    /// <summary>When it is tried next, while pending.</summary>
    public required DateTimeOffset NextAt { get; init; }

    /// <summary>All attempts, oldest first.</summary>
    public IReadOnlyList<DeliveryAttempt> Attempts { get; init; } = [];

    /// <summary>The delivery that this one repeats.</summary>
    public string? ReplayOf { get; init; }
}
