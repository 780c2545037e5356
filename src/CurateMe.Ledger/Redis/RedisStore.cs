using System.Collections.Concurrent;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Configuration;
using CurateMe.Ledger.Errors;
using CurateMe.Ledger.Journal;
using CurateMe.Ledger.Reconciliation;
using CurateMe.Ledger.Records;
using CurateMe.Resp;

namespace CurateMe.Ledger.Redis;

/// <summary>
/// The counters in Redis with what keeps them true: a rebuild whenever the server may have lost something.
/// <list type="number">
/// <item>One replica shuts the org's counters and asks all the others.</item>
/// <item>Every replica brings its live holds, and the ended ones that the ledger may lack.</item>
/// <item>When all that live have done so, the counters are made equal to the ledger (I6).</item>
/// <item>They are opened, and holds are admitted again.</item>
/// </list>
/// </summary>
public sealed class RedisStore : IAsyncDisposable
{
    /// <summary>Longest that the living replicas are waited for.</summary>
    static readonly TimeSpan AcknowledgeTimeout = TimeSpan.FromSeconds(10);

    static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(20);

    readonly JournalFile journal;
    readonly IUsageLedger ledger;
    readonly ErrorEvents events;
    readonly TimeProvider time;
    readonly TimeSpan renewEvery;
    readonly FormerHolds former;
    readonly ConcurrentDictionary<string, Task> rebuilding = new(StringComparer.Ordinal);
    readonly ConcurrentDictionary<string, bool> late = new(StringComparer.Ordinal);

    // When each org was last brought to counters that another replica rebuilt.
    readonly ConcurrentDictionary<string, long> pushed = new(StringComparer.Ordinal);
    readonly CancellationTokenSource stop = new();

    /// <param name="client">Stays the caller's.</param>
    public RedisStore(RespClient client, JournalFile journal, IUsageLedger ledger, CounterResets resets, ErrorEvents events, TimeProvider time, Func<RedisCounterOptions, RedisCounterOptions>? tune = null)
    {
        (this.journal, this.ledger, this.events, this.time) = (journal, ledger, events, time);
        var replica = RequestId.New(time.GetUtcNow()).ToString();
        var options = new RedisCounterOptions { Replica = replica, Rebuild = (org, _, _) => RebuildAsync(org, force: false), Bring = BringAsync, Backlog = () => journal.Settled };
        options = tune?.Invoke(options) ?? options;
        renewEvery = options.TakeOver / 4;
        Counters = new RedisCounters(client, options, time);
        former = new FormerHolds(Counters, ledger, ReplicaNames.Open(journal, replica), time);
        Reconciler = new Reconciler(Counters, ledger, resets, time);
        Replicas = new RedisReplicas(client, replica, PushAsync, time);
    }

    public RedisCounters Counters { get; }
    public Reconciler Reconciler { get; }
    public RedisReplicas Replicas { get; }

    /// <summary>
    /// Looks through what an earlier life of this journal left: the counters may have been rebuilt while it was dead, without its records. To be called
    /// after the holds it left open were ended and before the recorder starts; reconciled when the ledger has them.
    /// </summary>
    public void NoteRecovered()
    {
        using var reader = new JournalReader(journal, journal.LastCheckpoint);
        while (reader.Next() is { } record)
        {
            NoteLate(record.OrgId);
            former.Note(record.Id);
        }
    }

    /// <summary>Gives back what earlier lives of this journal held and never forwarded. To be called now and then, after <see cref="NoteRecovered"/>.</summary>
    /// <returns>How many holds were given back.</returns>
    public Task<int> ReleaseFormerAsync(CancellationToken ct) => former.ReleaseAsync(ct);

    /// <summary>Has an org reconciled soon.</summary>
    public void NoteLate(string orgId) => late.TryAdd(orgId, true);

