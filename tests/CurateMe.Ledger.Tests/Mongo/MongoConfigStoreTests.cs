using CurateMe.Ledger.Configuration;
using CurateMe.Ledger.Mongo;
using CurateMe.Ledger.Tests.Configuration;
using CurateMe.Testing.Mongo;
using Xunit;

namespace CurateMe.Ledger.Tests.Mongo;

public sealed class MongoConfigStoreTests : ConfigStoreContract
{
    MongoDatabase? _database;

    private protected override async Task<IConfigStore> OpenAsync()
    {
        _database ??= await MongoServer.NewDatabaseAsync(Assert.Skip);
        return await MongoConfigStore.OpenAsync(new MongoOptions { Url = _database.Url, MaxConcurrency = 4 }, Ct);
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        if (_database is not null) await _database.DisposeAsync();
    }

    Task<MongoConfigStore> OpenThroughAsync(MongoRelay relay) => MongoConfigStore.OpenAsync(
        new MongoOptions { Url = _database!.UrlThrough(relay.Port), ServerSelectionTimeout = TimeSpan.FromSeconds(2), SocketTimeout = TimeSpan.FromSeconds(2), MaxConcurrency = 2 }, Ct);

    [Fact]
    public async Task Read_ChangeWhoseWriterDiedBeforeShowingIt_IsSeenByAll()
    {
        await Store.WriteAsync([Write("k1", "1", 0, lookup: "h1")], Audit("k1"), Ct);
        await _database!.RunAsync(session =>
        {
            var head = ConfigLog.Newest(session);
            return ConfigLog.TryInsert(session, ConfigLog.Next(head, [(Write("k1", "2", 1, lookup: "h2"), 2), (Write("k2", "1", 0, lookup: "h1"), 1)], Audit("k1")));
        });

        Assert.Equal("k2", (await Store.LookupAsync("keys", "h1", Ct))!.Id);
        Assert.Equal("2", (await Store.GetAsync("keys", "k1", Ct))!.Json);
        Assert.Equal([2L, 3L], (await Store.ChangesAsync(1, 10, Ct)).Select(document => document.Revision));
        await Assert.ThrowsAsync<ConfigConflictException>(() => Store.WriteAsync([Write("k1", "3", 1)], null, Ct));
        Assert.Null(AuditChain.Verify((await Store.AuditAsync(new AuditQuery(), Ct)).Reverse()));
    }

    [Fact]
    public async Task Read_LogAppliedAgainFromItsBeginning_ChangesNothing()
    {
        for (var i = 0; i < 6; i++) await Store.WriteAsync([Write("k1", $"{i}", i), Write($"d{i}", "1", 0)], null, Ct);
        await Store.WriteAsync([Write("d3", null, 1)], null, Ct);
        var before = await Store.ChangesAsync(0, 100, Ct);
        await _database!.RunAsync(session => session.Write(new Bson { { "drop", "config_state" } }));

        await using var late = await OpenAsync();

        Assert.Equal(before, await late.ChangesAsync(0, 100, Ct));
    }

    [Fact]
    public async Task Write_AnswerLost_IsMadeOnce()
    {
        await using var relay = new MongoRelay(_database!.Server);
        await using var store = await OpenThroughAsync(relay);
        for (var i = 0; i < 5; i++)
        {
            await store.RevisionAsync(Ct);
            relay.BreakInsteadOfAnswering = true;
            for (var done = false; !done;)
            {
                try
                {
                    await store.WriteAsync([Write($"k{i}", "1", 0)], Audit($"k{i}"), Ct);
                    done = true;
                }
                catch (ConfigStoreUnavailableException)
                {
                    done = await Store.GetAsync("keys", $"k{i}", Ct) is not null;
                }
            }
            relay.BreakInsteadOfAnswering = false;
        }

        Assert.Equal(5, await Store.RevisionAsync(Ct));
        var entries = await Store.AuditAsync(new AuditQuery(), Ct);
        Assert.Equal(["k4", "k3", "k2", "k1", "k0"], entries.Select(entry => entry.Draft.TargetId));
        Assert.Null(AuditChain.Verify(entries.Reverse()));
    }

    [Fact]
    public async Task Calls_ServerKilledAndBack_FailClearlyThenWork()
    {
        await using var relay = new MongoRelay(_database!.Server);
        await using var store = await OpenThroughAsync(relay);
        relay.Kill();

        var failed = await Assert.ThrowsAsync<ConfigStoreUnavailableException>(() => store.GetAsync("keys", "k1", Ct));
        Assert.Contains("MongoDB configuration store", failed.Message);
        await Assert.ThrowsAsync<ConfigStoreUnavailableException>(() => store.WriteAsync([Write("k1", "1", 0)], null, Ct));

        relay.Restart();
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (true)
        {
            try
            {
                await store.WriteAsync([Write("k1", "1", 0)], null, Ct);
                break;
            }
            catch (ConfigStoreUnavailableException) when (!limit.IsCancellationRequested)
            {
                await Task.Delay(100, Ct);
            }
        }
        Assert.Equal(1, (await Store.GetAsync("keys", "k1", Ct))!.Revision);
    }
}
