using CurateMe.Ledger.Configuration;
using Xunit;

namespace CurateMe.Ledger.Tests.Configuration;

/// <summary>What every configuration store does.</summary>
public abstract class ConfigStoreContract : IAsyncLifetime
{
    static readonly DateTimeOffset Start = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    private protected IConfigStore Store { get; private set; } = null!;

    protected static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>Another client of the same, at first empty, store.</summary>
    private protected abstract Task<IConfigStore> OpenAsync();

    public virtual async ValueTask InitializeAsync() => Store = await OpenAsync();

    public virtual async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (Store is not null) await Store.DisposeAsync();
    }

    private protected static ConfigWrite Write(string id, string? json, long expected, string? org = "org_a", string? lookup = null, string collection = "keys") =>
        new(collection, id, org, lookup, json, expected);

    private protected static AuditDraft Audit(string target, string? org = "org_a", int minute = 0) =>
        new(Start.AddMinutes(minute), "admin", "10.0.0.1", "key.create", "key", target, org, null, """{"name":"ä"}""");

    [Fact]
    public async Task Write_NewChangedAndDeleted_CountsVersionsAndRevisions()
    {
        Assert.Null(await Store.GetAsync("keys", "k1", Ct));
        Assert.Equal(0, await Store.RevisionAsync(Ct));

        Assert.Equal(1, await Store.WriteAsync([Write("k1", """{"n":"ü"}""", 0, lookup: "hash1")], null, Ct));
        Assert.Equal(new ConfigDocument("keys", "k1", "org_a", "hash1", """{"n":"ü"}""", 1, 1, Deleted: false), await Store.GetAsync("keys", "k1", Ct));

        Assert.Equal(2, await Store.WriteAsync([Write("k1", "{}", 1, org: null)], null, Ct));
        Assert.Equal(new ConfigDocument("keys", "k1", null, null, "{}", 2, 2, Deleted: false), await Store.GetAsync("keys", "k1", Ct));

        Assert.Equal(3, await Store.WriteAsync([Write("k1", null, 2)], null, Ct));
        Assert.Null(await Store.GetAsync("keys", "k1", Ct));
        Assert.Null(await Store.GetAsync("teams", "k1", Ct));

        await Store.WriteAsync([Write("k1", "[1]", 0)], null, Ct);
        Assert.Equal(4, (await Store.GetAsync("keys", "k1", Ct))!.Version);
        Assert.Equal(4, await Store.RevisionAsync(Ct));
    }

    [Theory]
    [InlineData("k1", 0)]
    [InlineData("k1", 2)]
    [InlineData("k2", 1)]
    [InlineData("gone", 2)]
    public async Task Write_NotAtTheExpectedVersion_StoresNothingOfTheChange(string id, long expected)
    {
        await Store.WriteAsync([Write("k1", "1", 0), Write("gone", "1", 0)], null, Ct);
        await Store.WriteAsync([Write("gone", null, 1)], null, Ct);

        await Assert.ThrowsAsync<ConfigConflictException>(() => Store.WriteAsync([Write("first", "1", 0), Write(id, "2", expected)], Audit(id), Ct));

        Assert.Null(await Store.GetAsync("keys", "first", Ct));
        Assert.Equal("1", (await Store.GetAsync("keys", "k1", Ct))!.Json);
        Assert.Empty(await Store.AuditAsync(new AuditQuery(), Ct));
        Assert.Equal(3, await Store.RevisionAsync(Ct));
    }

    [Fact]
    public async Task Write_SameVersionFromManyClients_OneWins()
    {
        await using var other = await OpenAsync();
        await Store.WriteAsync([Write("k1", "0", 0)], null, Ct);

        var attempts = Enumerable.Range(0, 16).Select(async i =>
        {
            try
            {
                await (i % 2 == 0 ? Store : other).WriteAsync([Write("k1", $"{i}", 1), Write($"by{i}", "1", 0)], Audit($"by{i}"), Ct);
                return true;
            }
            catch (ConfigConflictException)
            {
                return false;
            }
        });

        Assert.Single(await Task.WhenAll(attempts), won => won);
        var winner = (await other.GetAsync("keys", "k1", Ct))!.Json;
        Assert.Equal($"by{winner}", Assert.Single(await Store.AuditAsync(new AuditQuery(), Ct)).Draft.TargetId);
        Assert.Equal(["by" + winner, "k1"], (await other.ListAsync("keys", null, null, 10, Ct)).Select(document => document.Id));
    }

    [Fact]
    public async Task Write_ManyClientsAtOnce_LosesNothingAndKeepsTheChainWhole()
    {
        await using var other = await OpenAsync();
        await Store.WriteAsync([Write("count", "0", 0)], null, Ct);
        async Task Increment(IConfigStore store, int i)
        {
            while (true)
            {
                var read = (await store.GetAsync("keys", "count", Ct))!;
                try
                {
                    await store.WriteAsync([Write("count", $"{int.Parse(read.Json) + 1}", read.Version), Write($"d{i}", "1", 0)], Audit($"d{i}"), Ct);
                    return;
                }
                catch (ConfigConflictException)
                {
                    // another was quicker
                }
            }
        }

        await Task.WhenAll(Enumerable.Range(0, 12).Select(i => Increment(i % 2 == 0 ? Store : other, i)));

        Assert.Equal("12", (await Store.GetAsync("keys", "count", Ct))!.Json);
        Assert.Equal(25, await other.RevisionAsync(Ct));
        var entries = await other.AuditAsync(new AuditQuery(), Ct);
        Assert.Equal(12, entries.Count);
        Assert.Null(AuditChain.Verify(entries.Reverse()));
        Assert.Equal([1, 13], (await Store.ListAsync("keys", null, null, 100, Ct)).Select(document => document.Version).Distinct().Order());
    }

    [Fact]
    public async Task Lookup_SecondNames_AreUniqueWithinTheirCollection()
    {
        await Store.WriteAsync([Write("k1", "1", 0, lookup: "h1"), Write("k2", "1", 0, lookup: "h2"), Write("t", "1", 0, lookup: "h1", collection: "teams")], null, Ct);

        Assert.Equal("k2", (await Store.LookupAsync("keys", "h2", Ct))!.Id);
        Assert.Equal("t", (await Store.LookupAsync("teams", "h1", Ct))!.Id);
        Assert.Null(await Store.LookupAsync("keys", "h3", Ct));
        await Assert.ThrowsAsync<ConfigConflictException>(() => Store.WriteAsync([Write("k0", "1", 0), Write("k3", "1", 0, lookup: "h1")], Audit("k3"), Ct));
        Assert.Null(await Store.GetAsync("keys", "k0", Ct));

        // A name is free again when its owner gave it up or is gone, and may pass on within one change.
        await Store.WriteAsync([Write("k1", null, 1, lookup: "h1"), Write("k3", "1", 0, lookup: "h1")], null, Ct);
        Assert.Equal("k3", (await Store.LookupAsync("keys", "h1", Ct))!.Id);
        await Store.WriteAsync([Write("k2", "2", 1, lookup: "h4"), Write("k4", "1", 0, lookup: "h2")], null, Ct);
        Assert.Equal("k4", (await Store.LookupAsync("keys", "h2", Ct))!.Id);
        Assert.Equal("k2", (await Store.LookupAsync("keys", "h4", Ct))!.Id);
    }

    [Fact]
    public async Task List_PagesByIdOfOneOrgOrAll()
    {
        var writes = Enumerable.Range(0, 20).Select(i => Write($"k{i:00}", "1", 0, org: i % 2 == 0 ? "org_a" : "org_b")).ToList();
        await Store.WriteAsync(writes, null, Ct);
        await Store.WriteAsync([Write("k04", null, 1), Write("x", "1", 0, collection: "teams")], null, Ct);

        var first = await Store.ListAsync("keys", "org_a", null, 4, Ct);
        var second = await Store.ListAsync("keys", "org_a", first[^1].Id, 100, Ct);

        Assert.Equal(["k00", "k02", "k06", "k08"], first.Select(document => document.Id));
        Assert.Equal(["k10", "k12", "k14", "k16", "k18"], second.Select(document => document.Id));
        Assert.Equal(19, (await Store.ListAsync("keys", null, null, 100, Ct)).Count);
        Assert.Empty(await Store.ListAsync("keys", "org_c", null, 100, Ct));
    }

    [Fact]
    public async Task Changes_AfterARevision_AreTheNewestStatesOldestFirst()
    {
        await using var other = await OpenAsync();
        await Store.WriteAsync([Write("a", "1", 0), Write("b", "1", 0), Write("c", "1", 0, lookup: "h")], null, Ct);
        var seen = await other.RevisionAsync(Ct);
        await Store.WriteAsync([Write("a", "2", 1)], null, Ct);
        await Store.WriteAsync([Write("c", null, 1, lookup: "h"), Write("d", "1", 0)], null, Ct);
        await Store.WriteAsync([Write("a", "3", 2)], null, Ct);

        var changes = await other.ChangesAsync(seen, 100, Ct);

        Assert.Equal([("c", true, 5L), ("d", false, 6L), ("a", false, 7L)], changes.Select(document => (document.Id, document.Deleted, document.Revision)));
        Assert.Equal("h", changes[0].Lookup);
        Assert.Equal(["c"], (await other.ChangesAsync(seen, 1, Ct)).Select(document => document.Id));
        Assert.Empty(await other.ChangesAsync(7, 100, Ct));
    }

    [Fact]
    public async Task Audit_Filters_GiveNewestFirst()
    {
        for (var i = 0; i < 10; i++) await Store.WriteAsync([], Audit($"k{i % 3}", i % 2 == 0 ? "org_a" : null, minute: i), Ct);
        async Task<string> Sequences(AuditQuery query) => string.Join(' ', (await Store.AuditAsync(query, Ct)).Select(entry => entry.Sequence));

        Assert.Equal("10 9 8 7 6 5 4 3 2 1", await Sequences(new AuditQuery()));
        Assert.Equal("5 4", await Sequences(new AuditQuery { BeforeSequence = 6, Limit = 2 }));
        Assert.Equal("9 7 5 3 1", await Sequences(new AuditQuery { OrgId = "org_a" }));
        Assert.Equal("9 6 3", await Sequences(new AuditQuery { TargetId = "k2" }));
        Assert.Equal("5 4", await Sequences(new AuditQuery { From = Start.AddMinutes(3), To = Start.AddMinutes(5), Action = "key.create" }));
        Assert.Empty(await Sequences(new AuditQuery { Action = "key.delete" }));
        Assert.Equal(0, await Store.RevisionAsync(Ct));
    }

    [Fact]
    public async Task Audit_Entry_ReadsBackAsWritten()
    {
        var draft = new AuditDraft(Start.AddTicks(1234567), "ops", null, "policy.patch", "policy", "org_ä", null, """{"a":1}""", null);
        await Store.WriteAsync([], draft, Ct);

        var entry = Assert.Single(await Store.AuditAsync(new AuditQuery(), Ct));

        Assert.Equal(draft with { At = Start.AddMilliseconds(123) }, entry.Draft);
        Assert.Equal(AuditChain.Genesis, entry.PreviousHash);
        Assert.Null(AuditChain.Verify([entry]));
    }

    [Fact]
    public async Task Write_TooManyOrTwice_IsRefused()
    {
        await Assert.ThrowsAsync<ArgumentException>(() => Store.WriteAsync([.. Enumerable.Range(0, IConfigStore.MaxWrites + 1).Select(i => Write($"k{i}", "1", 0))], null, Ct));
        await Assert.ThrowsAsync<ArgumentException>(() => Store.WriteAsync([Write("k", "1", 0), Write("k", "2", 1)], null, Ct));
        Assert.Equal(0, await Store.WriteAsync([], null, Ct));
    }
}
