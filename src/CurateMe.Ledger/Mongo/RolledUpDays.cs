using System.Globalization;
using CurateMe.Ledger.Records;

namespace CurateMe.Ledger.Mongo;

/// <summary>
/// Sums of days that are over, kept in <c>gateway_usage_daily</c>, and in <c>gateway_usage_days</c> whether they still hold. No transaction spans
/// records and sums, so a sum is believed only while nothing can have been added to its day:
/// <list type="number">
/// <item>A day is summed when it has been over for <see cref="SettledAfter"/>; a record that comes when it has been over for <see cref="LateAfter"/> is late.</item>
/// <item>Who stores late records first adds 1 to the day's <c>epoch</c> and leaves a mark in <c>pending</c>, then stores, then takes the mark away and adds 1 again. Who finds
/// a day late only after storing, because the storing took so long, adds 1 then.</item>
/// <item>A day's sums hold while their epoch is the day's and there is no mark. Else the day is summed from its records, as today is.</item>
/// <item>Who sums a day first makes the day's <c>claim</c> its own, then reads its epoch, writes the sums under a name of their own, and makes them the day's only if the claim is
/// still its own, the epoch still the same and there is no mark. A claim that is <see cref="ClaimLife"/> old may be taken by another, and then the former owner fails.</item>
/// <item>Sums are deleted by who has the claim and can never become the day's again: those under names that are neither the day's nor its own, when it begins, and the ones it
/// replaced, by their name, when it has ended.</item>
/// </list>
/// So a late record is either seen by the summing or has moved the epoch before the sums were made the day's, and no replica deletes what another has made the day's. A question reads
/// which sums hold before and after; if they changed meanwhile, it begins again. Marks of writers that died are taken away after <see cref="MarkLife"/>.
/// </summary>
internal static class RolledUpDays
{
    internal const string Days = "gateway_usage_days";
    internal const string Sums = "gateway_usage_daily";

    internal static readonly TimeSpan LateAfter = TimeSpan.FromHours(1);
    internal static readonly TimeSpan SettledAfter = TimeSpan.FromHours(3);
    internal static readonly TimeSpan MarkLife = TimeSpan.FromHours(1);

    /// <summary>Longer than summing a day takes. Nothing but work done twice depends on it.</summary>
    internal static readonly TimeSpan ClaimLife = TimeSpan.FromMinutes(10);

    /// <summary>What is summed, in this order, and from which finer sums; null: from the records.</summary>
    static readonly (SumKind Kind, SumKind? From)[] Steps =
    [
        (SumKind.Session, null), (SumKind.SessionAlone, SumKind.Session), (SumKind.Plain, SumKind.Session), (SumKind.Model, SumKind.Plain), (SumKind.Key, SumKind.Plain), (SumKind.Runner, SumKind.Plain),
        (SumKind.Hour, null), (SumKind.HourModel, SumKind.Hour), (SumKind.HourTeam, SumKind.Hour), (SumKind.Tags, null), (SumKind.TagsAlone, SumKind.Tags),
    ];

    internal static readonly SumKind[] Kept = [.. Steps.Select(static step => step.Kind)];

    /// <summary>Of what a build holds. Sums of another version hold no more, and their days are summed again.</summary>
    const long Version = 3;

    /// <summary>Most days summed in one upkeep.</summary>
    internal const int MaxDaysAtOnce = 40;

    internal static DateTimeOffset End(DateOnly day) => new(day.AddDays(1), TimeOnly.MinValue, TimeSpan.Zero);

    /// <summary>Marks the days of late records; gives the mark, or null when none is late.</summary>
    internal static string? Mark(MongoSession session, IReadOnlyList<DateOnly> days, DateTimeOffset now)
    {
        if (days.Count == 0) return null;
        var mark = RequestId.New(now).ToString();
        Upsert(session, () => Updates(days, new Bson
        {
            { "$inc", new Bson { { "epoch", 1L } } },
            { "$push", new Bson { { "pending", new Bson { { "mark", mark }, { "at", now } } } } },
        }, upsert: true));
        return mark;
    }

