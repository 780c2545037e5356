namespace CurateMe.Ledger.Mongo;

/// <summary>The indexes, made at start; making one that is there does nothing.</summary>
internal static class MongoIndexes
{
    /// <summary>The server's word for an index that a sharded collection cannot have.</summary>
    const uint CannotCreateIndex = 67;

    internal static bool OfLedger(MongoSession session)
    {
        try
        {
            Make(session, MongoLedger.Collection, Index("request_id", unique: true, "request_id"));
        }
        catch (MongoException e) when (e.Code == CannotCreateIndex)
        {
            // A collection sharded by org keeps ids unique within the org.
            Make(session, MongoLedger.Collection, Index("org_request_id", unique: true, "org_id", "request_id"));
        }
        Make(
            session,
            MongoLedger.Collection,
            Index("org_time", unique: false, "org_id", "ts", "_id"),
            Index("org_cost", unique: false, "org_id", "cost_nano_usd", "_id"),
            Index("day_org", unique: false, "period_day", "org_id"));
        Make(session, RolledUpDays.Sums, Index("build_kind_org", unique: false, "build", "kind", "org_id"), Index("day", unique: false, "period_day"));
        return true;
    }

    /// <summary>Takes the indexes of the records away, for a bulk fill that makes them when it is done: ids stay unique meanwhile.</summary>
    internal static bool DropOfRecords(MongoSession session)
    {
        session.Write(new Bson { { "dropIndexes", MongoLedger.Collection }, { "index", "*" } });
        return true;
    }

    internal static void OfConfiguration(MongoSession session)
    {
        Make(
            session,
            "config_documents",
            Index("collection_id", unique: false, "collection", "id"),
            Index("collection_org", unique: false, "collection", "org_id", "id"),
            Index("collection_lookup", unique: false, "collection", "lookup"),
            Index("revision", unique: false, "revision"));
        Make(
            session,
            ConfigLog.Collection,
            Index("audit", unique: false, "audit.sequence"),
            Index("audit_org", unique: false, "audit.org_id", "audit.sequence"),
            Index("audit_target", unique: false, "audit.target_id", "audit.sequence"));
    }

    internal static bool OfAlerts(MongoSession session)
    {
        Make(session, MongoAlertStore.Events, Index("claim", unique: true, "claim"), Index("org", unique: false, "org_id", "_id"), Index("spread", unique: false, "spread", "_id"));
        Make(session, MongoAlertStore.Deliveries, Index("webhook", unique: false, "webhook_id", "_id"), Index("due_of", unique: false, "state", "next_at", "webhook_id", "leased_until"));
        return true;
    }

    static void Make(MongoSession session, string collection, params Bson[] indexes) =>
        session.Write(new Bson { { "createIndexes", collection }, { "indexes", indexes } });

    static Bson Index(string name, bool unique, params string[] fields)
    {
        var key = new Bson();
        foreach (var field in fields) key.Add(field, 1);
        return new Bson { { "key", key }, { "name", name } }.With("unique", unique ? true : null);
    }
}
