using System.Globalization;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;

namespace CurateMe.Ledger.Mongo;

/// <summary>Sums: of days that hold from their sums, of the rest from the records, in one aggregation.</summary>
internal static class UsageSums
{
    /// <summary>How often a sum is begun again because a late record came to a day meanwhile, before all is summed from the records.</summary>
    const int MaxTries = 4;

    /// <summary>Most days that are named one by one.</summary>
    const int MaxNamedDays = 500;

    const string FirstDay = "0001-01-01";
    const string EndDay = "9999-12-31";

    internal static List<BreakdownRow> Breakdown(MongoSession session, BreakdownQuery query)
    {
        var kind = SumKinds.Of(query.By, RolledUpDays.Kept);
        var range = BreakdownRange.Of(query.From, query.To, kind is null ? 0 : BreakdownRange.DayMs);
        var shape = new Pipelines.Shape(
            kind ?? SumKind.Session,
            [.. query.By.Select((dimension, i) => ($"d{i}", Pipelines.Expression(dimension, query.TagName, ofSums: true), Pipelines.Expression(dimension, query.TagName, ofSums: false)))]);
        var parts = range.Parts.Select(part => (Org(query.OrgId).With("ts", Between(UsageFinds.At(part.From), UsageFinds.At(part.To))), 1)).ToList();
        if (kind == SumKind.SessionAlone)
        {
            return SumHolding(session, range.FirstDay.ToString("O"), range.EndDay.ToString("O"), (holding, rest) => SessionSums.Add(
                holding.Count == 0 ? [] : session.Find(RolledUpDays.Sums, OfSums(query.OrgId, holding, SumKind.SessionAlone), []),
                FromRecords(session, shape, [.. OfRecords(query.OrgId, rest), .. parts]),
                query));
        }
        var order = new Bson { { "cost", -1 }, { "_id", 1 } };
        var rows = Sum(session, shape, new SpendScope(query.OrgId, Except: null, Before: null), range.FirstDay.ToString("O"), range.EndDay.ToString("O"), [], parts,
            [new() { { "$sort", order } }, new() { { "$limit", (long)Math.Clamp(query.Limit, 1, BreakdownQuery.MaxRows) } }]);
        return rows.ConvertAll(row =>
        {
            var id = row.Document("_id")!;
            return new BreakdownRow(
                [.. query.By.Select((_, i) => id.Text($"d{i}"))], new NanoUsd(row.Number("cost")), row.Number("requests"), row.Number("prompt"), row.Number("completion"));
        });
    }

    internal static List<LeafSpend> ByKey(MongoSession session, SpendPeriod period, SpendScope scope)
    {
        var (first, end) = (period.Day.ToString("O"), period.End.ToString("O"));
        var shape = new Pipelines.Shape(SumKind.Key, Same([("org", "$org_id"), ("team", Pipelines.OrNull("$team_id")), ("key", "$key_id")]));
        var rows = Sum(session, shape, scope, first, end, [], [], []);
        return
        [
            .. rows.Where(row => row.Number("requests") > 0).Select(row =>
            {
                var id = row.Document("_id")!;
                return new LeafSpend(id.RequiredText("org"), id.Text("team"), id.RequiredText("key"), new NanoUsd(row.Number("cost")), row.Number("requests"));
            }),
        ];
    }

    internal static List<SessionSpend> BySession(MongoSession session, DateTimeOffset since, SpendScope scope)
    {
        var inSession = new Bson { { "session_id", new Bson { { "$gt", "" } } } };
        var shape = new Pipelines.Shape(SumKind.Session, Same([("org", "$org_id"), ("runner", Pipelines.OrNull("$runner_id")), ("session", "$session_id")]));
        var rows = Sum(session, shape, scope, FirstDay, EndDay, inSession, [], InUse(since)).ConvertAll(row =>
        {
            var id = row.Document("_id")!;
            return new SessionSpend(
                id.RequiredText("org"), id.Text("runner"), id.RequiredText("session"), new NanoUsd(row.Number("cost")), row.Number("requests"), row.Time("last"));
        });
        rows.RemoveAll(static row => row.Requests == 0);
        return rows;
    }

    /// <summary>Keeps the groups of sessions that any runner has used since then: an org's other sessions are as many as it ever made.</summary>
    static Bson[] InUse(DateTimeOffset since) =>
    [
        new() { { "$group", new Bson
        {
            { "_id", new Bson { { "org", "$_id.org" }, { "session", "$_id.session" } } }, { "last", new Bson { { "$max", "$last" } } }, { "groups", new Bson { { "$push", "$$ROOT" } } },
        } } },
        new() { { "$match", new Bson { { "last", new Bson { { "$gte", UsageFinds.At(BreakdownRange.Milliseconds(since)) } } } } } },
        new() { { "$unwind", "$groups" } },
        new() { { "$replaceRoot", new Bson { { "newRoot", "$groups" } } } },
    ];

    static List<(string Name, object OfSums, object OfRecords)> Same(IEnumerable<(string Name, object Expression)> groups) => [.. groups.Select(static g => (g.Name, g.Expression, g.Expression))];

