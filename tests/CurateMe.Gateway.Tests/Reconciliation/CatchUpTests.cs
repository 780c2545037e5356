using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;
using CurateMe.Testing.Records;
using Xunit;

namespace CurateMe.Gateway.Tests.Reconciliation;

public sealed class CatchUpTests
{
    [Fact]
    public async Task Counters_ThatSkippedRecords_AreCompleteAgainOnceTheLedgerHasAllThatHadEnded()
    {
        await using var rig = await GatewayRig.StartAsync();
        var counters = (InProcessCounters)rig.Service<ICounterStore>();
        var path = new BudgetPath("org_flood", [new BudgetNode(NodeKind.Org, "org_flood")]);
        var now = rig.Service<TimeProvider>().GetUtcNow();
        var random = new RandomRecords(62, now.AddSeconds(-1), now);
        for (var i = 0; i <= InProcessCounters.MaxUnrecorded; i++)
        {
            var record = random.Make("org_flood");
            (record.Status, record.Cost) = (RecordStatus.Settled, new NanoUsd(1));
            await counters.HoldAsync(new HoldRequest(record, path, new NanoUsd(1), new NanoUsd(1), TimeSpan.FromMinutes(1)), default);
            await counters.EndAsync(record, default);
        }
        Assert.Equal(1, counters.Skipped);
        for (var waited = 0; counters.Skipped > 0 && waited < 300; waited++)
        {
            await Task.Delay(100, TestContext.Current.CancellationToken);
        }
        Assert.Equal(InProcessCounters.MaxUnrecorded, (await counters.MarkAsync("org_flood", default)).Unrecorded.Count);
    }
}
