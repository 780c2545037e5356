using CurateMe.Client;
using CurateMe.Ledger.Budgets;
using CurateMe.Testing;
using Xunit;

namespace CurateMe.Gateway.Tests.Acceptance;

public sealed class AC20_Rebuild
{
    [Fact]
    public async Task Restart_CountersFromLedgerAndJournalAlone_AreEqualToTheInteger()
    {
        using var directory = new TemporaryDirectory();
        IReadOnlyList<CellTotals> before;
        string key;
        await using (var rig = await GatewayRig.StartAsync(directory: directory, settings: AC07_FailureAtEveryStep.Quick))
        {
            key = await rig.KeyAsync("org_a", new PolicyDocument(), "key_a", null, AC01_ExactlyAsManyAsFit.Team("team_a", null, null));
            var other = await rig.KeyAsync("org_a", null, "key_b");
            string?[] sims = [null, "status=500", "fail=connect_reset_before_headers", "usage=absent", "usage=overstated", "cached_tokens=3", "fail=end_early"];
            await Task.WhenAll(Enumerable.Range(0, 60).Select(i => rig.AskAsync(i % 3 == 0 ? other : key, Chat.Body(stream: i % 2 == 0), sims[i % sims.Length], session: i % 4 == 0 ? $"s{i % 3}" : null)));
            await rig.QuietAsync();
            await rig.RecordsAsync("org_a");
            before = await rig.Service<ICounterStore>().SnapshotAsync("org_a", rig.Today, default);
        }
        await using (var rig = await GatewayRig.StartAsync(directory: directory))
        {
            var after = await rig.Service<ICounterStore>().SnapshotAsync("org_a", rig.Today, default);
            Assert.Equal(Sorted(before), Sorted(after));
            Assert.Contains(after, static c => c.Kind == NodeKind.Session && c.Spent > CurateMe.Ledger.Money.NanoUsd.Zero);
            Assert.Equal(200, (await rig.AskAsync(key)).Status);
            await rig.QuietAsync();
            await rig.RecordsAsync("org_a");
            var rebuilt = await rig.Service<CurateMe.Ledger.Reconciliation.Reconciler>().RunAsync("org_a", rig.Today, apply: false, default);
            Assert.DoesNotContain(rebuilt.Cells, static c => c.Changed);
        }
    }

    static IEnumerable<CellTotals> Sorted(IEnumerable<CellTotals> cells) => cells.OrderBy(static c => c.Field, StringComparer.Ordinal).ThenBy(static c => c.Period);
}
