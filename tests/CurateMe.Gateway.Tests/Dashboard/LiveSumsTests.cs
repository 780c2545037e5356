using CurateMe.Client;
using CurateMe.Gateway.Dashboard;
using CurateMe.Gateway.Governance;
using CurateMe.Gateway.Tests.Acceptance;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Reconciliation;
using Xunit;

namespace CurateMe.Gateway.Tests.Dashboard;

public sealed class LiveSumsTests
{
    const string Token = "sums-operator-token-01";

    static readonly DateOnly Today = new(2026, 3, 1);

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(LiveSums.FewOrgs, 3)]
    [InlineData(LiveSums.FewOrgs + 1, 1)]
    public async Task OfAllOrgs_IsAddedUpOnceForMany_AndAnewForFew(int orgs, int times)
    {
        await using var rig = await GatewayRig.StartAsync(new Dictionary<string, string?> { ["ADMIN_TOKEN"] = Token });
        var admin = new AdminClient(rig.Http, Token);
        for (var i = 0; i < orgs; i++)
        {
            await admin.CreateOrgAsync(new OrgCreate { OrgId = $"org_many_{i}", Name = "Many" });
        }
        var all = (await rig.Service<Catalogue>().Orgs.ListAsync(orgId: null, afterId: null, 1_000, Ct)).Count;
        var counters = new Counted(rig.Service<ICounterStore>());
        using var sums = new LiveSums(counters, rig.Service<Catalogue>(), rig.Service<CounterResets>(), new TimeOfAsking(counters));

        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(new NanoUsd(all), (await sums.ReadAsync(org: null, Today, Ct))!.Day);
        }

        Assert.Equal(times * all, counters.Asked);
        Assert.NotNull(await sums.ReadAsync(org: null, Today.AddDays(1), Ct));
        Assert.Equal((times + 1) * all, counters.Asked);
    }

    /// <summary>Every org has spent a nano-dollar.</summary>
    sealed class Counted(ICounterStore inner) : CounterShell(inner)
    {
        public int Asked { get; private set; }

        public override ValueTask<IReadOnlyList<CellTotals>> SnapshotAsync(string orgId, DateOnly day, CancellationToken ct)
        {
            Asked++;
            return new([new CellTotals(NodeKind.Org, orgId, "org", PeriodKind.Day, new NanoUsd(1), NanoUsd.Zero)]);
        }
    }

    /// <summary>Stands still but for ten milliseconds each time that an org's counters are asked for.</summary>
    sealed class TimeOfAsking(Counted counters) : TimeProvider
    {
        public override long TimestampFrequency => 1_000;

        public override long GetTimestamp() => counters.Asked * 10;
    }
}
