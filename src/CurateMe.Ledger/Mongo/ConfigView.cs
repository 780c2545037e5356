using CurateMe.Ledger.Configuration;

namespace CurateMe.Ledger.Mongo;

/// <summary>
/// <c>config_documents</c>, the newest state of every document, made from the log. Anyone applies any entry, in order and as often as they like: a
/// document takes a state only if its own is older. <c>config_state</c> says through which entry all are applied, so that a start need not begin at 1.
/// </summary>
internal sealed class ConfigView
{
    const string Collection = "config_documents";
    const string State = "config_state";

    /// <summary>Entries read at once when catching up.</summary>
    const int Stride = 500;

    long _applied;

    /// <summary>All entries through this one are in the view.</summary>
    internal long Applied => Volatile.Read(ref _applied);

    internal void Begin(MongoSession session)
    {
        var state = session.Find(State, new Bson { { "_id", "applied" } }, []);
        if (state.Count > 0) Advance(state[0].Number("through"));
    }

    /// <summary>Applies what the log has and the view may not.</summary>
    internal void CatchUp(MongoSession session)
    {
        var applied = Applied;
        for (var more = true; more;)
        {
            var entries = ConfigLog.After(session, applied, Stride);
            if (entries.Count == 0) return;
            foreach (var entry in entries)
            {
                Apply(session, entry);
                applied = entry.Number("_id");
            }
            // Where it stays behind, as when two make it at once, entries are applied again.
            session.TryWrite(new Bson
            {
                { "update", State },
                { "updates", new[] { new Bson { { "q", new Bson { { "_id", "applied" } } }, { "u", new Bson { { "$max", new Bson { { "through", applied } } } } }, { "upsert", true } } } },
            });
            Advance(applied);
            more = entries.Count == Stride;
        }
    }

    /// <summary>Documents as they are after the newest change.</summary>
    internal List<ConfigDocument> Find(MongoSession session, Bson filter, string order, int limit)
    {
        CatchUp(session);
        return session.Find(Collection, filter, new Bson { { "sort", new Bson { { order, 1 } } }, { "limit", (long)ConfigChange.Limit(limit) } }).ConvertAll(Read);
    }

    /// <summary>Documents by name, deleted ones too, of the view as it is.</summary>
    internal static Dictionary<(string, string), ConfigDocument> OfKeys(MongoSession session, IEnumerable<string> keys) =>
        session.Find(Collection, new Bson { { "_id", new Bson { { "$in", keys } } } }, []).Select(Read).ToDictionary(document => (document.Collection, document.Id));

    /// <summary>The owners of the second names that the writes ask for, of the view as it is.</summary>
    internal static IEnumerable<ConfigDocument> OfLookups(MongoSession session, IReadOnlyList<ConfigWrite> writes)
    {
        var wanted = writes.Where(write => write.Lookup is not null)
            .Select(write => new Bson { { "collection", write.Collection }, { "lookup", write.Lookup }, { "deleted", false } }).ToList();
        return wanted.Count == 0 ? [] : session.Find(Collection, new Bson { { "$or", wanted } }, []).Select(Read);
    }

    static void Apply(MongoSession session, BsonFields entry)
    {
        var updates = entry.List("writes").OfType<BsonFields>().Select(write => new Bson
        {
            { "q", new Bson { { "_id", write.RequiredText("_id") }, { "revision", new Bson { { "$lt", write.Number("revision") } } } } },
            { "u", Copy(write) },
            { "upsert", true },
        }).ToList();
        if (updates.Count == 0) return;
        var reply = session.TryWrite(new Bson { { "update", Collection }, { "ordered", false }, { "updates", updates } });
        foreach (var error in reply.List("writeErrors").OfType<BsonFields>())
        {
            // A duplicate is a document that is there, and not older.
            if (MongoException.Of(error) is { Code: not MongoException.DuplicateKey } refused) throw refused;
        }
    }

    static Bson Copy(BsonFields fields)
    {
        var copy = new Bson();
        foreach (var (name, value) in fields) copy.Add(name, value);
        return copy;
    }

    static ConfigDocument Read(BsonFields document) => new(
        document.RequiredText("collection"), document.RequiredText("id"), document.Text("org_id"), document.Text("lookup"), document.RequiredText("json"),
        document.Number("version"), document.Number("revision"), document.Flag("deleted"));

    void Advance(long through)
    {
        for (var seen = Applied; seen < through;)
        {
            var before = Interlocked.CompareExchange(ref _applied, through, seen);
            if (before == seen) return;
            seen = before;
        }
    }
}
