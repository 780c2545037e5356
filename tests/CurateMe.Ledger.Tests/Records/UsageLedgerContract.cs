using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;
using CurateMe.Testing;
using CurateMe.Testing.Records;
using Xunit;

namespace CurateMe.Ledger.Tests.Records;

/// <summary>What every ledger does. The clock stands in the early morning after a month's end, so that days before it are over and today is not.</summary>
public abstract partial class UsageLedgerContract : IAsyncLifetime
{
    static readonly DateTimeOffset From = new(2026, 2, 26, 0, 0, 0, TimeSpan.Zero);
    static readonly DateTimeOffset Now = new(2026, 3, 2, 5, 0, 0, TimeSpan.Zero);

    private protected FixedClock Clock { get; } = new(Now);
    private protected IUsageLedger Ledger { get; private set; } = null!;

    protected static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>A new, empty ledger.</summary>
    private protected abstract Task<IUsageLedger> OpenAsync();

    public virtual async ValueTask InitializeAsync() => Ledger = await OpenAsync();

    public virtual async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (Ledger is not null) await Ledger.DisposeAsync();
    }

    private protected static RandomRecords Records(int seed) => new(seed, From, Now);

    /// <summary>Writes in batches of random length, some twice, with upkeep in between.</summary>
    private protected async Task<List<UsageRecord>> WriteHistoryAsync(RandomRecords random, int count)
    {
        var all = random.Make(count);
        for (var next = 0; next < all.Count;)
        {
            var batch = all.Skip(next).Take(1 + random.Random.Next(400)).ToList();
            Assert.Equal(batch.Count, await Ledger.RecordAsync(batch, Ct));
            if (random.Random.Next(4) == 0) Assert.Equal(0, await Ledger.RecordAsync(batch, Ct));
            if (random.Random.Next(6) == 0) await Ledger.MaintainAsync(Ct);
            next += batch.Count;
        }
        return all;
    }

    [Fact]
    public async Task Record_EveryField_ReadsBackEqual()
    {
        foreach (var record in Records(1).Make(50))
        {
            Assert.Equal(1, await Ledger.RecordAsync([record], Ct));

            var read = await Ledger.FindAsync(record.OrgId, record.Id, Ct);

            AssertSame(record, read);
        }
    }

    [Fact]
    public async Task Record_EmptyAndOddText_ReadsBackEqual()
    {
        var model = Records(2).Make();
        var record = new UsageRecord
        {
            Id = model.Id,
            OrgId = "org_a",
            KeyId = "",
            Provider = "p",
            Model = new string('漢', 42),
            RequestedModel = "a\0b",
            Endpoint = "e",
            Day = model.Day,
            Timestamp = model.Timestamp,
            PriceVersion = "",
            Tags = "k='\"\\$",
            Status = RecordStatus.Settled,
        };

        await Ledger.RecordAsync([record], Ct);

        AssertSame(record, await Ledger.FindAsync("org_a", record.Id, Ct));
    }

    [Fact]
    public async Task I10_FindMany_GivesThoseThatTheOrgHas()
    {
        var random = Records(5);
        UsageRecord[] mine = [random.Make("org_a"), random.Make("org_a"), random.Make("org_a")];
        var others = random.Make("org_b");
        await Ledger.RecordAsync([mine[0], mine[1], others], Ct);

        var found = await Ledger.FindManyAsync("org_a", [mine[0].Id, mine[2].Id, others.Id, mine[1].Id], Ct);

        Assert.Equal(new[] { mine[0].Id, mine[1].Id }.Order(), found.Select(static r => r.Id).Order());
        foreach (var record in found) AssertSame(record.Id == mine[0].Id ? mine[0] : mine[1], record);
        Assert.Empty(await Ledger.FindManyAsync("org_a", [], Ct));
    }

    [Fact]
    public async Task Record_SameIdInOneBatchAndLater_IsStoredOnceAsItWasFirst()
    {
        var random = Records(3);
        var first = random.Make("org_a");
        var second = random.Make("org_a");
        var changed = Copy(first, cost: first.Cost + new NanoUsd(1));

        Assert.Equal(2, await Ledger.RecordAsync([first, second, changed, first], Ct));
        Assert.Equal(0, await Ledger.RecordAsync([changed, second], Ct));
        Assert.Equal(0, await Ledger.RecordAsync([], Ct));

        AssertSame(first, await Ledger.FindAsync("org_a", first.Id, Ct));
        var total = Assert.Single(await TotalAsync("org_a"));
        Assert.Equal((2, first.Cost + second.Cost), (total.Requests, total.Cost));
    }

    [Fact]
    public async Task Record_SameBatchesFromManyWriters_CountsEachRecordOnce()
    {
        const int Seed = 4;
        var all = Records(Seed).Make(600);
        var writers = Enumerable.Range(0, 8).Select(async writer =>
        {
            var shuffled = all.ToArray();
            new Random(writer).Shuffle(shuffled);
            var added = 0;
            foreach (var batch in shuffled.Chunk(37)) added += await Ledger.RecordAsync(batch, Ct);
            return added;
        });

        var added = await Task.WhenAll(writers);

        Assert.Equal(all.Count, added.Sum());
        Assert.Equal(Sum(all), (await TotalAsync(null)).Single().Cost);
    }

    [Fact]
    public async Task Record_AmountsAboveWhatDoublesHold_AreSummedExactly()
    {
        var random = Records(5);
        var large = Copy(random.Make("org_a"), cost: new NanoUsd((1L << 53) + 1));
        var small = Copy(random.Make("org_a"), cost: new NanoUsd(1));

        await Ledger.RecordAsync([large, small], Ct);

        Assert.Equal((1L << 53) + 2, Assert.Single(await TotalAsync("org_a")).Cost.Value);
    }

    [Fact]
    public async Task Record_BatchTooLong_IsRefused()
    {
        var record = Records(6).Make();
        await Assert.ThrowsAsync<ArgumentException>(() => Ledger.RecordAsync(Enumerable.Repeat(record, IUsageLedger.MaxBatch + 1).ToList(), Ct));
    }

    [Fact]
    public async Task Record_StillHeld_IsRefusedWithTheWholeBatch()
    {
        var random = Records(7);
        var (held, ended) = (random.Make("org_a"), random.Make("org_a"));
        held.Status = RecordStatus.Held;

        await Assert.ThrowsAsync<ArgumentException>(() => Ledger.RecordAsync([ended, held], Ct));

        Assert.Empty(await TotalAsync("org_a"));
    }

    [Fact]
    public async Task Find_RecordOfAnotherOrg_IsNull()
    {
        var record = Records(8).Make("org_a");
        await Ledger.RecordAsync([record], Ct);

        Assert.Null(await Ledger.FindAsync("org_b", record.Id, Ct));
        Assert.Null(await Ledger.FindAsync("org_a", Records(9).Make().Id, Ct));
    }

    [Fact]
    public async Task Check_AfterAWrite_SaysWhen()
    {
        Assert.Null((await Ledger.CheckAsync(Ct)).LastWrite);
        await Ledger.RecordAsync([Records(10).Make()], Ct);
        await Ledger.SyncAsync(Ct);

        var health = await Ledger.CheckAsync(Ct);

        Assert.True(health.Connected);
        Assert.Equal(Now, health.LastWrite);
    }

    Task<IReadOnlyList<BreakdownRow>> TotalAsync(string? orgId) =>
        Ledger.BreakdownAsync(new BreakdownQuery { OrgId = orgId, From = From.AddDays(-1), To = Now.AddDays(1), By = [] }, Ct);

    static NanoUsd Sum(IEnumerable<UsageRecord> records) => records.Aggregate(NanoUsd.Zero, (sum, record) => sum + record.Cost);

    static UsageRecord Copy(UsageRecord from, NanoUsd cost) => new()
    {
        Id = from.Id,
        OrgId = from.OrgId,
        TeamId = from.TeamId,
        KeyId = from.KeyId,
        RunnerId = from.RunnerId,
        SessionId = from.SessionId,
        Provider = from.Provider,
        Model = from.Model,
        RequestedModel = from.RequestedModel,
        Endpoint = from.Endpoint,
        Day = from.Day,
        Timestamp = from.Timestamp,
        PriceVersion = from.PriceVersion,
        Status = from.Status,
        Cost = cost,
    };

    static void AssertSame(UsageRecord expected, UsageRecord? actual)
    {
        Assert.NotNull(actual);
        Assert.Equal(expected.Usage, actual.Usage);
        foreach (var property in typeof(UsageRecord).GetProperties())
        {
            Assert.True(Equals(property.GetValue(expected), property.GetValue(actual)), $"{property.Name}: {property.GetValue(expected)} became {property.GetValue(actual)}");
        }
    }
}
