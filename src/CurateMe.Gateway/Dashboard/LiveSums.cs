using CurateMe.Gateway.Admin;
using CurateMe.Gateway.Governance;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Reconciliation;

namespace CurateMe.Gateway.Dashboard;

/// <summary>What the live counters of a day and its month say.</summary>
/// <param name="Reset">What resets in force took off the day.</param>
sealed record LiveSum(NanoUsd Day, NanoUsd DayHeld, NanoUsd Month, NanoUsd MonthHeld, NanoUsd Reset);

/// <summary>
/// The live counters of one org, or of all together. Adding up all takes the longer the more orgs there are, and every open page asks once a second: one caller
/// adds up for all, and the sum of more than <see cref="FewOrgs"/> is good for twenty times as long as that took, at most <see cref="MaxAge"/>.
/// </summary>
sealed class LiveSums(ICounterStore counters, Catalogue catalogue, CounterResets resets, TimeProvider time) : IDisposable
{
    public static readonly TimeSpan MaxAge = TimeSpan.FromMinutes(1);

    /// <summary>So many are added up for each caller.</summary>
    public const int FewOrgs = 100;

    readonly SemaphoreSlim turn = new(1, 1);
    (LiveSum Sum, DateOnly Day, long At, TimeSpan Good)? ofAll;

    /// <param name="org">Null for all orgs.</param>
    /// <returns>Null while the counters do not answer.</returns>
    public async Task<LiveSum?> ReadAsync(string? org, DateOnly day, CancellationToken ct)
    {
        try
        {
            return org is null ? await OfAllAsync(day, ct) : (await AddUpAsync(org, day, ct)).Sum;
        }
        catch (CounterStoreUnavailableException)
        {
            return null;
        }
    }

    public void Dispose() => turn.Dispose();

    async Task<LiveSum> OfAllAsync(DateOnly day, CancellationToken ct)
    {
        await turn.WaitAsync(ct);
        try
        {
            if (ofAll is { } last && last.Day == day && time.GetElapsedTime(last.At) < last.Good)
            {
                return last.Sum;
            }
            var began = time.GetTimestamp();
            var (sum, orgs) = await AddUpAsync(org: null, day, ct);
            var good = time.GetElapsedTime(began) * 20;
            ofAll = orgs <= FewOrgs ? null : (sum, day, time.GetTimestamp(), good < MaxAge ? good : MaxAge);
            return sum;
        }
        finally
        {
            turn.Release();
        }
    }

    async Task<(LiveSum Sum, int Orgs)> AddUpAsync(string? org, DateOnly day, CancellationToken ct)
    {
        var (sum, orgs) = (new LiveSum(default, default, default, default, default), 0);
        await foreach (var one in ReconcileEndpoints.OrgsAsync(org, catalogue, ct))
        {
            foreach (var cell in (await counters.SnapshotAsync(one, day, ct)).Where(static c => c.Kind == NodeKind.Org))
            {
                sum = cell.Period == PeriodKind.Day
                    ? sum with { Day = sum.Day + cell.Spent, DayHeld = sum.DayHeld + cell.Held }
                    : sum with { Month = sum.Month + cell.Spent, MonthHeld = sum.MonthHeld + cell.Held };
            }
            sum = sum with { Reset = sum.Reset + await ReconcileEndpoints.ResetAsync(one, day, resets, ct) };
            orgs++;
        }
        return (sum, orgs);
    }
}
