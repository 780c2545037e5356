using System.Runtime.InteropServices;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;

namespace CurateMe.Ledger.Mongo;

/// <summary>
/// Sums by session, which are as many as an org makes: thousands to a document, as lists of equal length, because a server needs seconds to group as many documents as there are sessions in
/// a month. Whoever asks adds the lists up, and to them what the server sums from records.
/// </summary>
internal static class SessionSums
{
    /// <summary>Most sums in one document, which keeps it far below what a server takes.</summary>
    internal const int MaxPacked = 5_000;

    /// <summary>A stage that keeps an org's sums together, so that a stretch of them makes few documents.</summary>
    internal static Bson OrgByOrg => new() { { "$sort", new Bson { { "_id.org_id", 1 } } } };

    /// <summary>Packs the sums of a day and a build into documents, each of one org, with its totals under the names that all kinds have.</summary>
    /// <param name="first">Number of the first document.</param>
    internal static IEnumerable<Bson> Pack(string day, string build, List<BsonFields> sums, int first = 0) =>
        sums.GroupBy(static sum => sum.Document("_id")!.RequiredText("org_id")).SelectMany(org => org.Chunk(MaxPacked), static (org, chunk) => (Org: org.Key, Sums: chunk)).Select((pack, i) => new Bson
        {
            { "_id", $"{build}:{(int)SumKind.SessionAlone}:{first + i}" }, { "build", build }, { "kind", (int)SumKind.SessionAlone }, { "period_day", day }, { "org_id", pack.Org },
            { "cost_nano_usd", Total(pack.Sums, "cost") }, { "requests", Total(pack.Sums, "requests") },
            { "runner_ids", pack.Sums.Select(static sum => sum.Document("_id")!.Text("runner_id")) }, { "session_ids", pack.Sums.Select(static sum => sum.Document("_id")!.Text("session_id")) },
            { "costs", Numbers(pack.Sums, "cost") }, { "counts", Numbers(pack.Sums, "requests") }, { "prompts", Numbers(pack.Sums, "prompt") }, { "completions", Numbers(pack.Sums, "completion") },
        });

    /// <summary>Adds up packs, and rows that the server has grouped by the same dimensions as d0, d1 ...</summary>
    internal static List<BreakdownRow> Add(IReadOnlyList<BsonFields> packs, IReadOnlyList<BsonFields> rows, BreakdownQuery query)
    {
        var sums = new Dictionary<Group, Sums>();
        foreach (var pack in packs)
        {
            var (day, runners, sessions) = (pack.RequiredText("period_day"), pack.List("runner_ids"), pack.List("session_ids"));
            var (costs, counts, prompts, completions) = (pack.List("costs"), pack.List("counts"), pack.List("prompts"), pack.List("completions"));
            for (var i = 0; i < sessions.Count; i++)
            {
                string? Value(int place) => place >= query.By.Count ? null : query.By[place] switch
                {
                    BreakdownDimension.Day => day,
                    BreakdownDimension.Runner => (string?)runners[i],
                    _ => (string?)sessions[i],
                };
                Of(new Group(Value(0), Value(1), Value(2))).Add((long)costs[i]!, (long)counts[i]!, (long)prompts[i]!, (long)completions[i]!);
            }
        }
        foreach (var row in rows)
        {
            var id = row.Document("_id")!;
            Of(new Group(id.Text("d0"), id.Text("d1"), id.Text("d2"))).Add(row.Number("cost"), row.Number("requests"), row.Number("prompt"), row.Number("completion"));
        }
        return
        [
            .. sums.OrderByDescending(static sum => sum.Value.Cost).ThenBy(static sum => sum.Key.First, StringComparer.Ordinal).ThenBy(static sum => sum.Key.Second, StringComparer.Ordinal)
                .ThenBy(static sum => sum.Key.Third, StringComparer.Ordinal).Take(Math.Clamp(query.Limit, 1, BreakdownQuery.MaxRows))
                .Select(sum => new BreakdownRow(((string?[])[sum.Key.First, sum.Key.Second, sum.Key.Third])[..query.By.Count], new NanoUsd(sum.Value.Cost), sum.Value.Requests, sum.Value.Prompt, sum.Value.Completion)),
        ];

        ref Sums Of(Group group) => ref CollectionsMarshal.GetValueRefOrAddDefault(sums, group, out _);
    }

    static long Total(BsonFields[] sums, string name) => Numbers(sums, name).Aggregate(0L, static (total, number) => checked(total + number));

    static IEnumerable<long> Numbers(BsonFields[] sums, string name) => sums.Select(sum => sum.Number(name));

    /// <summary>What is grouped by: at most the day, the runner and the session.</summary>
    readonly record struct Group(string? First, string? Second, string? Third);

    struct Sums
    {
        public long Cost, Requests, Prompt, Completion;

        public void Add(long cost, long requests, long prompt, long completion)
        {
            Cost = checked(Cost + cost);
            Requests += requests;
            Prompt += prompt;
            Completion += completion;
        }
    }
}
