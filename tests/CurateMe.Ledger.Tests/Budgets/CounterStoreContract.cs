using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;
using CurateMe.Testing.Budgets;
using Xunit;

namespace CurateMe.Ledger.Tests.Budgets;

/// <summary>What every counter store must do. Each test uses an org of its own, so that a shared server will do.</summary>
public abstract partial class CounterStoreContract : IAsyncLifetime
{
    private protected static CancellationToken Ct => TestContext.Current.CancellationToken;

    private protected ICounterStore Store { get; private set; } = null!;

    private protected Wishes Ask { get; private set; } = null!;

    /// <summary>The clock that the store decides by, or one that agrees with it.</summary>
    private protected abstract DateTimeOffset Now { get; }

    private protected DateOnly Today => DateOnly.FromDateTime(Now.UtcDateTime);

    /// <summary>A store; it may have counters of other orgs.</summary>
    private protected abstract ValueTask<ICounterStore> OpenAsync();

    /// <summary>Lets time pass for the store: moves its clock, or waits.</summary>
    private protected abstract Task PassAsync(TimeSpan time);

    public virtual async ValueTask InitializeAsync()
    {
        Store = await OpenAsync();
        Ask = new Wishes($"org_{RequestId.New(Now)}", () => Now);
    }

    public virtual async ValueTask DisposeAsync()
    {
        await Store.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    private protected async Task<UsageRecord> HeldAsync(BudgetPath path, long amount, DateOnly? day = null, TimeSpan? life = null)
    {
        var request = Ask.Ask(path, amount, day: day, life: life);
        var outcome = await Store.HoldAsync(request, Ct);
        Assert.Equal(HoldVerdict.Admitted, outcome.Verdict);
        request.Record.Hold = outcome.Granted;
        return request.Record;
    }

    private protected async Task<UsageRecord> SpentAsync(BudgetPath path, long amount, DateOnly? day = null)
    {
        var record = Wishes.Settled(await HeldAsync(path, amount, day), amount);
        Assert.True((await Store.EndAsync(record, Ct)).Applied);
        return record;
    }

    /// <summary>Spent and held of one counter; zero when there is none.</summary>
    private protected async Task<(long Spent, long Held)> AtAsync(string field, PeriodKind period, DateOnly? day = null)
    {
        var totals = await Store.SnapshotAsync(Ask.OrgId, day ?? Today, Ct);
        return totals.SingleOrDefault(cell => cell.Field == field && cell.Period == period) is { } cell ? (cell.Spent.Value, cell.Held.Value) : (0, 0);
    }

    private protected async Task AssertNothingHeldAsync(DateOnly? day = null) =>
        Assert.All(await Store.SnapshotAsync(Ask.OrgId, day ?? Today, Ct), cell => Assert.Equal(NanoUsd.Zero, cell.Held));

    private protected async Task<List<UsageRecord>> ExpireAllAsync()
    {
        List<UsageRecord> all = [];
        while (await Store.ExpireAsync(100, Ct) is { Count: > 0 } some)
        {
            all.AddRange(some.Where(record => record.OrgId == Ask.OrgId));
        }
        return all;
    }
}
