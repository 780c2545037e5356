using CurateMe.Ledger.Alerts;
using CurateMe.Ledger.Sqlite;
using CurateMe.Testing;

namespace CurateMe.Ledger.Tests.Alerts;

public sealed class SqliteAlertStoreTests : AlertStoreContract
{
    readonly TemporaryDirectory _directory = new();

    private protected override Task<IAlertStore> OpenAsync() => Task.FromResult<IAlertStore>(SqliteAlertStore.Open(_directory.Path));

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        _directory.Dispose();
    }
}
