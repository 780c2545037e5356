using CurateMe.Ledger.Entries;
using CurateMe.Ledger.Redis;
using CurateMe.Ledger.Sqlite;
using CurateMe.Resp;
using CurateMe.Testing;
using CurateMe.Testing.Redis;
using Xunit;

namespace CurateMe.Ledger.Tests.Entries;

/// <summary>What every store of entries does.</summary>
public abstract class EntryStoreContract : IAsyncLifetime
{
    static readonly TimeSpan Long = TimeSpan.FromHours(1);
    IEntryStore? _store;

    private protected IEntryStore Store => _store!;
    private protected static CancellationToken Ct => TestContext.Current.CancellationToken;

    private protected abstract Task<IEntryStore> OpenAsync();

    private protected abstract Task PassAsync(TimeSpan time);

    public async ValueTask InitializeAsync() => _store = await OpenAsync();

    public abstract ValueTask DisposeAsync();

    [Fact]
    public async Task Add_Twice_TheSecondGetsTheFirst()
    {
        Assert.True((await Store.AddAsync(Name("a"), Bytes(1), Long, null, Ct)).Added);
        Assert.Equal([1], (await Store.AddAsync(Name("a"), Bytes(2), Long, null, Ct)).Found);
        Assert.Equal([1], await Store.FindAsync(Name("a"), Ct));
        Assert.Null(await Store.FindAsync(Name("b"), Ct));
        Assert.Null(await Store.FindAsync(Name("a") with { Partition = "other" }, Ct));
    }

    [Fact]
    public async Task Add_ManyAtOnce_OneWins()
    {
        var all = await Task.WhenAll(Enumerable.Range(0, 50).Select(i => Store.AddAsync(Name("race"), Bytes((byte)i), Long, null, Ct).AsTask()));
        Assert.Single(all, static a => a.Added);
        var winner = await Store.FindAsync(Name("race"), Ct);
        Assert.All(all.Where(static a => !a.Added), a => Assert.Equal(winner, a.Found));
    }

    [Fact]
    public async Task Replace_OnlyWhatIsExpected()
    {
        await Store.AddAsync(Name("a"), Bytes(1), Long, null, Ct);
        Assert.Equal(EntryChange.Differs, await Store.ReplaceAsync(Name("a"), Bytes(9), Bytes(2), null, Ct));
        Assert.Equal(EntryChange.Changed, await Store.ReplaceAsync(Name("a"), Bytes(1), Bytes(2), null, Ct));
        Assert.Equal([2], await Store.FindAsync(Name("a"), Ct));
        Assert.Equal(EntryChange.Changed, await Store.ReplaceAsync(Name("a"), Bytes(2), default, null, Ct));
        Assert.Null(await Store.FindAsync(Name("a"), Ct));
        Assert.Equal(EntryChange.Differs, await Store.ReplaceAsync(Name("a"), Bytes(2), Bytes(3), null, Ct));
    }

    [Fact]
    public async Task Entry_EndsAfterItsTime_AlsoWhenReplaced()
    {
        var brief = TimeSpan.FromMilliseconds(300);
        await Store.AddAsync(Name("a"), Bytes(1), brief, null, Ct);
        await Store.ReplaceAsync(Name("a"), Bytes(1), Bytes(2), null, Ct);
        await PassAsync(brief);
        Assert.Null(await Store.FindAsync(Name("a"), Ct));
        Assert.True((await Store.AddAsync(Name("a"), Bytes(3), Long, null, Ct)).Added);
    }

    /// <summary>A store that removes what has ended bit by bit has not come to it yet.</summary>
    [Fact]
    public async Task Entry_EndedAmongMany_LeavesItsNameFree()
    {
        var brief = TimeSpan.FromMilliseconds(300);
        var names = Enumerable.Range(0, 60).Select(static i => Name($"e{i}")).ToList();
        foreach (var name in names) await Store.AddAsync(name, Bytes(1), brief, null, Ct);
        await PassAsync(brief);

        foreach (var name in Enumerable.Reverse(names))
        {
            Assert.True((await Store.AddAsync(name, Bytes(2), Long, null, Ct)).Added);
            Assert.Equal([2], await Store.FindAsync(name, Ct));
        }
    }

    [Fact]
    public async Task Quota_OfADay_BoundsEntriesAndBytesOfAPartition()
    {
        var quota = new EntryQuota(2, 100);
        Assert.True((await Store.AddAsync(Name("a"), Bytes(1), Long, quota, Ct)).Added);
        Assert.True((await Store.AddAsync(Name("b"), Bytes(1), Long, quota, Ct)).Added);
        Assert.True((await Store.AddAsync(Name("c"), Bytes(1), Long, quota, Ct)).Full);
        Assert.NotNull((await Store.AddAsync(Name("a"), Bytes(1), Long, quota, Ct)).Found);
        Assert.True((await Store.AddAsync(Name("c") with { Partition = "other" }, Bytes(1), Long, quota, Ct)).Added);

        Assert.Equal(EntryChange.Changed, await Store.ReplaceAsync(Name("a"), Bytes(1), new byte[80], quota, Ct));
        Assert.Equal(EntryChange.Full, await Store.ReplaceAsync(Name("b"), Bytes(1), new byte[21], quota, Ct));
        Assert.Equal([1], await Store.FindAsync(Name("b"), Ct));
        Assert.Equal(EntryChange.Changed, await Store.ReplaceAsync(Name("b"), Bytes(1), new byte[20], quota, Ct));
        // Making room is always allowed.
        Assert.Equal(EntryChange.Changed, await Store.ReplaceAsync(Name("b"), new byte[20], default, quota, Ct));
    }

