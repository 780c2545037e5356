using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Records;
using CurateMe.Testing.Budgets;
using Xunit;

namespace CurateMe.Ledger.Tests.Budgets;

public abstract partial class CounterStoreContract
{
    [Theory]
    [InlineData("org day", 37)]
    [InlineData("org month", 1)]
    [InlineData("team day", 250)]
    [InlineData("team month", 99)]
    [InlineData("key day", 5)]
    [InlineData("key month", 64)]
    [InlineData("session", 13)]
    [InlineData("all", 40)]
    [InlineData("all", 0)]
    public async Task AC01_AC02_Hold_AThousandAtOnce_AdmitsExactlyWhatFits(string limitedAt, int fits)
    {
        const long Price = 1_000_000_007;
        long? Limit(string name) => limitedAt == "all" || limitedAt == name ? (fits * Price) + (Price - 1) : null;
        var path = Ask.Path(
            Ask.Org(Limit("org day"), Limit("org month")), Wishes.Team(Limit("team day"), Limit("team month")),
            Wishes.Key(Limit("key day"), Limit("key month")), Wishes.Session(Limit("session")));
        using var stop = new CancellationTokenSource();
        var observer = ObserveAsync(path, stop.Token);

        var outcomes = await Task.WhenAll(Enumerable.Range(0, 1000).Select(_ => Task.Run(async () => await Store.HoldAsync(Ask.Ask(path, Price), Ct), Ct)));
        await stop.CancelAsync();

        Assert.Equal(fits, outcomes.Count(outcome => outcome.Verdict == HoldVerdict.Admitted));
        Assert.All(await Store.SnapshotAsync(Ask.OrgId, Today, Ct), cell => Assert.Equal(fits * Price, cell.Held.Value));
        Assert.True(await observer > 0);
    }

    [Fact]
    public async Task I1_I2_HoldsAndEndsAtOnce_NeverPassALimitAndAddUp()
    {
        const int Seed = 4711;
        var path = Ask.Path(Ask.Org(5_000, 9_000), Wishes.Team(4_500), Wishes.Key(4_000), Wishes.Session(8_000));
        using var stop = new CancellationTokenSource();
        var observer = ObserveAsync(path, stop.Token);

        var spent = await Task.WhenAll(Enumerable.Range(0, 8).Select(worker => Task.Run(async () =>
        {
            var random = new Random(Seed + worker);
            var sum = 0L;
            for (var i = 0; i < 150; i++)
            {
                var request = Ask.Ask(path, random.Next(1, 400), 1);
                var outcome = await Store.HoldAsync(request, Ct);
                if (outcome.Verdict != HoldVerdict.Admitted) continue;
                await Task.Yield();
                var cost = random.Next(3) == 0 ? 0 : random.NextInt64(outcome.Granted.Value + 1) / 20;
                sum += cost;
                Assert.True((await Store.EndAsync(Wishes.Settled(request.Record, cost), Ct)).Applied);
            }
            return sum;
        }, Ct)));
        await stop.CancelAsync();

        Assert.True(await observer > 0);
        Assert.True(spent.Sum() > 0, $"seed {Seed}: nothing was spent");
        Assert.All(await Store.SnapshotAsync(Ask.OrgId, Today, Ct), cell => Assert.Equal((spent.Sum(), 0L), (cell.Spent.Value, cell.Held.Value)));
    }

    // Looks all the time, and gives the number of snapshots it took.
    async Task<int> ObserveAsync(BudgetPath path, CancellationToken stop)
    {
        var limits = CounterModel.Cells(path, Today).ToDictionary(cell => (cell.Cell.Field, cell.Cell.Period), cell => cell.Limit);
        for (var looks = 1; ; looks++)
        {
            foreach (var cell in await Task.Run(async () => await Store.SnapshotAsync(Ask.OrgId, Today, Ct), Ct))
            {
                var limit = limits[(cell.Field, cell.Period)];
                Assert.True(limit is null || cell.Spent + cell.Held <= limit, $"{cell} is above {limit}");
                Assert.True(cell.Spent.Value >= 0 && cell.Held.Value >= 0, $"{cell}");
            }
            if (stop.IsCancellationRequested) return looks;
        }
    }
}
