using System.Text.RegularExpressions;
using CurateMe.Ledger.Records;

namespace CurateMe.Ledger.Mongo;

/// <summary>The aggregations. Sums of days and records that no sum covers are brought to one shape, joined, and grouped by the server.</summary>
internal static class Pipelines
{
    static readonly Bson HourOfRecord = new() { { "$dateToString", new Bson { { "format", "%Y-%m-%dT%H:00:00Z" }, { "date", "$ts" } } } };

    /// <summary>The field that sums keep a dimension in, as records do but for the hour.</summary>
    static string Field(BreakdownDimension dimension) => dimension switch
    {
        BreakdownDimension.Model => "model",
        BreakdownDimension.Provider => "provider",
        BreakdownDimension.Team => "team_id",
        BreakdownDimension.Key => "key_id",
        BreakdownDimension.Runner => "runner_id",
        BreakdownDimension.Session => "session_id",
        BreakdownDimension.Tag => "tags",
        BreakdownDimension.Hour => "hour",
        _ => throw new ArgumentOutOfRangeException(nameof(dimension), dimension, "not a dimension of sums"),
    };

    static IEnumerable<string> Fields(SumKind kind) => SumKinds.DimensionsOf(kind).Select(Field).Prepend("org_id");

    /// <summary>Groups one day's records as <c>gateway_usage_daily</c> keeps them.</summary>
    internal static Bson[] SumOfRecords(string day, SumKind kind)
    {
        var id = new Bson();
        foreach (var name in Fields(kind)) id.Add(name, name == "hour" ? HourOfRecord : $"${name}");
        return [new() { { "$match", new Bson { { "period_day", day } } } }, Grouped(id, Sum(1L), "$ts")];
    }

    /// <summary>Groups finer sums of the same build.</summary>
    internal static Bson[] SumOfSums(string build, SumKind from, SumKind kind)
    {
        var id = new Bson();
        foreach (var name in Fields(kind)) id.Add(name, $"${name}");
        return [new() { { "$match", new Bson { { "build", build }, { "kind", (int)from } } } }, Grouped(id, Sum("$requests"), "$last_ts")];
    }

    static Bson Grouped(Bson id, Bson requests, string last) => new()
    {
        { "$group", new Bson
        {
            { "_id", id }, { "cost", Sum("$cost_nano_usd") }, { "requests", requests }, { "prompt", Sum("$prompt_tokens") },
            { "completion", Sum("$completion_tokens") }, { "last", new Bson { { "$max", last } } },
        } },
    };

    internal static Bson SumDocument(string day, string build, SumKind kind, int number, BsonFields sum)
    {
        var document = new Bson { { "_id", $"{build}:{(int)kind}:{number}" }, { "build", build }, { "kind", (int)kind }, { "period_day", day } };
        var id = sum.Document("_id")!;
        foreach (var name in Fields(kind)) document.With(name, id.Text(name));
        return document.With("cost_nano_usd", sum.Number("cost")).With("requests", sum.Number("requests")).With("prompt_tokens", sum.Number("prompt"))
            .With("completion_tokens", sum.Number("completion")).With("last_ts", sum.Time("last"));
    }

    /// <summary>What is to be grouped: expressions by name, for the sums of days and for records.</summary>
    internal sealed record Shape(SumKind Kind, IReadOnlyList<(string Name, object OfSums, object OfRecords)> Groups);

    /// <summary>From sums of days (by the names of the sums) and records (by conditions, with 1, or −1 to take them away, or 0 to count only when they were) to groups d0, d1 ... with their sums.</summary>
    internal static List<Bson> Joined(Shape shape, Bson ofSums, IReadOnlyList<(Bson Match, int Sign)> ofRecords)
    {
        var pipeline = new List<Bson> { new() { { "$match", ofSums } }, new() { { "$project", Project(shape.Groups.Select(static g => (g.Name, g.OfSums)), "$cost_nano_usd", "$requests", "$prompt_tokens", "$completion_tokens", "$last_ts") } } };
        foreach (var (match, sign) in ofRecords)
        {
            object cost = sign == 1 ? "$cost_nano_usd" : new Bson { { "$multiply", new object[] { "$cost_nano_usd", (long)sign } } };
            pipeline.Add(new()
            {
                { "$unionWith", new Bson
                {
                    { "coll", MongoLedger.Collection },
                    { "pipeline", new Bson[]
                    {
                        new() { { "$match", match } },
                        new() { { "$project", Project(shape.Groups.Select(static g => (g.Name, g.OfRecords)), cost, new Bson { { "$literal", (long)sign } }, "$prompt_tokens", "$completion_tokens", "$ts") } },
                    } },
                } },
            });
        }
        var id = new Bson();
        foreach (var group in shape.Groups) id.Add(group.Name, $"${group.Name}");
        pipeline.Add(new()
        {
            { "$group", new Bson
            {
                { "_id", id }, { "cost", Sum("$cost") }, { "requests", Sum("$requests") }, { "prompt", Sum("$prompt") },
                { "completion", Sum("$completion") }, { "last", new Bson { { "$max", "$last" } } },
            } },
        });
        return pipeline;
    }

    static Bson Project(IEnumerable<(string Name, object Expression)> groups, object cost, object requests, object prompt, object completion, object last)
    {
        var project = new Bson { { "_id", 0 }, { "cost", cost }, { "requests", requests }, { "prompt", prompt }, { "completion", completion }, { "last", last } };
        foreach (var (name, expression) in groups) project.Add(name, expression);
        return project;
    }

    /// <summary>The value that a dimension groups by; missing becomes null.</summary>
    internal static object Expression(BreakdownDimension dimension, string? tag, bool ofSums) => dimension switch
    {
        BreakdownDimension.Model => "$model",
        BreakdownDimension.Provider => "$provider",
        BreakdownDimension.Key => "$key_id",
        BreakdownDimension.Day => "$period_day",
        BreakdownDimension.Team => OrNull("$team_id"),
        BreakdownDimension.Runner => OrNull("$runner_id"),
        BreakdownDimension.Session => OrNull("$session_id"),
        BreakdownDimension.Hour => ofSums ? "$hour" : HourOfRecord,
        BreakdownDimension.Tag => Tag(tag ?? throw new ArgumentException("A breakdown by tag needs the tag's name.", nameof(tag))),
        _ => throw new ArgumentOutOfRangeException(nameof(dimension), dimension, "not a dimension"),
    };

    internal static Bson OrNull(string field) => new() { { "$ifNull", new object?[] { field, null } } };

    static Bson Tag(string name)
    {
        var found = new Bson { { "$regexFind", new Bson { { "input", new Bson { { "$ifNull", new object[] { "$tags", "" } } } }, { "regex", $"(?:^|,){Regex.Escape(name)}=([^,]*)" } } } };
        return new Bson
        {
            { "$let", new Bson
            {
                { "vars", new Bson { { "found", found } } },
                { "in", new Bson { { "$ifNull", new object?[] { new Bson { { "$arrayElemAt", new object[] { "$$found.captures", 0 } } }, null } } } },
            } },
        };
    }

    static Bson Sum(object value) => new() { { "$sum", value } };
}
