using CurateMe.Ledger.Mongo;
using CurateMe.Ledger.Records;
using Xunit;

namespace CurateMe.Ledger.Tests.Mongo;

public sealed class SessionSumsTests
{
    const string Day = "2026-03-01";

    static readonly BreakdownQuery BySession = new() { From = default, To = DateTimeOffset.MaxValue, By = [BreakdownDimension.Session] };

    static BsonFields Sum(string org, string? session, long cost) => new()
    {
        ["_id"] = new BsonFields { ["org_id"] = org, ["runner_id"] = session is null ? null : "runner", ["session_id"] = session },
        ["cost"] = cost,
        ["requests"] = 1L,
        ["prompt"] = 2L,
        ["completion"] = 3L,
    };

    static List<BsonFields> Packed(List<BsonFields> sums) => [.. SessionSums.Pack(Day, "build", sums).Select(static pack => BsonReader.Read(pack.ToBytes()))];

    [Fact]
    public void Pack_MoreThanOneDocumentHolds_AddsUpToTheSameSums()
    {
        List<BsonFields> sums = [.. Enumerable.Range(0, SessionSums.MaxPacked + 1).Select(static i => Sum("org_a", i == 0 ? null : $"s{i:00000}", i))];

        var packs = Packed(sums);

        Assert.Equal([SessionSums.MaxPacked, 1], packs.Select(static pack => pack.List("session_ids").Count));
        Assert.Equal(2, packs.Select(static pack => pack.RequiredText("_id")).Distinct().Count());
        var rows = SessionSums.Add(packs, [], BySession);
        Assert.Equal(sums.OrderByDescending(static sum => sum.Number("cost")).Select(static sum => (sum.Document("_id")!.Text("session_id"), sum.Number("cost"))), rows.Select(static row => (row.Values[0], row.Cost.Value)));
        Assert.All(rows, static row => Assert.Equal((1, 2, 3), (row.Requests, row.PromptTokens, row.CompletionTokens)));
    }

    [Fact]
    public void Pack_SeveralOrgs_KeepsEachInDocumentsOfItsOwn()
    {
        var packs = Packed([Sum("org_a", "s1", 1), Sum("org_b", "s1", 20), Sum("org_a", "s2", 300)]);

        Assert.Equal([("org_a", 301L), ("org_b", 20L)], packs.Select(static pack => (pack.RequiredText("org_id"), pack.Number("cost_nano_usd"))));
    }

    [Fact]
    public void Add_SameSessionOnTwoDaysAndInRecords_IsOneRow()
    {
        List<BsonFields> rows = [new() { ["_id"] = new BsonFields { ["d0"] = "s1" }, ["cost"] = 400L, ["requests"] = 4L, ["prompt"] = 5L, ["completion"] = 6L }];

        var row = Assert.Single(SessionSums.Add([.. Packed([Sum("org_a", "s1", 10)]), .. Packed([Sum("org_a", "s1", 1)])], rows, BySession));

        Assert.Equal(("s1", 411, 6, 9, 12), (row.Values[0], row.Cost.Value, row.Requests, row.PromptTokens, row.CompletionTokens));
    }

    [Fact]
    public void Add_MoreThanIsAsked_GivesTheDearest() =>
        Assert.Equal(["s2"], SessionSums.Add(Packed([Sum("org_a", "s1", 1), Sum("org_a", "s2", 2)]), [], BySession with { Limit = 1 }).Select(static row => row.Values[0]));
}