    internal static void Unmark(MongoSession session, IReadOnlyList<DateOnly> days, string mark) => session.Write(Updates(days, new Bson
    {
        { "$pull", new Bson { { "pending", new Bson { { "mark", mark } } } } },
        { "$inc", new Bson { { "epoch", 1L } } },
    }, upsert: false));

    /// <summary>Says that these days have got records, whatever was summed of them.</summary>
    internal static void Touch(MongoSession session, IReadOnlyList<DateOnly> days)
    {
        if (days.Count == 0) return;
        Upsert(session, () => Updates(days, new Bson { { "$inc", new Bson { { "epoch", 1L } } }, { "$setOnInsert", new Bson { { "pending", Array.Empty<Bson>() } } } }, upsert: true));
    }

    // Of two that make a day at once, a server may tell one that it is there. What is then done twice, it may be: epochs only grow, and a mark is taken away wherever it stands.
    static void Upsert(MongoSession session, Func<Bson> command)
    {
        try
        {
            session.Write(command());
        }
        catch (MongoException e) when (e.Code == MongoException.DuplicateKey)
        {
            session.Write(command());
        }
    }

    static Bson Updates(IReadOnlyList<DateOnly> days, Bson update, bool upsert) => new()
    {
        { "update", Days },
        { "updates", days.Select(day => new Bson { { "q", new Bson { { "_id", day.ToString("O") } } }, { "u", update }, { "upsert", upsert } }).ToList() },
    };

    /// <summary>The days whose sums hold, with the name of the sums.</summary>
    internal static Dictionary<string, string> Holding(MongoSession session, string firstDay, string endDay)
    {
        var days = session.Find(Days, new Bson { { "_id", new Bson { { "$gte", firstDay }, { "$lt", endDay } } } }, []);
        return days.Where(day => day.Text("build") is not null && day.ContainsKey("version") && day.Number("version") == Version && day.Number("built_epoch") == day.Number("epoch") && day.List("pending").Count == 0)
            .ToDictionary(day => day.RequiredText("_id"), day => day.RequiredText("build"));
    }

    /// <summary>Sums the days that are over and have no sums that hold, newest first.</summary>
    internal static void SumUp(MongoSession session, DateTimeOffset now)
    {
        var first = session.Find(MongoLedger.Collection, [], new Bson
        {
            { "sort", new Bson { { "period_day", 1 } } }, { "limit", 1L }, { "projection", new Bson { { "period_day", 1 } } },
        });
        if (first.Count == 0) return;
        var oldest = DateOnly.ParseExact(first[0].RequiredText("period_day"), "O", CultureInfo.InvariantCulture);
        var newest = DateOnly.FromDateTime((now - SettledAfter).UtcDateTime).AddDays(-1);
        if (newest < oldest) return;
        var holding = Holding(session, oldest.ToString("O"), newest.AddDays(1).ToString("O"));
        var summed = 0;
        for (var day = newest; day >= oldest && summed < MaxDaysAtOnce; day = day.AddDays(-1))
        {
            if (holding.ContainsKey(day.ToString("O"))) continue;
            SumUp(session, day.ToString("O"), now);
            summed++;
        }
    }

    static void SumUp(MongoSession session, string day, DateTimeOffset now)
    {
        if (Begin(session, day, now) is not { } begun) return;
        var (build, replaced, epoch) = begun;
        Delete(session, day, new Bson { { "$nin", new object?[] { build, replaced } } });
        foreach (var (kind, from) in Steps) Sum(session, day, build, kind, from);
        var made = session.Write(Update(
            Days,
            new Bson { { "_id", day }, { "claim", build }, { "epoch", epoch }, { "pending", new Bson { { "$size", 0 } } } },
            new Bson { { "$set", new Bson { { "build", build }, { "built_epoch", epoch }, { "version", Version } } }, { "$unset", new Bson { { "claim", "" }, { "claimed_at", "" } } } },
            upsert: false));
        if (made.Number("n") == 1)
        {
            if (replaced is not null) Delete(session, day, new Bson { { "$eq", replaced } });
            return;
        }
        Delete(session, day, new Bson { { "$eq", build } });
        Release(session, day, build);
    }

