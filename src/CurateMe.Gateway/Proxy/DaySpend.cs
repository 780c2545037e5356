using System.Collections.Concurrent;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Money;

namespace CurateMe.Gateway.Proxy;

/// <summary>
/// What an org has spent today, for answers that took no hold: a hold and its settlement tell it by themselves. A flood of refusals asks the counters a few
/// times a second, and waits no oftener for counters that are away.
/// </summary>
sealed class DaySpend(ICounterStore counters, TimeProvider time)
{
    static readonly TimeSpan Fresh = TimeSpan.FromMilliseconds(250);

    readonly ConcurrentDictionary<string, Seen> seen = new(StringComparer.Ordinal);

    sealed record Seen(DateOnly Day, NanoUsd? Spent, long At);

    /// <summary>Null while the counters do not answer: no figure rather than a wrong one.</summary>
    public async ValueTask<NanoUsd?> OfAsync(string orgId)
    {
        var day = DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);
        if (seen.TryGetValue(orgId, out var last) && last.Day == day && time.GetElapsedTime(last.At) < Fresh)
        {
            return last.Spent;
        }
        var asked = time.GetTimestamp();
        var spent = await AskAsync(orgId, day);
        seen[orgId] = new Seen(day, spent, spent is null ? time.GetTimestamp() : asked);
        return spent;
    }

    async ValueTask<NanoUsd?> AskAsync(string orgId, DateOnly day)
    {
        try
        {
            var cells = await counters.SnapshotAsync(orgId, day, CancellationToken.None);
            return cells.FirstOrDefault(static c => c is { Kind: NodeKind.Org, Period: PeriodKind.Day })?.Spent ?? NanoUsd.Zero;
        }
        catch (CounterStoreUnavailableException)
        {
            return null;
        }
    }
}