    [Fact]
    public async Task Quota_LoweredWithinTheDay_BoundsWhatIsAddedAndNothingElse()
    {
        var quota = new EntryQuota(2, 100);
        await Store.AddAsync(Name("a"), Bytes(1), Long, quota, Ct);
        await Store.AddAsync(Name("b"), Bytes(1), Long, quota, Ct);
        Assert.Equal(EntryChange.Changed, await Store.ReplaceAsync(Name("a"), Bytes(1), new byte[80], quota, Ct));

        var lower = new EntryQuota(1, 90);
        Assert.True((await Store.AddAsync(Name("c"), Bytes(1), Long, lower, Ct)).Full);
        Assert.Equal(EntryChange.Changed, await Store.ReplaceAsync(Name("b"), Bytes(1), new byte[10], lower, Ct));
        Assert.Equal(EntryChange.Full, await Store.ReplaceAsync(Name("b"), new byte[10], Bytes(1), lower, Ct));
        Assert.Equal(EntryChange.Changed, await Store.ReplaceAsync(Name("b"), new byte[10], default, new EntryQuota(0, 0), Ct));
    }

    [Fact]
    public async Task Value_OfAnyBytes_ComesBackAsItIs()
    {
        var value = Enumerable.Range(0, 70_000).Select(static i => (byte)i).ToArray();
        await Store.AddAsync(Name("large"), value, Long, null, Ct);
        Assert.Equal(value, await Store.FindAsync(Name("large"), Ct));
        Assert.Equal(EntryChange.Changed, await Store.ReplaceAsync(Name("large"), value, Bytes(7), null, Ct));
    }

    static EntryName Name(string id) => new("org_1", "test", id);

    static byte[] Bytes(byte value) => [value];
}

public sealed class SqliteEntryStoreTests : EntryStoreContract
{
    readonly TemporaryDirectory _directory = new();
    readonly TestClock _clock = new();
    SqliteEntryStore? _sqlite;

    private protected override Task<IEntryStore> OpenAsync() => Task.FromResult<IEntryStore>(_sqlite = SqliteEntryStore.Open(_directory.Path, _clock));

    private protected override Task PassAsync(TimeSpan time)
    {
        _clock.Advance(time);
        return Task.CompletedTask;
    }

    public override async ValueTask DisposeAsync()
    {
        await _sqlite!.DisposeAsync();
        _directory.Dispose();
    }

    [Fact]
    public async Task Open_Again_HasWhatHasNotEnded()
    {
        var name = new EntryName("org_1", "test", "kept");
        await Store.AddAsync(name, new byte[] { 1 }, TimeSpan.FromHours(1), null, Ct);
        await _sqlite!.DisposeAsync();
        _sqlite = SqliteEntryStore.Open(_directory.Path, _clock);
        Assert.Equal([1], await _sqlite.FindAsync(name, Ct));
    }

    [Fact]
    public async Task Ended_AreRemovedAsNewOnesCome()
    {
        for (var i = 0; i < 50; i++) await Store.AddAsync(new EntryName("org_1", "test", $"e{i}"), new byte[] { 1 }, TimeSpan.FromMinutes(1), new EntryQuota(1000, 1000), Ct);
        _clock.Advance(TimeSpan.FromDays(3));
        for (var i = 0; i < 5; i++) await Store.AddAsync(new EntryName("org_1", "test", $"n{i}"), new byte[] { 1 }, TimeSpan.FromMinutes(1), null, Ct);
        await _sqlite!.DisposeAsync();
        await using var connection = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={Path.Combine(_directory.Path, SqliteEntryStore.FileName)};Pooling=False");
        await connection.OpenAsync(Ct);
        await using var command = connection.CreateCommand();
        command.CommandText = "SELECT (SELECT count(*) FROM entries) * 1000 + (SELECT count(*) FROM tallies)";
        Assert.Equal(5_000L, await command.ExecuteScalarAsync(Ct));
    }
}

public sealed class RedisEntryStoreTests : EntryStoreContract
{
    RedisServer? _server;
    RespClient? _client;

    private protected override async Task<IEntryStore> OpenAsync()
    {
        Assert.SkipUnless(RedisServer.IsInstalled, RedisServer.Missing);
        _server = await RedisServer.StartAsync();
        _client = await _server.ConnectAsync();
        return new RedisEntryStore(_client, TimeProvider.System);
    }

    // Redis goes by its own clock.
    private protected override Task PassAsync(TimeSpan time) => Task.Delay(time * 2, Ct);

    public override async ValueTask DisposeAsync()
    {
        if (_client is not null) await _client.DisposeAsync();
        if (_server is not null) await _server.DisposeAsync();
    }

    [Fact]
    public async Task Away_IsSaid()
    {
        await _server!.KillAsync();
        await Assert.ThrowsAsync<EntryStoreUnavailableException>(async () => await Store.AddAsync(new EntryName("o", "k", "i"), new byte[] { 1 }, TimeSpan.FromHours(1), null, Ct));
        await Assert.ThrowsAsync<EntryStoreUnavailableException>(async () => await Store.FindAsync(new EntryName("o", "k", "i"), Ct));
    }
}
