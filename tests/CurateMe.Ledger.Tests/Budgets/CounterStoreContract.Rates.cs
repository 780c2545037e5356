using CurateMe.Ledger.Budgets;
using CurateMe.Testing.Budgets;
using Xunit;

namespace CurateMe.Ledger.Tests.Budgets;

public abstract partial class CounterStoreContract
{
    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(7)]
    public async Task Rate_AMinutesWorthAtOnce_IsAdmittedAndThenRefused(int limit)
    {
        var path = Ask.Path(Ask.Org(rpm: limit), Wishes.Key());
        for (var left = limit - 1; left >= 0; left--)
        {
            var outcome = await Store.HoldAsync(Ask.Ask(path, 1), Ct);
            Assert.Equal((HoldVerdict.Admitted, limit, left), (outcome.Verdict, outcome.Rate.Limit, outcome.Rate.Remaining));
        }

        var denied = await Store.HoldAsync(Ask.Ask(path, 1), Ct);

        Assert.Equal((HoldVerdict.RateLimited, NodeKind.Org), (denied.Verdict, denied.BlockedAt!.Kind));
        Assert.Equal(0, denied.Rate.Remaining);
        Assert.InRange(denied.Rate.RetryAfterMs, 1, (60_000 / limit) + 1);
        Assert.InRange(denied.Rate.ResetMs, denied.Rate.RetryAfterMs, 60_000);
        Assert.Equal((0, limit), await AtAsync("org", PeriodKind.Day));
    }

    [Fact]
    public async Task Rate_AfterRetryAfter_OneMoreFits()
    {
        var path = Ask.Path(Ask.Org(rpm: 60), Wishes.Key());
        for (var i = 0; i < 60; i++) await Store.HoldAsync(Ask.Ask(path, 0), Ct);
        var denied = await Store.HoldAsync(Ask.Ask(path, 0), Ct);
        while (denied.Verdict == HoldVerdict.Admitted) denied = await Store.HoldAsync(Ask.Ask(path, 0), Ct); // a slow run refills meanwhile

        await PassAsync(TimeSpan.FromMilliseconds(denied.Rate.RetryAfterMs));

        Assert.Equal(HoldVerdict.Admitted, (await Store.HoldAsync(Ask.Ask(path, 0), Ct)).Verdict);
    }

    [Fact]
    public async Task Rate_OfTheTightestNode_IsShown()
    {
        var path = Ask.Path(Ask.Org(rpm: 100), Wishes.Team(rpm: 3), Wishes.Key(rpm: 50));

        var outcome = await Store.HoldAsync(Ask.Ask(path, 1), Ct);

        Assert.Equal((3, 2, 0), (outcome.Rate.Limit, outcome.Rate.Remaining, outcome.Rate.RetryAfterMs));
    }

    [Fact]
    public async Task Rate_NoLimit_SaysSo() =>
        Assert.Equal(default, (await Store.HoldAsync(Ask.Ask(Ask.Whole(), 1), Ct)).Rate);

    [Fact]
    public async Task Rate_Zero_DeniesEverything()
    {
        var denied = await Store.HoldAsync(Ask.Ask(Ask.Path(Ask.Org(), Wishes.Key(rpm: 0)), 0), Ct);

        Assert.Equal((HoldVerdict.RateLimited, NodeKind.Key), (denied.Verdict, denied.BlockedAt!.Kind));
        Assert.True(denied.Rate.RetryAfterMs > 0);
    }

    [Fact]
    public async Task Rate_DeniedForAnotherReason_CostsNoRate()
    {
        var broke = Ask.Path(Ask.Org(daily: 0, rpm: 2), Wishes.Key());
        var busy = Ask.Path(Ask.Org(rpm: 2, concurrency: 0), Wishes.Key());
        for (var i = 0; i < 5; i++)
        {
            Assert.Equal(HoldVerdict.BudgetExceeded, (await Store.HoldAsync(Ask.Ask(broke, 1), Ct)).Verdict);
            Assert.Equal(HoldVerdict.ConcurrencyLimited, (await Store.HoldAsync(Ask.Ask(busy, 1), Ct)).Verdict);
        }

        var outcome = await Store.HoldAsync(Ask.Ask(Ask.Path(Ask.Org(rpm: 2), Wishes.Key()), 1), Ct);

        Assert.Equal((HoldVerdict.Admitted, 1), (outcome.Verdict, outcome.Rate.Remaining));
    }

    [Fact]
    public async Task Rate_OneNodeDenies_TheOthersKeepTheirs()
    {
        var path = Ask.Path(Ask.Org(rpm: 10), Wishes.Key(rpm: 1));
        await Store.HoldAsync(Ask.Ask(path, 1), Ct);
        for (var i = 0; i < 5; i++) Assert.Equal(HoldVerdict.RateLimited, (await Store.HoldAsync(Ask.Ask(path, 1), Ct)).Verdict);

        var other = await Store.HoldAsync(Ask.Ask(Ask.Path(Ask.Org(rpm: 10), Wishes.Key(id: "k2")), 1), Ct);

        Assert.Equal(8, other.Rate.Remaining);
    }

    [Fact]
    public async Task Concurrency_Limit_CountsLiveHoldsAtItsNode()
    {
        var path = Ask.Path(Ask.Org(), Wishes.Team(concurrency: 2), Wishes.Key());
        var first = await HeldAsync(path, 1);
        await HeldAsync(path, 0);

        var denied = await Store.HoldAsync(Ask.Ask(path, 1), Ct);
        Assert.Equal((HoldVerdict.ConcurrencyLimited, NodeKind.Team), (denied.Verdict, denied.BlockedAt!.Kind));
        await HeldAsync(Ask.Path(Ask.Org(), Wishes.Team(id: "t2", concurrency: 2), Wishes.Key()), 1);
        await Store.EndAsync(first, Ct);

        Assert.Equal(HoldVerdict.Admitted, (await Store.HoldAsync(Ask.Ask(path, 1), Ct)).Verdict);
        Assert.Equal(HoldVerdict.ConcurrencyLimited, (await Store.HoldAsync(Ask.Ask(path, 1), Ct)).Verdict);
    }

    [Fact]
    public async Task Concurrency_ExpiredHold_MakesRoom()
    {
        var path = Ask.Path(Ask.Org(concurrency: 1), Wishes.Key());
        await HeldAsync(path, 1, life: TimeSpan.FromSeconds(1));
        await PassAsync(TimeSpan.FromSeconds(1.2));
        await ExpireAllAsync();

        Assert.Equal(HoldVerdict.Admitted, (await Store.HoldAsync(Ask.Ask(path, 1), Ct)).Verdict);
    }

    [Fact]
    public async Task AC01_Concurrency_ManyAtOnce_AdmitsExactlyTheLimit()
    {
        var path = Ask.Path(Ask.Org(concurrency: 13), Wishes.Key());

        var outcomes = await Task.WhenAll(Enumerable.Range(0, 200).Select(_ => Task.Run(async () => await Store.HoldAsync(Ask.Ask(path, 1), Ct), Ct)));

        Assert.Equal(13, outcomes.Count(outcome => outcome.Verdict == HoldVerdict.Admitted));
    }
}
