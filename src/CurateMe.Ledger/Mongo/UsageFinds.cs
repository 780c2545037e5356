using System.Text.RegularExpressions;
using CurateMe.Ledger.Records;

namespace CurateMe.Ledger.Mongo;

/// <summary>The queries for records. The tenant is in every filter (I10).</summary>
internal static class UsageFinds
{
    internal static UsagePage Page(MongoSession session, UsageQuery query, UsageCursor? after)
    {
        var limit = Math.Clamp(query.Limit, 1, UsageQuery.MaxLimit);
        var key = query.Sort.ByCost() ? "cost_nano_usd" : "ts";
        var direction = query.Sort.Descending() ? -1 : 1;
        var filter = Filter(query);
        if (after is { } cursor)
        {
            var beyond = query.Sort.Descending() ? "$lt" : "$gt";
            object last = query.Sort.ByCost() ? cursor.Key : DateTimeOffset.FromUnixTimeMilliseconds(cursor.Key);
            filter.Add("$or", new Bson[]
            {
                new() { { key, new Bson { { beyond, last } } } },
                new() { { key, last }, { "_id", new Bson { { beyond, cursor.Id.ToString() } } } },
            });
        }
        var options = new Bson { { "sort", new Bson { { key, direction }, { "_id", direction } } }, { "limit", limit + 1L } };
        var records = session.Find(MongoLedger.Collection, filter, options).ConvertAll(UsageDocuments.Read);
        if (records.Count <= limit) return new UsagePage(records, null);
        records.RemoveAt(limit);
        return new UsagePage(records, UsageCursor.After(query.Sort, records[^1]).ToString());
    }

    internal static DateTimeOffset? Newest(MongoSession session)
    {
        var newest = session.Find(MongoLedger.Collection, [], new Bson
        {
            { "sort", new Bson { { "_id", -1 } } }, { "limit", 1L }, { "projection", new Bson { { "ts", 1 } } },
        });
        return newest.Count == 0 ? null : newest[0].Time("ts");
    }

    static Bson Filter(UsageQuery query)
    {
        var filter = new Bson { { "org_id", query.OrgId } }
            .With("key_id", query.KeyId)
            .With("team_id", query.TeamId)
            .With("runner_id", query.RunnerId)
            .With("session_id", query.SessionId)
            .With("model", query.Model)
            .With("provider", query.Provider)
            .With("status", query.Status?.Name())
            .With("usage_source", query.Source?.Name())
            .With("tags", query.Tag is { } tag ? new Bson { { "$regex", $"(?:^|,){Regex.Escape(tag)}(?:,|$)" } } : null);
        var time = new Bson().With("$gte", Time(query.From)).With("$lt", Time(query.To));
        return time.Fields.Count == 0 ? filter : filter.With("ts", time);
    }

    static object? Time(DateTimeOffset? bound) => bound is { } at ? At(BreakdownRange.Milliseconds(at)) : null;

    /// <summary>Milliseconds since 1970 as a time; far ends are cut to the last day there is.</summary>
    internal static DateTimeOffset At(long milliseconds) =>
        DateTimeOffset.FromUnixTimeMilliseconds(Math.Min(milliseconds, DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()));
}