    /// <summary>Orgs whose counters got something after they were rebuilt: reconcile them.</summary>
    public IReadOnlyCollection<string> TakeLate()
    {
        List<string> taken = [];
        foreach (var org in late.Keys)
        {
            if (late.TryRemove(org, out _))
            {
                taken.Add(org);
            }
        }
        return taken;
    }

    /// <summary>Rebuilds an org's counters; callers at the same time share one rebuild.</summary>
    /// <param name="force">Also when nothing seems lost: after an outage in which this replica decided alone.</param>
    public async Task RebuildAsync(string orgId, bool force)
    {
        var mine = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        while (rebuilding.GetOrAdd(orgId, mine.Task) is var running && running != mine.Task)
        {
            await running.ConfigureAwait(false);
            if (!force)
            {
                return;
            }
        }
        try
        {
            await RunAsync(orgId, force).ConfigureAwait(false);
            mine.SetResult();
        }
        catch (Exception e)
        {
            mine.SetException(e is LedgerUnavailableException or ConfigStoreUnavailableException or InvalidOperationException
                ? new CounterStoreUnavailableException("The budget counters cannot be rebuilt: " + e.Message, outcomeUnknown: false, e)
                : e);
        }
        finally
        {
            rebuilding.TryRemove(orgId, out _);
        }
        await mine.Task.ConfigureAwait(false);
    }

    /// <summary>Asks whether an org's counters can be used again, and makes them right first.</summary>
    /// <param name="aloneSince">Timestamp from which on holds were granted without the store: rebuild even if nothing seems lost, unless another replica asked for ours since. Null when none was.</param>
    internal async Task ResumeAsync(string orgId, long? aloneSince, CancellationToken ct)
    {
        if (aloneSince is { } since && pushed.GetValueOrDefault(orgId, long.MinValue) < since)
        {
            await RebuildAsync(orgId, force: true).ConfigureAwait(false);
        }
        await Counters.ResumeAsync(orgId, ct).ConfigureAwait(false);
        if (aloneSince is not null)
        {
            // What was granted after the counters were given the rest.
            await BringAsync(orgId, ct).ConfigureAwait(false);
        }
    }

    /// <summary>Brings what this replica holds to counters that were rebuilt while it was cut off from them. To be called about once a second.</summary>
    public ValueTask LookAgainAsync(CancellationToken ct) => Counters.LookAgainAsync(ct);

    /// <summary>Has orgs whose ended records were too many to be remembered compared with the ledger again when it has them.</summary>
    public ValueTask CatchUpAsync(CancellationToken ct) => Counters.CatchUpAsync(journal, ct);

    /// <summary>Brings holds that a rebuild did not see, and has the org reconciled.</summary>
    internal async Task BringAsync(string orgId, CancellationToken ct)
    {
        await Counters.PushAsync(orgId, epoch: null, () => Unrecorded(orgId), ct).ConfigureAwait(false);
        late.TryAdd(orgId, true);
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync().ConfigureAwait(false);
        await Replicas.DisposeAsync().ConfigureAwait(false);
        await Counters.DisposeAsync().ConfigureAwait(false);
        Reconciler.Dispose();
        stop.Dispose();
    }

    async Task RunAsync(string orgId, bool force)
    {
        string epoch;
        while (true)
        {
            var (start, found) = await Counters.BeginRebuildAsync(orgId, force, stop.Token).ConfigureAwait(false);
            if (start == RebuildStart.Open)
            {
                return;
            }
            if (start == RebuildStart.Begun)
            {
                epoch = found!;
                break;
            }
            await Task.Delay(LookAgain, time, stop.Token).ConfigureAwait(false);
        }
        using var done = CancellationTokenSource.CreateLinkedTokenSource(stop.Token);
        var renewing = RenewAsync(orgId, done.Token);
        try
        {
            await RebuildAsync(orgId, epoch).ConfigureAwait(false);
        }
        catch
        {
            await GiveUpAsync(orgId).ConfigureAwait(false);
            throw;
        }
        finally
        {
            await done.CancelAsync().ConfigureAwait(false);
            await renewing.ConfigureAwait(false);
        }
        events.Add("gateway", "budget_store_rebuilt", $"The counters of {orgId} were rebuilt from the ledger and the replicas' live holds.");
    }

