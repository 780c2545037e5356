using CurateMe.Ledger.Configuration;
using CurateMe.Ledger.Sqlite;
using CurateMe.Ledger.Tests.Configuration;
using CurateMe.Testing;
using Microsoft.Data.Sqlite;
using Xunit;

namespace CurateMe.Ledger.Tests.Sqlite;

public sealed class SqliteConfigStoreTests : ConfigStoreContract
{
    readonly TemporaryDirectory _directory = new();

    private protected override Task<IConfigStore> OpenAsync() => Task.FromResult<IConfigStore>(SqliteConfigStore.Open(_directory.Path));

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        _directory.Dispose();
    }

    [Fact]
    public async Task Open_Again_HasEverythingAndContinuesTheChain()
    {
        await Store.WriteAsync([Write("k1", "1", 0)], Audit("k1"), Ct);
        await Store.DisposeAsync();

        await using var again = SqliteConfigStore.Open(_directory.Path);
        await again.WriteAsync([Write("k1", "2", 1)], Audit("k1"), Ct);

        Assert.Equal(2, await again.RevisionAsync(Ct));
        Assert.Null(AuditChain.Verify((await again.AuditAsync(new AuditQuery(), Ct)).Reverse()));
    }

    [Fact]
    public async Task Audit_TamperedInTheFile_IsFound()
    {
        for (var i = 0; i < 5; i++) await Store.WriteAsync([], Audit($"k{i}"), Ct);
        await using var connection = new SqliteConnection($"Data Source={Path.Combine(_directory.Path, SqliteConfigStore.FileName)};Pooling=False");
        await connection.OpenAsync(Ct);
        var tamper = connection.CreateCommand();
        tamper.CommandText = "UPDATE config_audit SET actor = 'somebody' WHERE sequence = 3";
        await tamper.ExecuteNonQueryAsync(Ct);

        var fault = AuditChain.Verify((await Store.AuditAsync(new AuditQuery(), Ct)).Reverse());

        Assert.Equal(3, fault?.Sequence);
    }
}
