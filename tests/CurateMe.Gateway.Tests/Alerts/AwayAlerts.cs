using CurateMe.Ledger.Alerts;
using CurateMe.Ledger.Sqlite;

namespace CurateMe.Gateway.Tests.Alerts;

/// <summary>A store of events that a test takes away and brings back.</summary>
sealed class AwayAlerts(string directory) : IAlertStore
{
    readonly SqliteAlertStore store = SqliteAlertStore.Open(directory);
    int refused;

    public bool Away { get; set; }

    /// <summary>Called with each event before it is stored.</summary>
    public Action<AlertEvent> Raising { get; set; } = static _ => { };

    /// <summary>Calls that found it away.</summary>
    public int Refused => Volatile.Read(ref refused);

    public Task<bool> RaiseAsync(AlertEvent raised, CancellationToken ct)
    {
        Raising(raised);
        return There().RaiseAsync(raised, ct);
    }

    public Task<IReadOnlyList<AlertEvent>> EventsAsync(AlertQuery query, CancellationToken ct) => There().EventsAsync(query, ct);
    public Task<IReadOnlyList<AlertEvent>> UnspreadAsync(int limit, CancellationToken ct) => There().UnspreadAsync(limit, ct);
    public Task SpreadAsync(string eventId, IReadOnlyList<AlertDelivery> deliveries, CancellationToken ct) => There().SpreadAsync(eventId, deliveries, ct);
    public Task<IReadOnlyList<AlertDelivery>> TakeDueAsync(string owner, DateTimeOffset now, TimeSpan lease, int limit, IReadOnlyCollection<string> except, CancellationToken ct) =>
        There().TakeDueAsync(owner, now, lease, limit, except, ct);


    public Task<bool> SaveAsync(AlertDelivery delivery, string owner, CancellationToken ct) => There().SaveAsync(delivery, owner, ct);
    public Task<AlertDelivery?> DeliveryAsync(string id, CancellationToken ct) => There().DeliveryAsync(id, ct);
    public Task<IReadOnlyList<AlertDelivery>> DeliveriesAsync(string webhookId, string? beforeId, int limit, CancellationToken ct) => There().DeliveriesAsync(webhookId, beforeId, limit, ct);
    public Task ForgetAsync(string webhookId, CancellationToken ct) => There().ForgetAsync(webhookId, ct);
    public Task<bool> LeaseAsync(string name, string owner, DateTimeOffset now, TimeSpan length, CancellationToken ct) => There().LeaseAsync(name, owner, now, length, ct);

    public Task TrimAsync(DateTimeOffset eventsBefore, DateTimeOffset deliveriesBefore, int maxEvents, int maxDeliveries, CancellationToken ct) =>
        There().TrimAsync(eventsBefore, deliveriesBefore, maxEvents, maxDeliveries, ct);

    public ValueTask DisposeAsync() => store.DisposeAsync();

    SqliteAlertStore There()
    {
        if (!Away)
        {
            return store;
        }
        Interlocked.Increment(ref refused);
        throw new AlertStoreUnavailableException("The store of the test is away.");
    }
}
