using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;
using Xunit;

namespace CurateMe.Ledger.Tests.Records;

public abstract partial class UsageLedgerContract
{
    [Theory]
    [InlineData(UsageSort.TimeDesc)]
    [InlineData(UsageSort.TimeAsc)]
    [InlineData(UsageSort.CostDesc)]
    [InlineData(UsageSort.CostAsc)]
    public async Task Query_AllPages_GiveEveryRecordOnceInOrder(UsageSort sort)
    {
        const int Seed = 21;
        var all = await WriteHistoryAsync(Records(Seed), 500);
        var expected = all.Where(record => record.OrgId == "org_a").ToList();
        expected.Sort((x, y) => Compare(x, y, sort));

        var pages = await PagesAsync(new UsageQuery { OrgId = "org_a", Sort = sort, Limit = 7 });

        Assert.All(pages.SkipLast(1), page => Assert.Equal(7, page.Count));
        Assert.Equal(expected.Select(record => record.Id), pages.SelectMany(page => page).Select(record => record.Id));
    }

    [Fact]
    public async Task Query_SameTimeAndCost_AreAllPaged()
    {
        var one = Records(22).Make("org_a");
        var random = Records(23);
        var all = Enumerable.Range(0, 20).Select(_ => new UsageRecord
        {
            Id = random.NewId(one.Timestamp),
            OrgId = "org_a",
            KeyId = "k",
            Provider = "p",
            Model = "m",
            RequestedModel = "m",
            Endpoint = "e",
            Day = one.Day,
            Timestamp = one.Timestamp,
            PriceVersion = "v",
            Status = RecordStatus.Settled,
            Cost = new NanoUsd(5),
        }).ToList();
        await Ledger.RecordAsync(all, Ct);

        foreach (var sort in Enum.GetValues<UsageSort>())
        {
            var pages = await PagesAsync(new UsageQuery { OrgId = "org_a", Sort = sort, Limit = 3 });
            Assert.Equal(20, pages.SelectMany(page => page).Select(record => record.Id).Distinct().Count());
        }
    }

    [Theory]
    [InlineData(UsageSort.TimeDesc)]
    [InlineData(UsageSort.CostAsc)]
    public async Task Query_WhileRecordsAreWritten_GivesEveryOldRecordOnce(UsageSort sort)
    {
        const int Seed = 24;
        var random = Records(Seed);
        var old = await WriteHistoryAsync(random, 400);
        var more = random.Make(600);
        using var done = new CancellationTokenSource();
        var writing = Task.Run(async () =>
        {
            foreach (var batch in more.Chunk(10)) await Ledger.RecordAsync(batch, Ct);
        }, Ct);

        var pages = await PagesAsync(new UsageQuery { OrgId = "org_b", Sort = sort, Limit = 5 });
        await writing;

        var seen = pages.SelectMany(page => page).Select(record => record.Id).ToList();
        Assert.Equal(seen.Count, seen.Distinct().Count());
        Assert.Empty(old.Where(record => record.OrgId == "org_b").Select(record => record.Id).Except(seen));
    }

