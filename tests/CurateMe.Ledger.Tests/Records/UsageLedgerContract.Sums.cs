using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;
using Xunit;

namespace CurateMe.Ledger.Tests.Records;

public abstract partial class UsageLedgerContract
{
    [Theory]
    [InlineData(11)]
    [InlineData(12)]
    public async Task Sums_RandomHistory_EqualTheSumOfTheRecords(int seed)
    {
        var random = Records(seed);
        var all = await WriteHistoryAsync(random, 6_000);
        await AssertSumsAsync(all, seed);

        // Records that come when their day is long over.
        await Ledger.MaintainAsync(Ct);
        all.AddRange(await WriteHistoryAsync(random, 100));
        await AssertSumsAsync(all, seed);
        await Ledger.MaintainAsync(Ct);
        await AssertSumsAsync(all, seed);
    }

    async Task AssertSumsAsync(List<UsageRecord> all, int seed)
    {
        Assert.Empty(await Ledger.BreakdownAsync(new BreakdownQuery { OrgId = "org_none", From = From, To = Now.AddDays(1), By = [] }, Ct));
        foreach (var orgId in (string?[])["org_a", "org_ä", null])
        {
            foreach (var (from, to) in Ranges)
            {
                foreach (var by in Groupings) await AssertBreakdownAsync(all, new BreakdownQuery { OrgId = orgId, From = from, To = to, By = by, TagName = "app" }, seed);
            }
            await AssertSpendAsync(all, orgId, SpendPeriod.OfDay(new DateOnly(2026, 2, 28)), seed);
            await AssertSpendAsync(all, orgId, SpendPeriod.OfMonth(new DateOnly(2026, 2, 28)), seed);
            await AssertSpendAsync(all, orgId, SpendPeriod.OfMonth(new DateOnly(2026, 3, 2)), seed);
            await AssertSessionsAsync(all, orgId, seed);
        }
    }

    static (DateTimeOffset From, DateTimeOffset To)[] Ranges =>
    [
        (From, Now.AddDays(1)),
        (From.AddDays(1), From.AddDays(3)),
        (From.AddHours(7).AddMilliseconds(3), Now.AddHours(-3)),
        (From.AddDays(1).AddHours(2), From.AddDays(1).AddHours(9)),
        (From.AddHours(30).AddMinutes(10), From.AddHours(57).AddMinutes(50)),
        (From.AddHours(4), From.AddDays(2).AddHours(5)),
        (From.AddHours(4).AddMinutes(20), From.AddHours(4).AddMinutes(40)),
        (Now, From),
    ];

    static readonly BreakdownDimension[][] Groupings =
    [
        [],
        [BreakdownDimension.Model],
        [BreakdownDimension.Day],
        [BreakdownDimension.Hour],
        [BreakdownDimension.Tag],
        [BreakdownDimension.Hour, BreakdownDimension.Model],
        [BreakdownDimension.Tag, BreakdownDimension.Day],
        [BreakdownDimension.Tag, BreakdownDimension.Hour],
        [BreakdownDimension.Session],
        [BreakdownDimension.Session, BreakdownDimension.Day, BreakdownDimension.Runner],
        [BreakdownDimension.Session, BreakdownDimension.Tag],
        [BreakdownDimension.Day, BreakdownDimension.Runner],
        [BreakdownDimension.Hour, BreakdownDimension.Day, BreakdownDimension.Team],
        [BreakdownDimension.Hour, BreakdownDimension.Key],
        [BreakdownDimension.Tag, BreakdownDimension.Model, BreakdownDimension.Provider],
        [BreakdownDimension.Team, BreakdownDimension.Provider],
        [BreakdownDimension.Key, BreakdownDimension.Runner, BreakdownDimension.Session],
    ];

    async Task AssertBreakdownAsync(List<UsageRecord> all, BreakdownQuery query, int seed)
    {
        var expected = all
            .Where(record => (query.OrgId ?? record.OrgId) == record.OrgId && record.Timestamp >= query.From && record.Timestamp < query.To)
            .GroupBy(record => string.Join('|', query.By.Select(dimension => Value(record, dimension, query.TagName) ?? "(none)")))
            .Select(group => (group.Key, Sum(group), (long)group.Count(), group.Sum(record => record.Usage.PromptTokens), group.Sum(record => record.Usage.CompletionTokens)))
            .OrderBy(row => row.Key, StringComparer.Ordinal)
            .ToList();

        var rows = await Ledger.BreakdownAsync(query, Ct);

        var actual = rows
            .Select(row => (Key: string.Join('|', row.Values.Select(value => value ?? "(none)")), row.Cost, row.Requests, row.PromptTokens, row.CompletionTokens))
            .OrderBy(row => row.Key, StringComparer.Ordinal);
        Assert.True(expected.SequenceEqual(actual), $"seed {seed}: {query} by {string.Join(',', query.By)}\nexpected {string.Join('\n', expected)}\nactual {string.Join('\n', actual)}");
        Assert.Equal(rows.OrderByDescending(row => row.Cost).Select(row => row.Cost), rows.Select(row => row.Cost));
    }

