using CurateMe.Ledger.Alerts;

namespace CurateMe.Ledger.Mongo;

/// <summary>Events and deliveries of shared mode: <c>gateway_alerts</c>, <c>gateway_deliveries</c>, <c>gateway_leases</c>. Each change is one document's.</summary>
public sealed class MongoAlertStore : IAlertStore
{
    public const string Events = "gateway_alerts";
    public const string Deliveries = "gateway_deliveries";
    public const string Leases = "gateway_leases";

    readonly MongoConnection _connection;

    MongoAlertStore(MongoConnection connection) => _connection = connection;

    /// <summary>Connects, and makes the indexes that are not there.</summary>
    /// <exception cref="AlertStoreUnavailableException">The driver is not installed, the URL is wrong, or the server does not answer.</exception>
    public static async Task<MongoAlertStore> OpenAsync(MongoOptions options, CancellationToken ct)
    {
        MongoConnection? connection = null;
        try
        {
            connection = new MongoConnection(options with { MaxConcurrency = Math.Min(options.MaxConcurrency, 4) });
            await connection.RunAsync(MongoIndexes.OfAlerts, ct);
            return new MongoAlertStore(connection);
        }
        catch (MongoException e)
        {
            connection?.Dispose();
            throw Unavailable("cannot be opened", e);
        }
        catch
        {
            connection?.Dispose();
            throw;
        }
    }

    public Task<bool> RaiseAsync(AlertEvent raised, CancellationToken ct) => RunAsync(
        session => Insert(session, Events, new Bson
        {
            { "_id", raised.Id },
            { "org_id", raised.OrgId },
            { "type", raised.Type },
            { "subject", raised.Subject },
            { "at", raised.At },
            { "claim", raised.Claim },
            { "data", raised.DataJson },
            { "spread", false },
        }), ct);

    public Task<IReadOnlyList<AlertEvent>> EventsAsync(AlertQuery query, CancellationToken ct)
    {
        var filter = new Bson()
            .With("org_id", query.OrgId)
            .With("at", query.Since is { } since ? new Bson { { "$gte", since } } : null)
            .With("_id", query.BeforeId is { } before ? new Bson { { "$lt", before } } : null)
            .With("type", query.Types is { } types ? new Bson { { "$in", types } } : null);
        return EventsAsync(filter, -1, query.Limit, ct);
    }

    public Task<IReadOnlyList<AlertEvent>> UnspreadAsync(int limit, CancellationToken ct) => EventsAsync(new Bson { { "spread", false } }, 1, limit, ct);

    public Task SpreadAsync(string eventId, IReadOnlyList<AlertDelivery> deliveries, CancellationToken ct) => RunAsync(
        session =>
        {
            foreach (var delivery in deliveries)
            {
                Insert(session, Deliveries, new Bson
                {
                    { "_id", delivery.Id },
                    { "webhook_id", delivery.WebhookId },
                    { "created_at", delivery.CreatedAt },
                    { "state", (int)delivery.State },
                    { "next_at", delivery.NextAt },
                    { "leased_until", DateTimeOffset.UnixEpoch },
                    { "owner", null },
                    { "json", AlertJson.Text(delivery) },
                });
            }
            return Update(session, Events, new Bson { { "_id", eventId } }, new Bson { { "spread", true } });
        }, ct);

    public Task<IReadOnlyList<AlertDelivery>> TakeDueAsync(string owner, DateTimeOffset now, TimeSpan lease, int limit, IReadOnlyCollection<string> except, CancellationToken ct) => RunAsync<IReadOnlyList<AlertDelivery>>(
        session =>
        {
            List<AlertDelivery> taken = [];
            var due = new Bson { { "state", (int)DeliveryState.Pending }, { "next_at", new Bson { { "$lte", now } } }, { "leased_until", new Bson { { "$lte", now } } } }
                .With("webhook_id", except.Count == 0 ? null : new Bson { { "$nin", except } });
            while (taken.Count < limit)
            {
                var reply = session.Write(new Bson
                {
                    { "findAndModify", Deliveries },
                    { "query", due },
                    { "sort", new Bson { { "next_at", 1 } } },
                    { "update", new Bson { { "$set", new Bson { { "owner", owner }, { "leased_until", now + lease } } } } },
                    { "new", true },
                });
                if (reply.Document("value") is not { } found) break;
                taken.Add(AlertJson.Read(found.RequiredText("json")));
            }
            return taken;
        }, ct);

    public Task<bool> SaveAsync(AlertDelivery delivery, string owner, CancellationToken ct) => RunAsync(
        session => Update(session, Deliveries, new Bson { { "_id", delivery.Id }, { "owner", owner } }, new Bson
        {
            { "state", (int)delivery.State },
            { "next_at", delivery.NextAt },
            { "leased_until", DateTimeOffset.UnixEpoch },
            { "owner", null },
            { "json", AlertJson.Text(delivery) },
        }), ct);

    public Task<AlertDelivery?> DeliveryAsync(string id, CancellationToken ct) =>
        RunAsync(session => session.Find(Deliveries, new Bson { { "_id", id } }, []).Select(Delivery).SingleOrDefault(), ct);