    /// <param name="only">A condition on sums and records alike.</param>
    /// <param name="more">Records to add beside the days.</param>
    /// <param name="then">Stages after the grouping.</param>
    static List<BsonFields> Sum(
        MongoSession session, Pipelines.Shape shape, SpendScope scope, string firstDay, string endDay, Bson only, IReadOnlyList<(Bson, int)> more, Bson[] then) =>
        SumHolding(session, firstDay, endDay, (holding, rest) =>
        {
            var ofDays = OfRecords(scope.OrgId, rest).Select(days => And(And(days.Item1, only), Kept(scope)));
            List<(Bson, int)> records = [.. ofDays.Select(static days => (days, 1)), .. more];
            if (scope.LeavesOut && holding.Count > 0) records.Add((And(LeftOut(scope, new Bson { { "$in", holding.Keys } }), only), -1));
            // They count nothing, and a session was in use when they were made.
            if (scope.LeavesOut && rest is not null && shape.Kind == SumKind.Session) records.Add((And(LeftOut(scope, rest), only), 0));
            return session.Aggregate(RolledUpDays.Sums, [.. Pipelines.Joined(shape, And(OfSums(scope.OrgId, holding, shape.Kind), only), records), .. then]);
        });

    /// <summary>Asks with the days whose sums hold, by the names of the sums, and a condition for the other days; and again when a sum that was asked has come to hold no more meanwhile.</summary>
    static T SumHolding<T>(MongoSession session, string firstDay, string endDay, Func<Dictionary<string, string>, Bson?, T> ask)
    {
        for (var attempt = 1; ; attempt++)
        {
            var holding = attempt > MaxTries ? [] : RolledUpDays.Holding(session, firstDay, endDay);
            var answer = ask(holding, Rest(firstDay, endDay, holding));
            if (holding.Count == 0) return answer;
            var still = RolledUpDays.Holding(session, firstDay, endDay);
            if (holding.All(day => still.TryGetValue(day.Key, out var build) && build == day.Value)) return answer;
        }
    }

    static Bson OfSums(string? orgId, Dictionary<string, string> holding, SumKind kind) => Org(orgId).With("build", new Bson { { "$in", holding.Values } }).With("kind", (int)kind);

    static List<(Bson, int)> OfRecords(string? orgId, Bson? days) => days is null ? [] : [(Org(orgId).With("period_day", days), 1)];

    static List<BsonFields> FromRecords(MongoSession session, Pipelines.Shape shape, IReadOnlyList<(Bson, int)> records) =>
        records.Count == 0 ? [] : session.Aggregate(RolledUpDays.Sums, Pipelines.Joined(shape, OfSums(null, [], shape.Kind), records));

    /// <summary>The days that no sums hold for; null when there are none. By name where they are few, so that no server looks through the days that are summed.</summary>
    static Bson? Rest(string firstDay, string endDay, Dictionary<string, string> holding)
    {
        if (firstDay == endDay) return null;
        var (first, end) = (Day(firstDay), Day(endDay));
        if (end.DayNumber - first.DayNumber <= MaxNamedDays)
        {
            var rest = Enumerable.Range(first.DayNumber, end.DayNumber - first.DayNumber).Select(static number => DateOnly.FromDayNumber(number).ToString("O")).Where(day => !holding.ContainsKey(day)).ToList();
            return rest.Count == 0 ? null : new Bson { { "$in", rest } };
        }
        var days = Between(firstDay, endDay);
        if (holding.Count > 0) days.Add("$nin", holding.Keys);
        return days;
    }

    static DateOnly Day(string day) => DateOnly.ParseExact(day, "O", CultureInfo.InvariantCulture);

    // In the scan that counts, so that a record which arrives meanwhile is counted or not, and never taken away uncounted. An id carries its record's time: what is older than
    // all that are left out need not be looked for among them.
    static Bson Kept(SpendScope scope)
    {
        if (!scope.LeavesOut) return [];
        var older = new Bson { { "ts", new Bson { { "$lt", UsageFinds.At(scope.EarliestMs) } } } };
        if (scope.Except is not { Count: > 0 }) return older;
        var recent = new Bson { { "$gte", UsageFinds.At(scope.EarliestMs) } };
        if (scope.Before is not null) recent.Add("$lt", UsageFinds.At(scope.BeforeMs));
        return new() { { "$or", new Bson[] { older, new() { { "ts", recent }, { "_id", new Bson { { "$nin", Ids(scope) } } } } } } };
    }

    static Bson LeftOut(SpendScope scope, Bson days)
    {
        var either = new List<Bson> { new() { { "_id", new Bson { { "$in", Ids(scope) } } } } };
        if (scope.Before is not null) either.Add(new() { { "ts", new Bson { { "$gte", UsageFinds.At(scope.BeforeMs) } } } });
        return Org(scope.OrgId).With("period_day", days).With("ts", new Bson { { "$gte", UsageFinds.At(scope.EarliestMs) } }).With("$or", either);
    }

    static IEnumerable<string> Ids(SpendScope scope) => (scope.Except ?? new HashSet<RequestId>()).Select(static id => id.ToString());

    static Bson Org(string? orgId) => new Bson().With("org_id", orgId);

    static Bson And(Bson condition, Bson more)
    {
        foreach (var (name, value) in more.Fields) condition.Add(name, value);
        return condition;
    }

    static Bson Between(object from, object to) => new() { { "$gte", from }, { "$lt", to } };
}
