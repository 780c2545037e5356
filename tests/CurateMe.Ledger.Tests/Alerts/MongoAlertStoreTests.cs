using CurateMe.Ledger.Alerts;
using CurateMe.Ledger.Mongo;
using CurateMe.Testing.Mongo;
using Xunit;

namespace CurateMe.Ledger.Tests.Alerts;

public sealed class MongoAlertStoreTests : AlertStoreContract
{
    MongoDatabase? _database;

    private protected override async Task<IAlertStore> OpenAsync()
    {
        _database ??= await MongoServer.NewDatabaseAsync(Assert.Skip);
        return await MongoAlertStore.OpenAsync(new MongoOptions { Url = _database.Url, MaxConcurrency = 4 }, Ct);
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        if (_database is not null) await _database.DisposeAsync();
    }
}
