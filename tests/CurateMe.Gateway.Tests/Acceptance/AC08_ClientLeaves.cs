using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;
using CurateMe.Testing;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace CurateMe.Gateway.Tests.Acceptance;

public sealed class AC08_ClientLeaves
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Stream_LeftAtByteK_TheBillIsTheLedger(bool reset)
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();
        int[] places = [1, 2, 17, 200, 500, 600, 601, 700, 900, 1300, 2000, 3000, 5000, 8000];

        await Task.WhenAll(places.Select(async k =>
        {
            using var client = await RawClient.ConnectAsync(rig.Address);
            await client.SendAsync(RawClient.Request(key, Chat.Body(60, stream: true), $"output_tokens=60;chunk_delay_ms=2;split={k % 2}"));
            await client.ReadAsync(k);
            if (reset)
            {
                client.Reset();
            }
        }));

        await Poll.UntilAsync(() => rig.Simulator.Bill.Entries.Count == places.Length, "the provider has billed all");
        var records = await rig.AssertBooksAsync();
        Assert.Equal(places.Length, records.Count);
        Assert.All(records, static r => Assert.Equal(UsageSource.Provider, r.Source));
        Assert.Equal(rig.Bill(), new NanoUsd(records.Sum(static r => r.Cost.Value)));
        Assert.Contains(records, static r => r.Status == RecordStatus.ClientLeft);
        Assert.All(rig.Simulator.Bill.Entries, static e => Assert.False(e.Cancelled));
    }

    [Fact]
    public async Task Plain_LeftWhileTheProviderThinks_TheBillIsTheLedger()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();
        for (var i = 0; i < 4; i++)
        {
            using var client = await RawClient.ConnectAsync(rig.Address);
            await client.SendAsync(RawClient.Request(key, Chat.Body(), "latency_ms=200"));
            await Poll.UntilAsync(() => rig.Simulator.Simulator.Waiting + rig.Simulator.Bill.Entries.Count > i, "the call is with the provider");
            if (i % 2 == 0)
            {
                client.Reset();
            }
        }
        await Poll.UntilAsync(() => rig.Simulator.Bill.Entries.Count == 4, "the provider has billed all");
        var records = await rig.AssertBooksAsync();
        Assert.Equal(4, records.Count);
        Assert.Equal(rig.Bill(), new NanoUsd(records.Sum(static r => r.Cost.Value)));
    }

    [Fact]
    public async Task Request_LeftBeforeItIsWhole_NothingIsForwardedOrHeld()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();
        var request = RawClient.Request(key, Chat.Body());
        for (var k = 1; k < request.Length; k += request.Length / 12)
        {
            using var client = await RawClient.ConnectAsync(rig.Address);
            await client.SendAsync(request[..k]);
            client.Reset();
        }
        Assert.Equal(200, (await rig.AskAsync(key)).Status);
        Assert.Single(await rig.AssertBooksAsync());
        Assert.Single(rig.Simulator.Bill.Entries);
        var errors = rig.Logs.All.Where(static l => l.StartsWith("Error", StringComparison.Ordinal) || l.StartsWith("Critical", StringComparison.Ordinal)).ToList();
        Assert.True(errors.Count == 0, string.Join('\n', errors));
    }

    [Fact]
    public async Task Stream_LeftWithDrainingUsedUp_IsChargedAtLeastItsBill()
    {
        await using var rig = await GatewayRig.StartAsync(new Dictionary<string, string?> { ["Forward:DrainTimeoutSeconds"] = "1" });
        var key = await rig.KeyAsync();
        using (var client = await RawClient.ConnectAsync(rig.Address))
        {
            await client.SendAsync(RawClient.Request(key, Chat.Body(50, stream: true), "fail=stall;output_tokens=50"));
            await client.ReadAsync(900);
            client.Reset();
        }
        await Poll.UntilAsync(() => rig.Simulator.Bill.Entries.Count == 1, "the provider saw that nobody listens");
        var record = Assert.Single(await rig.AssertBooksAsync());
        Assert.Equal((UsageSource.Presumed, record.Hold), (record.Source, record.Cost));
    }

    [Fact]
    public async Task Stream_ReadByNobody_EndsItsHold()
    {
        // Shorter silence than patience: a provider that nobody listens to while the client is waited for is not taken for silent.
        await using var rig = await GatewayRig.StartAsync(new Dictionary<string, string?> { ["Forward:ClientStallTimeoutSeconds"] = "2", ["Forward:StreamIdleTimeoutSeconds"] = "1" });
        var key = await rig.KeyAsync(policy: new Client.PolicyDocument { MaxCostPerRequest = Client.MoneyLimit.Unlimited });
        using var client = await RawClient.ConnectAsync(rig.Address, receiveBuffer: 4096);
        await client.SendAsync(RawClient.Request(key, Chat.Body(16_000, stream: true), "output_tokens=16000"));

        await Poll.UntilAsync(() => rig.Simulator.Bill.Entries.Count == 1, "the provider has billed");
        var record = Assert.Single(await rig.AssertBooksAsync());
        Assert.Equal((RecordStatus.ClientLeft, UsageSource.Provider, rig.Bill()), (record.Status, record.Source, record.Cost));
        Assert.Equal(NanoUsd.Zero, (await rig.CellAsync("org", PeriodKind.Month)).Held);
    }
}