    public Task<IReadOnlyList<AlertDelivery>> DeliveriesAsync(string webhookId, string? beforeId, int limit, CancellationToken ct) => RunAsync<IReadOnlyList<AlertDelivery>>(
        session =>
        {
            var filter = new Bson { { "webhook_id", webhookId } }.With("_id", beforeId is null ? null : new Bson { { "$lt", beforeId } });
            return [.. session.Find(Deliveries, filter, new Bson { { "sort", new Bson { { "_id", -1 } } }, { "limit", Limit(limit) } }).Select(Delivery)];
        }, ct);

    public Task ForgetAsync(string webhookId, CancellationToken ct) => RunAsync(session => Delete(session, Deliveries, new Bson { { "webhook_id", webhookId } }), ct);

    public Task<bool> LeaseAsync(string name, string owner, DateTimeOffset now, TimeSpan length, CancellationToken ct) => RunAsync(
        session =>
        {
            var free = new Bson { { "_id", name }, { "$or", new[] { new Bson { { "owner", owner } }, new Bson { { "until", new Bson { { "$lte", now } } } } } } };
            return Update(session, Leases, free, new Bson { { "owner", owner }, { "until", now + length } })
                || Insert(session, Leases, new Bson { { "_id", name }, { "owner", owner }, { "until", now + length } });
        }, ct);

    public Task TrimAsync(DateTimeOffset eventsBefore, DateTimeOffset deliveriesBefore, int maxEvents, int maxDeliveries, CancellationToken ct) => RunAsync(
        session =>
        {
            Delete(session, Events, new Bson { { "at", new Bson { { "$lt", eventsBefore } } } });
            Delete(session, Deliveries, new Bson { { "created_at", new Bson { { "$lt", deliveriesBefore } } } });
            KeepNewest(session, Events, "org_id", maxEvents);
            KeepNewest(session, Deliveries, "webhook_id", maxDeliveries);
            return true;
        }, ct);

    public async ValueTask DisposeAsync() => await Task.Run(_connection.Dispose); // waits for the calls that run

    static void KeepNewest(MongoSession session, string collection, string by, int most)
    {
        var groups = session.Aggregate(collection,
        [
            new Bson { { "$group", new Bson { { "_id", "$" + by }, { "n", new Bson { { "$sum", 1 } } } } } },
            new Bson { { "$match", new Bson { { "n", new Bson { { "$gt", most } } } } } },
        ]);
        foreach (var group in groups)
        {
            var name = group.Text("_id");
            var last = session.Find(collection, new Bson { { by, name } }, new Bson { { "sort", new Bson { { "_id", -1 } } }, { "skip", (long)most }, { "limit", 1L }, { "projection", new Bson { { "_id", 1 } } } });
            if (last.Count == 1)
            {
                Delete(session, collection, new Bson { { by, name }, { "_id", new Bson { { "$lte", last[0].RequiredText("_id") } } } });
            }
        }
    }

    /// <summary>False when a document with the same id or claim is there.</summary>
    static bool Insert(MongoSession session, string collection, Bson document)
    {
        var reply = session.TryWrite(new Bson { { "insert", collection }, { "documents", new[] { document } } });
        if (reply.List("writeErrors").OfType<BsonFields>().FirstOrDefault() is not { } error) return true;
        var code = (uint)error.Number("code");
        return code == MongoException.DuplicateKey ? false : throw new MongoException(error.Text("errmsg") ?? "the document was refused", code);
    }

    static bool Update(MongoSession session, string collection, Bson query, Bson fields) =>
        session.Write(new Bson { { "update", collection }, { "updates", new[] { new Bson { { "q", query }, { "u", new Bson { { "$set", fields } } } } } } }).Number("n") > 0;

    static bool Delete(MongoSession session, string collection, Bson query) =>
        session.Write(new Bson { { "delete", collection }, { "deletes", new[] { new Bson { { "q", query }, { "limit", 0 } } } } }).Number("n") > 0;

    Task<IReadOnlyList<AlertEvent>> EventsAsync(Bson filter, int order, int limit, CancellationToken ct) => RunAsync<IReadOnlyList<AlertEvent>>(
        session => [.. session.Find(Events, filter, new Bson { { "sort", new Bson { { "_id", order } } }, { "limit", Limit(limit) } }).Select(static found => new AlertEvent(
            found.RequiredText("_id"), found.Text("org_id"), found.RequiredText("type"), found.RequiredText("subject"), found.Time("at"), found.RequiredText("claim"), found.RequiredText("data")))], ct);

    static AlertDelivery Delivery(BsonFields found) => AlertJson.Read(found.RequiredText("json"));

    static long Limit(int limit) => Math.Clamp(limit, 1, IAlertStore.MaxLimit);

    async Task<T> RunAsync<T>(Func<MongoSession, T> work, CancellationToken ct)
    {
        try
        {
            return await _connection.RunAsync(work, ct);
        }
        catch (MongoException e)
        {
            throw Unavailable("did not answer", e);
        }
    }

    static AlertStoreUnavailableException Unavailable(string what, MongoException e) => new($"The MongoDB alert store {what}: {e.Message} (code {e.Code})", e);
}