    // As they come: a day can have as many sums by session as it has records.
    static void Sum(MongoSession session, string day, string build, SumKind kind, SumKind? from)
    {
        var (collection, pipeline) = from is { } finer ? (Sums, Pipelines.SumOfSums(build, finer, kind)) : (MongoLedger.Collection, Pipelines.SumOfRecords(day, kind));
        var number = 0;
        if (kind != SumKind.SessionAlone)
        {
            session.Aggregate(collection, pipeline, MongoLedger.InsertChunk, sums => Insert(session, [.. sums.Select(sum => Pipelines.SumDocument(day, build, kind, number++, sum))]));
            return;
        }
        session.Aggregate(collection, [.. pipeline, SessionSums.OrgByOrg], SessionSums.MaxPacked, sums =>
        {
            foreach (var pack in SessionSums.Pack(day, build, sums, number))
            {
                Insert(session, [pack]);
                number++;
            }
        });
    }

    /// <summary>Claims a day.</summary>
    /// <returns>The name for the new sums, the name of those they replace, and the day's epoch; null when another has it, or late records are being stored.</returns>
    static (string Build, string? Replaced, long Epoch)? Begin(MongoSession session, string day, DateTimeOffset now)
    {
        var only = new Bson { { "_id", day } };
        Upsert(session, () => Update(Days, only, new Bson { { "$setOnInsert", new Bson { { "epoch", 0L }, { "pending", Array.Empty<Bson>() } } } }, upsert: true));
        var dead = new Bson { { "at", new Bson { { "$lt", now - MarkLife } } } };
        session.Write(Update(
            Days,
            new Bson { { "_id", day }, { "pending", new Bson { { "$elemMatch", dead } } } },
            new Bson { { "$pull", new Bson { { "pending", dead } } }, { "$inc", new Bson { { "epoch", 1L } } } },
            upsert: false));
        var build = RequestId.New(now).ToString();
        var free = new Bson[] { new() { { "claim", null } }, new() { { "claimed_at", new Bson { { "$lt", now - ClaimLife } } } } };
        var claimed = session.Write(Update(
            Days,
            new Bson { { "_id", day }, { "$or", free } },
            new Bson { { "$set", new Bson { { "claim", build }, { "claimed_at", now } } } },
            upsert: false));
        if (claimed.Number("n") != 1) return null;
        var state = session.Find(Days, only, []).Single();
        if (state.Text("claim") == build && state.List("pending").Count == 0) return (build, state.Text("build"), state.Number("epoch"));
        Release(session, day, build);
        return null;
    }

    static void Release(MongoSession session, string day, string build) => session.Write(Update(
        Days, new Bson { { "_id", day }, { "claim", build } }, new Bson { { "$unset", new Bson { { "claim", "" }, { "claimed_at", "" } } } }, upsert: false));

    static void Insert(MongoSession session, Bson[] documents) => session.Write(new Bson { { "insert", Sums }, { "documents", documents } });

    static void Delete(MongoSession session, string day, Bson build) => session.Write(new Bson
    {
        { "delete", Sums }, { "deletes", new[] { new Bson { { "q", new Bson { { "period_day", day }, { "build", build } } }, { "limit", 0 } } } },
    });

    static Bson Update(string collection, Bson query, Bson update, bool upsert) => new()
    {
        { "update", collection }, { "updates", new[] { new Bson { { "q", query }, { "u", update }, { "upsert", upsert } } } },
    };
}
