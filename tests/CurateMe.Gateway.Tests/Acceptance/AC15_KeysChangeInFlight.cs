using CurateMe.Gateway.Governance;
using CurateMe.Gateway.Keys;
using CurateMe.Ledger.Configuration;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;
using CurateMe.Testing;
using Xunit;

namespace CurateMe.Gateway.Tests.Acceptance;

public sealed class AC15_KeysChangeInFlight
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Disabled_WithRequestsInFlight_TheyEndAndAreChargedNewOnesAreRefused(bool stream)
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();
        var calls = Enumerable.Range(0, 5).Select(_ => rig.AskAsync(key, Chat.Body(stream: stream), "latency_ms=1000")).ToList();
        await Poll.UntilAsync(() => rig.Simulator.Simulator.Waiting == 5, "the calls are with the provider");

        await ChangeAsync(rig, k => k with { Disabled = true });

        var refused = await rig.AskAsync(key);
        await AssertRefusedAsync(refused, "key_disabled", "GW_AUTH_002");
        Assert.All(await Task.WhenAll(calls), static a => Assert.Equal(200, a.Status));
        var records = await rig.AssertBooksAsync();
        Assert.Equal(5, records.Count);
        Assert.All(records, static r => Assert.Equal(("key_test", RecordStatus.Settled), (r.KeyId, r.Status)));
        Assert.Equal(rig.Bill(), (await rig.CellAsync("key:key_test")).Spent);

        await ChangeAsync(rig, k => k with { Disabled = false });
        Assert.Equal(200, (await rig.AskAsync(key)).Status);
    }

    [Fact]
    public async Task Disabled_ByAnotherReplica_IsInForceWithinASecond()
    {
        using var directory = new TemporaryDirectory();
        await using var rig = await GatewayRig.StartAsync(directory: directory);
        var key = await rig.KeyAsync();
        Assert.Equal(200, (await rig.AskAsync(key)).Status);

        // Written beside this process, which learns of it by asking.
        await using (var store = CurateMe.Ledger.Sqlite.SqliteConfigStore.Open(directory.Path))
        {
            using var changes = new ConfigChanges(store, TimeProvider.System, Microsoft.Extensions.Logging.Abstractions.NullLogger<ConfigChanges>.Instance);
            var catalogue = new Catalogue(store, changes);
            var stored = (await catalogue.Keys.FindAsync("key_test", default))!;
            await catalogue.CommitAsync([catalogue.Keys.Change(stored, stored.Value with { Disabled = true })], Audit, default);
        }

        Assert.True(ConfigChanges.PollInterval < TimeSpan.FromSeconds(1));
        Answer? answer = null;
        await Poll.UntilAsync(() => (answer = rig.AskAsync(key).GetAwaiter().GetResult()).Status != 200, "the change is seen");
        await AssertRefusedAsync(answer!, "key_disabled", "GW_AUTH_002");
    }

    [Fact]
    public async Task Rotated_SpendStaysWithTheKeyAndTheOldSecretSaysWhere()
    {
        await using var rig = await GatewayRig.StartAsync();
        var old = await rig.KeyAsync();
        var call = rig.AskAsync(old, sim: "latency_ms=1000");
        await Poll.UntilAsync(() => rig.Simulator.Simulator.Waiting == 1, "the call is with the provider");

        var catalogue = rig.Service<Catalogue>();
        var stored = (await catalogue.Keys.FindAsync("key_test", default))!;
        var secret = Secret.New(Secret.KeyPrefix);
        var now = DateTimeOffset.UnixEpoch;
        await catalogue.CommitAsync(
            [
                catalogue.ReplacedSecrets.New(stored.Lookup!, "org_test", stored.Lookup, new ReplacedSecretDocument { KeyId = "key_test", Last4 = stored.Value.Last4, GraceUntil = now }),
                catalogue.Keys.Change(stored, secret.Hash.ToString(), stored.Value with { Last4 = secret.Last4, RotatedAt = now, GraceUntil = now }),
            ],
            Audit, default);

        var refused = await rig.AskAsync(old);
        await AssertRefusedAsync(refused, "key_rotated", "GW_AUTH_003");
        Assert.Contains("key_test", refused.Message, StringComparison.Ordinal);
        Assert.Equal(200, (await rig.AskAsync(secret.Text)).Status);
        Assert.Equal(200, (await call).Status);
        var records = await rig.AssertBooksAsync();
        Assert.Equal(2, records.Count);
        Assert.Equal(new NanoUsd(records.Sum(static r => r.Cost.Value)), (await rig.CellAsync("key:key_test")).Spent);
    }

    static AuditDraft Audit { get; } = new(DateTimeOffset.UnixEpoch, "test", null, "change", "test", "key_test", "org_test", null, null);

    static async Task ChangeAsync(GatewayRig rig, Func<KeyDocument, KeyDocument> change)
    {
        var catalogue = rig.Service<Catalogue>();
        var stored = (await catalogue.Keys.FindAsync("key_test", default))!;
        await catalogue.CommitAsync([catalogue.Keys.Change(stored, change(stored.Value))], Audit, default);
    }

    static Task AssertRefusedAsync(Answer answer, string code, string gatewayCode)
    {
        Assert.Equal((401, code), (answer.Status, answer.Code));
        Assert.Equal(gatewayCode, answer.Error.GetProperty("gateway_error_code").GetString());
        Assert.Equal("false", answer.Header("x-should-retry"));
        return Task.CompletedTask;
    }
}