    static string? Value(UsageRecord record, BreakdownDimension dimension, string? tag) => dimension switch
    {
        BreakdownDimension.Model => record.Model,
        BreakdownDimension.Provider => record.Provider,
        BreakdownDimension.Team => record.TeamId,
        BreakdownDimension.Key => record.KeyId,
        BreakdownDimension.Runner => record.RunnerId,
        BreakdownDimension.Session => record.SessionId,
        BreakdownDimension.Day => record.Timestamp.ToString("yyyy-MM-dd"),
        BreakdownDimension.Hour => record.Timestamp.ToString("yyyy-MM-ddTHH:00:00Z"),
        _ => RecordTags.Find(record.Tags, tag),
    };

    async Task AssertSpendAsync(List<UsageRecord> all, string? orgId, SpendPeriod period, int seed)
    {
        var inPeriod = all.Where(record => (orgId ?? record.OrgId) == record.OrgId && record.Day >= period.Day && record.Day < period.End).ToList();
        await AssertSpendAsync(inPeriod, orgId, period, except: null, before: null, seed);
        if (orgId is null) return;
        var except = inPeriod.Where((_, i) => i % 7 == 0).Select(record => record.Id).Append(Records(99).Make().Id).ToHashSet();
        var before = new DateTimeOffset(period.Day, new TimeOnly(17, 30), TimeSpan.Zero);
        await AssertSpendAsync(inPeriod, orgId, period, except, before: null, seed);
        await AssertSpendAsync(inPeriod, orgId, period, except: null, before, seed);
        await AssertSpendAsync(inPeriod, orgId, period, except, before, seed);
    }

    async Task AssertSpendAsync(List<UsageRecord> inPeriod, string? orgId, SpendPeriod period, HashSet<RequestId>? except, DateTimeOffset? before, int seed)
    {
        var expected = Kept(inPeriod, except, before)
            .GroupBy(record => (record.OrgId, record.TeamId, record.KeyId))
            .Select(group => new LeafSpend(group.Key.OrgId, group.Key.TeamId, group.Key.KeyId, Sum(group), group.Count()))
            .ToHashSet();

        var actual = await Ledger.SpendAsync(orgId, period, except, before, Ct);

        Assert.True(expected.SetEquals(actual) && expected.Count == actual.Count, $"seed {seed}: {orgId} {period} except {except?.Count} before {before}");
    }

    async Task AssertSessionsAsync(List<UsageRecord> all, string? orgId, int seed)
    {
        var ofOrg = all.Where(record => (orgId ?? record.OrgId) == record.OrgId && record.SessionId is not null).ToList();
        foreach (var since in (DateTimeOffset[])[From, Now.AddMinutes(-3), Now.AddDays(1)])
        {
            await AssertSessionsAsync(ofOrg, orgId, since, except: null, before: null, seed);
            if (orgId is null) continue;
            await AssertSessionsAsync(ofOrg, orgId, since, ofOrg.Where((_, i) => i % 5 == 0).Select(record => record.Id).ToHashSet(), Now.AddHours(-9), seed);
        }
    }

    async Task AssertSessionsAsync(List<UsageRecord> ofOrg, string? orgId, DateTimeOffset since, HashSet<RequestId>? except, DateTimeOffset? before, int seed)
    {
        var recent = ofOrg.Where(record => record.Timestamp >= since).Select(record => (record.OrgId, record.SessionId)).ToHashSet();
        var expected = Kept(ofOrg, except, before)
            .Where(record => recent.Contains((record.OrgId, record.SessionId)))
            .GroupBy(record => (record.OrgId, record.RunnerId, record.SessionId))
            .Select(group => (group.Key.OrgId, group.Key.RunnerId, group.Key.SessionId!, Sum(group), (long)group.Count()))
            .ToHashSet();

        var rows = await Ledger.SessionSpendAsync(orgId, since, except, before, Ct);

        Assert.True(expected.SetEquals(rows.Select(row => (row.OrgId, row.RunnerId, row.SessionId, row.Cost, row.Requests))), $"seed {seed}: sessions of {orgId} since {since}");
        foreach (var row in rows)
        {
            Assert.Equal(ofOrg.Where(r => (r.OrgId, r.RunnerId, r.SessionId) == (row.OrgId, row.RunnerId, row.SessionId)).Max(r => r.Timestamp), row.Last);
        }
    }

    static IEnumerable<UsageRecord> Kept(IEnumerable<UsageRecord> records, HashSet<RequestId>? except, DateTimeOffset? before) =>
        records.Where(record => except?.Contains(record.Id) != true && (before is null || record.Timestamp < before));
}
