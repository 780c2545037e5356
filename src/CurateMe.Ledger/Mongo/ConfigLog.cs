using CurateMe.Ledger.Configuration;
using CurateMe.Ledger.Records;

namespace CurateMe.Ledger.Mongo;

/// <summary>
/// The entries of <c>config_log</c>: <c>_id</c> counts from 1 without gaps; each carries the newest revision and the end of the audit chain, so that
/// the next is made from it alone. Entries are never changed and never removed.
/// </summary>
internal static class ConfigLog
{
    internal const string Collection = "config_log";

    /// <summary>Where the log stands after an entry.</summary>
    internal readonly record struct Head(long Number, long Revision, long AuditSequence, string AuditHash)
    {
        internal static Head Empty => new(0, 0, 0, AuditChain.Genesis);
    }

    internal sealed record Entry(long Number, string Mark, Bson Document);

    /// <summary>The name of a document in the view.</summary>
    internal static string Key(string collection, string id) => $"{collection}/{id}";

    internal static Head Newest(MongoSession session) => Heads(session, []);

    /// <summary>The head after an entry that is known to be there; 0 is before the first.</summary>
    internal static Head At(MongoSession session, long number) => number == 0 ? Head.Empty : Heads(session, new Bson { { "_id", number } });

    internal static Entry Next(Head head, List<(ConfigWrite Write, long Version)> writes, AuditDraft? audit)
    {
        var mark = RequestId.New(DateTimeOffset.UnixEpoch).ToString();
        var appended = audit is null ? null : AuditChain.Append(head.AuditSequence, head.AuditHash, audit);
        var document = new Bson
        {
            { "_id", head.Number + 1 },
            { "mark", mark },
            { "revision", head.Revision + writes.Count },
            { "audit_sequence", appended?.Sequence ?? head.AuditSequence },
            { "audit_hash", appended?.Hash ?? head.AuditHash },
            { "writes", writes.Select((made, i) => Write(made.Write, made.Version, head.Revision + i + 1)).ToList() },
        };
        return new Entry(head.Number + 1, mark, document.With("audit", appended is null ? null : Audit(appended)));
    }

    /// <summary>False when the number is another entry's; true when this very entry is in the log, by this insert or an earlier one.</summary>
    internal static bool TryInsert(MongoSession session, Entry entry)
    {
        var reply = session.TryWrite(new Bson { { "insert", Collection }, { "documents", new[] { entry.Document } } });
        if (reply.List("writeErrors").OfType<BsonFields>().FirstOrDefault() is not { } error) return true;
        if (MongoException.Of(error) is { Code: not MongoException.DuplicateKey } refused) throw refused;
        var there = session.Find(Collection, new Bson { { "_id", entry.Number } }, new Bson { { "projection", new Bson { { "mark", 1 } } } });
        return there.Count == 1 && there[0].Text("mark") == entry.Mark;
    }

    internal static List<BsonFields> After(MongoSession session, long number, int limit) => session.Find(
        Collection,
        new Bson { { "_id", new Bson { { "$gt", number } } } },
        new Bson { { "sort", new Bson { { "_id", 1 } } }, { "limit", (long)limit }, { "projection", new Bson { { "writes", 1 } } } });

    internal static List<AuditEntry> Audit(MongoSession session, AuditQuery query)
    {
        var at = new Bson().With("$gte", Time(query.From)).With("$lt", Time(query.To));
        var filter = new Bson { { "audit.sequence", new Bson { { "$gt", 0L } }.With("$lt", query.BeforeSequence) } }
            .With("audit.org_id", query.OrgId)
            .With("audit.action", query.Action)
            .With("audit.target_id", query.TargetId)
            .With("audit.at", at.Fields.Count == 0 ? null : at);
        return session.Find(Collection, filter, new Bson
        {
            { "sort", new Bson { { "audit.sequence", -1 } } }, { "limit", (long)ConfigChange.Limit(query.Limit) }, { "projection", new Bson { { "audit", 1 } } },
        }).ConvertAll(entry => ReadAudit(entry.Document("audit")!));
    }

    static object? Time(DateTimeOffset? bound) => bound is { } at ? UsageFinds.At(BreakdownRange.Milliseconds(at)) : null;

    static Head Heads(MongoSession session, Bson filter)
    {
        var found = session.Find(Collection, filter, new Bson
        {
            { "sort", new Bson { { "_id", -1 } } }, { "limit", 1L },
            { "projection", new Bson { { "revision", 1 }, { "audit_sequence", 1 }, { "audit_hash", 1 } } },
        });
        return found.Count == 0
            ? Head.Empty
            : new Head(found[0].Number("_id"), found[0].Number("revision"), found[0].Number("audit_sequence"), found[0].RequiredText("audit_hash"));
    }

    static Bson Write(ConfigWrite write, long version, long revision) => new Bson { { "_id", Key(write.Collection, write.Id) } }
        .With("collection", write.Collection).With("id", write.Id).With("org_id", write.OrgId).With("lookup", write.Lookup).With("json", write.Json ?? "null")
        .With("version", version).With("revision", revision).With("deleted", write.Json is null);

    static Bson Audit(AuditEntry entry) => new Bson { { "sequence", entry.Sequence }, { "at", entry.Draft.At } }
        .With("actor", entry.Draft.Actor).With("from_ip", entry.Draft.FromIp).With("action", entry.Draft.Action).With("target_type", entry.Draft.TargetType)
        .With("target_id", entry.Draft.TargetId).With("org_id", entry.Draft.OrgId).With("before_json", entry.Draft.BeforeJson)
        .With("after_json", entry.Draft.AfterJson).With("previous_hash", entry.PreviousHash).With("hash", entry.Hash);

    static AuditEntry ReadAudit(BsonFields audit) => new(
        audit.Number("sequence"),
        new AuditDraft(
            audit.Time("at"), audit.RequiredText("actor"), audit.Text("from_ip"), audit.RequiredText("action"), audit.RequiredText("target_type"),
            audit.RequiredText("target_id"), audit.Text("org_id"), audit.Text("before_json"), audit.Text("after_json")),
        audit.RequiredText("previous_hash"),
        audit.RequiredText("hash"));
}
