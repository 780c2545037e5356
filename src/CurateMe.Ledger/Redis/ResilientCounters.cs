using System.Collections.Concurrent;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Errors;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;

namespace CurateMe.Ledger.Redis;

/// <summary>
/// A shared counter store that may be away: the one place where <c>on_budget_store_loss</c> is decided. While an org's counters do not answer, this
/// replica decides alone: <c>bounded</c> admits from its part of what was left when the store was last seen, (limit − spent − held) / replicas,
/// so that all replicas together overspend by no more than what was admitted between that look and the loss, at most <see cref="MaxViewAge"/>; who looked
/// longer ago does not know what the others have spent since, and has no part; <c>allow</c> admits everything; <c>deny</c> nothing. When the store answers,
/// the org is rebuilt from ledger and live holds before anyone is admitted on it again.
/// </summary>
public sealed class ResilientCounters(RedisStore store, ErrorEvents events, TimeProvider time) : ICounterStore
{
    /// <summary>How often the counters of an org in use are looked at; less often, down to <see cref="LookAtIdleEvery"/>, where a look takes long.</summary>
    public static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);

    /// <summary>How often those of an org are that was used within <see cref="KeepLooking"/>.</summary>
    public static readonly TimeSpan LookAtIdleEvery = TimeSpan.FromSeconds(5);

    /// <summary>How long an org is looked at after it was used.</summary>
    public static readonly TimeSpan KeepLooking = TimeSpan.FromDays(1);

    /// <summary>Most orgs that are looked at in one call of <see cref="LookAtIdle"/>, those used last first: about a thousand are kept in view.</summary>
    public const int MaxIdleLooks = 200;

    /// <summary>Greatest age, when the loss is noticed, of a look that a part is taken from.</summary>
    public static readonly TimeSpan MaxViewAge = TimeSpan.FromSeconds(10);

    /// <summary>How often a store that is away is asked again.</summary>
    public static readonly TimeSpan AskEvery = TimeSpan.FromMilliseconds(250);

    readonly RedisCounters shared = store.Counters;
    readonly ConcurrentDictionary<string, Org> orgs = new(StringComparer.Ordinal);
    readonly CancellationTokenSource stop = new();

    /// <summary>Orgs that this replica decides for alone now.</summary>
    public int OrgsAway => orgs.Values.Count(static o => o.Alone is not null);

    /// <inheritdoc />
    public async ValueTask<HoldOutcome> HoldAsync(HoldRequest request, CancellationToken ct)
    {
        var org = orgs.GetOrAdd(request.Path.OrgId, static id => new Org(id));
        var doubtful = false;
        if (org.Alone is null)
        {
            try
            {
                var outcome = await shared.HoldAsync(request, ct).ConfigureAwait(false);
                Seen(org);
                return outcome;
            }
            catch (CounterStoreUnavailableException e)
            {
                Lose(org, e.Message);
                if (request.Path.OnStoreLoss == StoreLoss.Deny)
                {
                    throw;
                }
                doubtful = e.OutcomeUnknown;
            }
        }
        return await AloneAsync(org, request, doubtful, ct).ConfigureAwait(false);
    }

    /// <inheritdoc />
    public async ValueTask<EndOutcome> EndAsync(UsageRecord record, CancellationToken ct)
    {
        if (!orgs.TryGetValue(record.OrgId, out var org))
        {
            return await shared.EndAsync(record, ct).ConfigureAwait(false);
        }
        if (org.Alone is { } alone)
        {
            // The caller keeps the end for later: the hold may have been brought to the counters by then.
            await alone.Counters.EndAsync(record, ct).ConfigureAwait(false);
            shared.Abandon(record.Id);
            throw new CounterStoreUnavailableException("The budget counters are away.", outcomeUnknown: false);
        }
        try
        {
            return await shared.EndAsync(record, ct).ConfigureAwait(false);
        }
        catch (CounterStoreUnavailableException e)
        {
            Lose(org, e.Message);
            throw;
        }
    }

    /// <inheritdoc />
    public async ValueTask<IReadOnlyList<UsageRecord>> ExpireAsync(int max, CancellationToken ct)
    {
        try
        {
            return await shared.ExpireAsync(max, ct).ConfigureAwait(false);
        }
        catch (CounterStoreUnavailableException e)
        {
            // They wait where they are; the first sweep after the store is back ends them.
            events.Add("gateway", "budget_store_unavailable", e.Message);
            return [];
        }
    }

    /// <inheritdoc />
    public ValueTask<IReadOnlyList<CellTotals>> SnapshotAsync(string orgId, DateOnly day, CancellationToken ct) => orgs.TryGetValue(orgId, out var org) && org.Alone is not null
        // A server that is back and was not made right yet would tell what it happens to have, or nothing for zero.
        ? throw new CounterStoreUnavailableException("The budget counters are away.", outcomeUnknown: false)
        : shared.SnapshotAsync(orgId, day, ct);

    /// <inheritdoc />
    public ValueTask ConfirmAsync(IReadOnlyList<UsageRecord> recorded, CancellationToken ct) => shared.ConfirmAsync(recorded, ct);

    /// <inheritdoc />
    public ValueTask<CounterMark> MarkAsync(string orgId, CancellationToken ct) => shared.MarkAsync(orgId, ct);

    /// <inheritdoc />
    public ValueTask<IReadOnlyList<RequestId>> CapturedAsync(CounterMark mark, CancellationToken ct) => shared.CapturedAsync(mark, ct);

    /// <inheritdoc />
    public ValueTask AdjustAsync(CounterMark mark, IReadOnlyList<CellDelta> deltas, CancellationToken ct) => shared.AdjustAsync(mark, deltas, ct);

    /// <inheritdoc />
    public ValueTask<CounterHealth> CheckAsync(CancellationToken ct) => shared.CheckAsync(ct);

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync().ConfigureAwait(false);
        foreach (var org in orgs.Values)
        {
            await org.Work.ConfigureAwait(false);
        }
        stop.Dispose();
    }

    /// <param name="doubtful">The store may hold it all the same, or get to it yet: what is refused here must then be given back there.</param>
    async ValueTask<HoldOutcome> AloneAsync(Org org, HoldRequest request, bool doubtful, CancellationToken ct)
    {
        var path = request.Path;
        if (path.OnStoreLoss == StoreLoss.Deny || org.Alone is not { } alone)
        {
            throw new CounterStoreUnavailableException("The budget counters are away, and the policy is to admit nobody without them.", doubtful);
        }
        var slice = alone.Slice(path, request.Record.Day);
        var outcome = await alone.Counters.HoldAsync(request with { Path = slice }, ct).ConfigureAwait(false);
        if (outcome.Verdict == HoldVerdict.BudgetExceeded || (doubtful && outcome.Verdict != HoldVerdict.Admitted))
        {
            throw new CounterStoreUnavailableException(
                $"The budget counters are away, and the request is beyond what this replica may admit alone of {outcome.BlockedAt!.Field}.", doubtful);
        }
        if (outcome.Verdict == HoldVerdict.Admitted)
        {
            shared.Adopt(in request, outcome.Granted);
            Interlocked.Increment(ref alone.Granted);
            if (org.Alone != alone)
            {
                // The store came back in between and did not see this one.
                await store.BringAsync(org.Id, ct).ConfigureAwait(false);
            }
            events.Add("gateway", "non_atomic_fallback", $"{org.Id}: a hold was granted without the budget counters ({path.OnStoreLoss.ToString().ToLowerInvariant()}).");
        }
        return outcome with { NonAtomic = true };
    }

    /// <summary>Looks at orgs that are in use but have been idle for a while, so that a loss finds a young view of them, too. To be called about once a second.</summary>
    public void LookAtIdle()
    {
        var now = time.GetTimestamp();
        var idle = orgs.Values
            .Where(org => org.Alone is null && time.GetElapsedTime(org.LookedAt, now) >= LookAtIdleEvery && time.GetElapsedTime(org.UsedAt, now) <= KeepLooking)
            .OrderByDescending(static org => org.UsedAt)
            .Take(MaxIdleLooks);
        foreach (var org in idle)
        {
            Look(org, now);
        }
    }

    // The counters answer: look at them now and then, so that a loss finds a fresh view.
    void Seen(Org org)
    {
        var now = time.GetTimestamp();
        org.UsedAt = now;
        if (time.GetElapsedTime(org.LookedAt, now) >= org.LookAfter)
        {
            Look(org, now);
        }
    }

    void Look(Org org, long now)
    {
        if (Interlocked.Exchange(ref org.Looking, 1) == 0)
        {
            org.LookedAt = now;
            org.Work = LookAsync(org);
        }
    }

    async Task LookAsync(Org org)
    {
        try
        {
            var day = DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);
            // As old as the question: what was spent while it was answered may not be in it.
            var asked = time.GetTimestamp();
            // Counters that lost something say that less was spent; the next hold has them rebuilt, a look at a thousand orgs has not.
            if (await shared.PeekAsync(org.Id, day, stop.Token).ConfigureAwait(false) is { } totals)
            {
                org.View = new View(asked, day, totals, store.Replicas.Count);
            }
            org.LookAfter = LookAfter(time.GetElapsedTime(asked));
        }
        catch (Exception e) when (e is CounterStoreUnavailableException or OperationCanceledException)
        {
            // The view before stays; a hold finds out that the store is away.
        }
        finally
        {
            Volatile.Write(ref org.Looking, 0);
        }
    }

    // An org with many sessions takes long to look at: a twentieth of the time is enough for that.
    static TimeSpan LookAfter(TimeSpan took) => took * 20 is var rest && rest < LookEvery ? LookEvery : rest > LookAtIdleEvery ? LookAtIdleEvery : rest;

    void Lose(Org org, string reason)
    {
        lock (org)
        {
            if (org.Alone is not null)
            {
                return;
            }
            var view = org.View is { } last && time.GetElapsedTime(last.At) <= MaxViewAge ? last : null;
            org.Alone = new Alone(view, store.Replicas.Count, new InProcessCounters(time), time.GetTimestamp());
            events.Add("gateway", "budget_store_unavailable", $"{org.Id}: {reason}");
            org.Work = Task.Run(() => ReturnAsync(org, org.Alone));
        }
    }

    async Task ReturnAsync(Org org, Alone alone)
    {
        string? said = null;
        try
        {
            while (true)
            {
                await Task.Delay(AskEvery, time, stop.Token).ConfigureAwait(false);
                try
                {
                    var granted = Interlocked.Read(ref alone.Granted);
                    await store.ResumeAsync(org.Id, granted > 0 ? alone.Since : null, stop.Token).ConfigureAwait(false);
                    org.Alone = null;
                    if (Interlocked.Read(ref alone.Granted) != granted)
                    {
                        await store.BringAsync(org.Id, stop.Token).ConfigureAwait(false);
                    }
                    return;
                }
                catch (Exception e) when (e is not OperationCanceledException)
                {
                    // Whatever it is, nobody else brings this org back: say it, once while it stays the same, and go on asking.
                    if (said != e.Message)
                    {
                        events.Add("gateway", "budget_store_return", $"{org.Id}: {e.Message}");
                    }
                    said = e.Message;
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Stopped.
        }
    }

    sealed class Org(string id)
    {
        public string Id { get; } = id;
        public volatile View? View;
        public volatile Alone? Alone;
        public Task Work = Task.CompletedTask;
        public long LookedAt;
        public TimeSpan LookAfter = LookEvery;
        public long UsedAt;
        public int Looking;
    }

    /// <summary>What the counters said when they last answered.</summary>
    sealed class View(long at, DateOnly day, IReadOnlyList<CellTotals> totals, int replicas)
    {
        readonly Dictionary<(string, PeriodKind), NanoUsd> used = totals.ToDictionary(static c => (c.Field, c.Period), static c => c.Spent + c.Held);

        /// <summary>Timestamp.</summary>
        public long At { get; } = at;

        public int Replicas { get; } = replicas;

        /// <summary>Spent and held in the period that has this day; null when it is not known.</summary>
        public NanoUsd? Used(string field, PeriodKind period, DateOnly on) => Start(period, on).CompareTo(Start(period, day)) switch
        {
            // A request that came before midnight: the counters were looked at only for what began then.
            < 0 => null,
            > 0 => NanoUsd.Zero,
            _ => used.GetValueOrDefault((field, period)),
        };

        static DateOnly Start(PeriodKind period, DateOnly day) => period switch
        {
            PeriodKind.Day => day,
            PeriodKind.Month => new DateOnly(day.Year, day.Month, 1),
            _ => default,
        };
    }

    /// <summary>One outage of one org: what this replica may spend, and what it did.</summary>
    sealed class Alone(View? view, int replicas, InProcessCounters counters, long since)
    {
        readonly int parts = Math.Max(1, Math.Max(replicas, view?.Replicas ?? 1));

        public InProcessCounters Counters { get; } = counters;

        /// <summary>Timestamp.</summary>
        public long Since { get; } = since;

        public long Granted;

        /// <summary>The path with this replica's part of each limit.</summary>
        public BudgetPath Slice(BudgetPath path, DateOnly day)
        {
            var capped = path.OnStoreLoss == StoreLoss.Bounded;
            return new BudgetPath(path.OrgId, [.. path.Nodes.Select(node => node with
            {
                DailyLimit = capped ? Part(node.DailyLimit, node.Field, PeriodKind.Day, day) : null,
                MonthlyLimit = capped ? Part(node.MonthlyLimit, node.Field, PeriodKind.Month, day) : null,
                LifeLimit = capped ? Part(node.LifeLimit, node.Field, PeriodKind.Life, day) : null,
                RequestsPerMinute = Share(node.RequestsPerMinute),
                MaxConcurrency = Share(node.MaxConcurrency),
            })])
            { OnStoreLoss = path.OnStoreLoss };
        }

        // Never seen or too long ago, never spent from: what is left is not known.
        NanoUsd? Part(NanoUsd? limit, string field, PeriodKind period, DateOnly day) =>
            limit is not { } most ? null : view?.Used(field, period, day) is { } used ? new NanoUsd(Math.Max(0, (most - used).Value / parts)) : NanoUsd.Zero;

        int? Share(int? limit) => limit is { } most ? (most == 0 ? 0 : Math.Max(1, most / parts)) : null;
    }
}