    [Fact]
    public async Task Query_Filters_GiveWhatMatchesAllOfThem()
    {
        const int Seed = 25;
        var all = (await WriteHistoryAsync(Records(Seed), 800)).Where(record => record.OrgId == "org_ä").ToList();
        async Task Check(UsageQuery query, Func<UsageRecord, bool> matches)
        {
            var found = (await PagesAsync(query with { Limit = UsageQuery.MaxLimit })).SelectMany(page => page).Select(record => record.Id).ToHashSet();
            Assert.True(found.SetEquals(all.Where(matches).Select(record => record.Id)), $"seed {Seed}: {query}");
        }
        var any = new UsageQuery { OrgId = "org_ä" };

        await Check(any with { KeyId = "key_2" }, record => record.KeyId == "key_2");
        await Check(any with { KeyId = "key_none" }, _ => false);
        await Check(any with { TeamId = "team_1" }, record => record.TeamId == "team_1");
        await Check(any with { RunnerId = "runner_1" }, record => record.RunnerId == "runner_1");
        await Check(any with { SessionId = "sess_3" }, record => record.SessionId == "sess_3");
        await Check(any with { Model = "gpt-5.1", Sort = UsageSort.CostDesc }, record => record.Model == "gpt-5.1");
        await Check(any with { Provider = "anthropic" }, record => record.Provider == "anthropic");
        await Check(any with { Status = RecordStatus.ClientLeft }, record => record.Status == RecordStatus.ClientLeft);
        await Check(any with { Source = UsageSource.Presumed, KeyId = "key_4" }, record => record.Source == UsageSource.Presumed && record.KeyId == "key_4");
        var tagged = all.First(record => record.Tags is { } tags && tags.Contains('=', StringComparison.Ordinal)).Tags!.Split(',')[0];
        await Check(any with { Tag = tagged }, record => record.Tags?.Split(',').Contains(tagged) == true);
        await Check(any with { Tag = tagged[..^1] }, record => record.Tags?.Split(',').Contains(tagged[..^1]) == true);
        await Check(any with { From = all[7].Timestamp }, record => record.Timestamp >= all[7].Timestamp);
        await Check(any with { To = all[7].Timestamp, Sort = UsageSort.CostAsc }, record => record.Timestamp < all[7].Timestamp);
        await Check(any with { From = all[7].Timestamp, To = all[7].Timestamp }, _ => false);
    }

    [Theory]
    [InlineData("")]
    [InlineData("nonsense")]
    [InlineData("MC4xLmd3XzAw")]
    [InlineData("MC45MjIzMzcyMDM2ODU0Nzc1ODA3Lmd3XzAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw")] // a time that no calendar has
    [InlineData("MC4tOTIyMzM3MjAzNjg1NDc3NTgwOC5nd18wMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMA")]
    public async Task Query_ForeignCursor_IsRefused(string cursor)
    {
        await Assert.ThrowsAsync<InvalidCursorException>(() => Ledger.QueryAsync(new UsageQuery { OrgId = "org_a", Cursor = cursor }, Ct));
    }

    [Fact]
    public async Task Query_CursorOfAnotherOrder_IsRefused()
    {
        await Ledger.RecordAsync([.. Enumerable.Range(26, 3).Select(seed => Records(seed).Make("org_a"))], Ct);
        var page = await Ledger.QueryAsync(new UsageQuery { OrgId = "org_a", Limit = 1 }, Ct);
        Assert.NotNull(page.NextCursor);

        await Assert.ThrowsAsync<InvalidCursorException>(
            () => Ledger.QueryAsync(new UsageQuery { OrgId = "org_a", Sort = UsageSort.CostDesc, Cursor = page.NextCursor }, Ct));
    }

    [Fact]
    public async Task Query_CursorOfAnotherOrg_GivesOnlyTheAskersRecords()
    {
        await WriteHistoryAsync(Records(27), 100);
        var foreign = await Ledger.QueryAsync(new UsageQuery { OrgId = "org_a", Limit = 1 }, Ct);

        var page = await Ledger.QueryAsync(new UsageQuery { OrgId = "org_b", Cursor = foreign.NextCursor }, Ct);

        Assert.NotEmpty(page.Records);
        Assert.All(page.Records, record => Assert.Equal("org_b", record.OrgId));
    }

    async Task<List<IReadOnlyList<UsageRecord>>> PagesAsync(UsageQuery query)
    {
        var pages = new List<IReadOnlyList<UsageRecord>>();
        do
        {
            var page = await Ledger.QueryAsync(query, Ct);
            pages.Add(page.Records);
            query = query with { Cursor = page.NextCursor };
            Assert.True(pages.Count < 10_000, "paging does not end");
        }
        while (query.Cursor is not null);
        return pages;
    }

    static int Compare(UsageRecord x, UsageRecord y, UsageSort sort)
    {
        var (key, id) = sort is UsageSort.CostAsc or UsageSort.CostDesc
            ? (x.Cost.CompareTo(y.Cost), x.Id.CompareTo(y.Id))
            : (x.Timestamp.CompareTo(y.Timestamp), x.Id.CompareTo(y.Id));
        var ascending = key != 0 ? key : id;
        return sort is UsageSort.TimeAsc or UsageSort.CostAsc ? ascending : -ascending;
    }
}
