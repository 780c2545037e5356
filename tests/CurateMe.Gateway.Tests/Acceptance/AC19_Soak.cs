using System.Diagnostics;
using CurateMe.Client;
using CurateMe.Ledger.Journal;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;
using Xunit;

namespace CurateMe.Gateway.Tests.Acceptance;

public sealed class AC19_Soak
{
    [Fact]
    public async Task Load_PlainStreamedLeftAndRefused_NothingDroppedNothingDrifts()
    {
        var requests = Environment.GetEnvironmentVariable("CM_TEST_LONG") == "1" ? 60_000 : 1_500;
        await using var rig = await GatewayRig.StartAsync(settings: AC07_FailureAtEveryStep.Quick);
        var key = await rig.KeyAsync(policy: new PolicyDocument { DailyBudget = MoneyLimit.FromDollars(1000), MonthlyBudget = MoneyLimit.Unlimited });
        var poor = await rig.KeyAsync(key: "key_poor", limits: static k => k with { DailyBudget = NanoUsd.Zero });
        var next = 0;
        var deepest = 0L;

        await Task.WhenAll(Enumerable.Range(0, 32).Select(async _ =>
        {
            for (int i; (i = Interlocked.Increment(ref next)) <= requests;)
            {
                if (i % 50 == 0)
                {
                    deepest = Math.Max(deepest, rig.Service<Recorder>().Figures.QueueDepth);
                }
                if (i % 23 == 0)
                {
                    using var client = await RawClient.ConnectAsync(rig.Address);
                    await client.SendAsync(RawClient.Request(key, Chat.Body(stream: true)));
                    await client.ReadAsync(300);
                    client.Reset();
                    continue;
                }
                var answer = await rig.AskAsync(i % 11 == 0 ? poor : key, Chat.Body(stream: i % 2 == 0), i % 17 == 0 ? "status=500" : $"output_tokens={i % 20}");
                Assert.Equal(i % 11 == 0 ? 403 : i % 17 == 0 ? 502 : 200, answer.Status);
            }
        }));

        var records = await rig.AssertBooksAsync();
        Assert.Equal(rig.Simulator.Bill.Entries.Count, records.Count(static r => r.Cost > NanoUsd.Zero));
        Assert.DoesNotContain(records, static r => r.Source != UsageSource.Provider);
        var figures = rig.Service<Recorder>().Figures;
        Assert.Equal((0L, 0L), (figures.DroppedRecords, figures.QueueDepth));
        Assert.True(deepest < requests, $"{deepest}");
        Assert.Equal(0, rig.Service<JournalFile>().OpenHolds);
        Assert.DoesNotContain(rig.Logs.All, static l => l.StartsWith("Error", StringComparison.Ordinal) || l.StartsWith("Critical", StringComparison.Ordinal));
    }
}