    async Task RebuildAsync(string orgId, string epoch)
    {
        await Replicas.AskAsync(orgId, epoch, stop.Token).ConfigureAwait(false);
        await Counters.PushAsync(orgId, epoch, () => Unrecorded(orgId), stop.Token).ConfigureAwait(false);
        await AcknowledgedAsync(orgId, epoch).ConfigureAwait(false);
        var today = DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);
        // Holds of yesterday may still settle.
        await Reconciler.RebuildAsync(orgId, today.AddDays(-1), stop.Token).ConfigureAwait(false);
        await Reconciler.RebuildAsync(orgId, today, stop.Token).ConfigureAwait(false);
        if (!await Counters.OpenAsync(orgId, epoch, stop.Token).ConfigureAwait(false))
        {
            throw new CounterStoreUnavailableException("Another server took over during the rebuild.", outcomeUnknown: false);
        }
    }

    async Task GiveUpAsync(string orgId)
    {
        try
        {
            await Counters.GiveUpRebuildAsync(orgId, stop.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is CounterStoreUnavailableException or OperationCanceledException)
        {
            // Another takes it over in its time; what went wrong first is what the caller hears.
        }
    }

    // The sum of a long month may take longer than a dead replica is waited for.
    async Task RenewAsync(string orgId, CancellationToken ct)
    {
        using var timer = new PeriodicTimer(renewEvery, time);
        try
        {
            while (await timer.WaitForNextTickAsync(ct).ConfigureAwait(false))
            {
                try
                {
                    await Counters.RenewRebuildAsync(orgId, ct).ConfigureAwait(false);
                }
                catch (CounterStoreUnavailableException)
                {
                    // The rebuild itself finds out, or the next time succeeds.
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Done.
        }
    }

    async Task AcknowledgedAsync(string orgId, string epoch)
    {
        var began = time.GetTimestamp();
        while (true)
        {
            var have = await Counters.AcknowledgedAsync(orgId, epoch, stop.Token).ConfigureAwait(false);
            var missing = Replicas.Alive.FirstOrDefault(r => !have.Contains(r));
            if (missing is null)
            {
                return;
            }
            if (time.GetElapsedTime(began) > AcknowledgeTimeout)
            {
                throw new CounterStoreUnavailableException($"Replica {missing} lives and did not bring its holds.", outcomeUnknown: false);
            }
            await Task.Delay(LookAgain, time, stop.Token).ConfigureAwait(false);
        }
    }

    // Another replica rebuilds.
    async Task PushAsync(string orgId, string epoch)
    {
        var asked = time.GetTimestamp();
        try
        {
            if (!await Counters.PushAsync(orgId, epoch, () => Unrecorded(orgId), stop.Token).ConfigureAwait(false))
            {
                late.TryAdd(orgId, true);
            }
            pushed[orgId] = asked;
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // The one who asked waits as long as this replica lives, then gives up and asks again.
            events.Add("gateway", "budget_store_push", e.Message);
        }
    }

    // The journal has every end that the ledger may lack.
    List<UsageRecord> Unrecorded(string orgId)
    {
        while (true)
        {
            var from = journal.LastCheckpoint;
            try
            {
                List<UsageRecord> records = [];
                using var reader = new JournalReader(journal, from);
                while (reader.Next() is { } record)
                {
                    if (record.OrgId == orgId)
                    {
                        records.Add(record);
                    }
                }
                return records;
            }
            catch (FileNotFoundException) when (journal.LastCheckpoint > from)
            {
                // The ledger has that segment by now: begin after it.
            }
        }
    }
}
