using System.Diagnostics.Metrics;
using CurateMe.Gateway.Admin;
using CurateMe.Gateway.Governance;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Configuration;
using CurateMe.Ledger.Errors;
using CurateMe.Ledger.Journal;
using CurateMe.Ledger.Reconciliation;
using CurateMe.Ledger.Records;
using CurateMe.Ledger.Redis;

namespace CurateMe.Gateway.Telemetry;

/// <summary>Looks after the stores and the queues between them, now and then, and holds what it saw for whoever reads metrics.</summary>
sealed class StoreWatch : BackgroundService
{
    static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(5);

    /// <summary>Drift asks for every org's counters, so it is looked at less often.</summary>
    static readonly TimeSpan DriftEvery = TimeSpan.FromSeconds(30);

    readonly ICounterStore counters;
    readonly IUsageLedger ledger;
    readonly Catalogue catalogue;
    readonly CounterResets resets;
    readonly GatewayFigures figures;
    readonly StageTimes stages;
    readonly TimeProvider time;
    readonly ErrorEvents errors;
    long turnedAt;
    long driftedAt;

    // Null until the first look.
    volatile Seen? seen;

    public StoreWatch(IServiceProvider services)
    {
        counters = services.GetRequiredService<ICounterStore>();
        ledger = services.GetRequiredService<IUsageLedger>();
        catalogue = services.GetRequiredService<Catalogue>();
        resets = services.GetRequiredService<CounterResets>();
        figures = services.GetRequiredService<GatewayFigures>();
        stages = services.GetRequiredService<RequestMetrics>().Stages;
        time = services.GetRequiredService<TimeProvider>();
        errors = services.GetRequiredService<ErrorEvents>();
        turnedAt = time.GetTimestamp();
        var meter = services.GetRequiredService<IMeterFactory>().Create(RequestMetrics.MeterName);
        AddStores(meter);
        AddQueues(meter, services);
    }

    /// <summary>A store that is away is null.</summary>
    sealed record Seen(CounterHealth? Counters, LedgerHealth? Ledger, long? DeadLetters, double? Drift);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(LookEvery, time);
        try
        {
            do
            {
                await LookAsync(stoppingToken);
            }
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException)
        {
            // Stopped.
        }
    }

    async Task LookAsync(CancellationToken ct)
    {
        if (time.GetElapsedTime(turnedAt) >= StageTimes.TurnEvery)
        {
            turnedAt = time.GetTimestamp();
            stages.Turn();
        }
        var due = driftedAt == 0 || time.GetElapsedTime(driftedAt) >= DriftEvery;
        try
        {
            seen = new Seen(await CountersAsync(ct), await LedgerAsync(ct), await figures.DlqDepth(ct), due ? await DriftAsync(ct) : seen?.Drift);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // What was seen before stays until the next look.
            errors.Add("gateway", "store_watch_failed", e.Message);
        }
        driftedAt = due ? time.GetTimestamp() : driftedAt;
    }

    void AddStores(Meter meter)
    {
        meter.CreateObservableGauge(
            "gateway.store.up", () => seen is { } now ? [Of<long>(now.Counters is null ? 0 : 1, "counters"), Of<long>(now.Ledger is null ? 0 : 1, "ledger")] : Array.Empty<Measurement<long>>(), "{store}", "Whether a store answered when it was last asked.");
        meter.CreateObservableGauge(
            "gateway.store.latency", () => Latency(seen?.Counters?.LatencyMs, "counters").Concat(Latency(seen?.Ledger?.LatencyMs, "ledger")), "s", "Time of one question to a store; none while it is away.");
        meter.CreateObservableGauge("gateway.holds.live", () => Known(seen?.Counters?.LiveHolds), "{hold}", "Money set aside for requests in flight, in number; none while the counters are away.");
        meter.CreateObservableGauge("gateway.dead_letters", () => Known(seen?.DeadLetters), "{record}", "Records set aside after the ledger refused them repeatedly; none while Redis is away.");
        meter.CreateObservableGauge(
            "gateway.cost.drift", () => Known(seen?.Drift), "%", "(Counters - ledger) / counters of today, all orgs; none while a store is away.");
    }

    static void AddQueues(Meter meter, IServiceProvider services)
    {
        var recorder = services.GetRequiredService<Recorder>();
        var journal = services.GetRequiredService<JournalFile>();
        var refusals = services.GetRequiredService<RefusalLog>();
        meter.CreateObservableGauge("gateway.recorder.queue_depth", () => recorder.Figures.QueueDepth, "{record}", "Settled records that the ledger does not have yet.");
        meter.CreateObservableGauge("gateway.recorder.oldest", () => recorder.Figures.OldestMs / 1000.0, "s", "Age of the oldest of them.");
        meter.CreateObservableCounter("gateway.recorder.recorded", () => recorder.Figures.Recorded, "{record}", "Records that the ledger took.");
        meter.CreateObservableCounter("gateway.recorder.retries", () => recorder.Figures.Retries, "{write}", "Writes that the ledger refused.");
        meter.CreateObservableCounter("gateway.recorder.dropped", () => recorder.Figures.DroppedRecords, "{record}", "Always 0: a record leaves the journal only when the ledger has it.");
        meter.CreateObservableGauge("gateway.journal.up", () => journal.Fault is null ? 1 : 0, "{journal}", "Whether the journal can be written; without it requests are refused.");
        meter.CreateObservableGauge("gateway.orgs.away", () => (services.GetRequiredService<ICounterStore>() as ResilientCounters)?.OrgsAway ?? 0, "{org}", "Orgs that this gateway decides for without the shared counters.");
        meter.CreateObservableCounter("gateway.refusal_log.dropped", () => refusals.Dropped, "{request}", "Refusals that are not in the request log.");
    }

    // What is not known is no sample.
    static Measurement<T>[] Known<T>(T? value) where T : struct => value is { } known ? [new Measurement<T>(known)] : [];

    static Measurement<T> Of<T>(T value, string store) where T : struct => new(value, new KeyValuePair<string, object?>("store", store));

    static Measurement<double>[] Latency(double? milliseconds, string store) => milliseconds is { } known ? [Of(known / 1000, store)] : [];

    async Task<CounterHealth?> CountersAsync(CancellationToken ct)
    {
        try
        {
            return await counters.CheckAsync(ct) is { Connected: true } health ? health : null;
        }
        catch (CounterStoreUnavailableException)
        {
            return null;
        }
    }

    async Task<LedgerHealth?> LedgerAsync(CancellationToken ct)
    {
        try
        {
            return await ledger.CheckAsync(ct) is { Connected: true } health ? health : null;
        }
        catch (LedgerUnavailableException)
        {
            return null;
        }
    }

    async Task<double?> DriftAsync(CancellationToken ct)
    {
        try
        {
            return await ReconcileEndpoints.DriftAsync(DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime), catalogue, counters, ledger, resets, ct);
        }
        catch (Exception e) when (e is ConfigStoreUnavailableException or LedgerUnavailableException or CounterStoreUnavailableException or TimeoutException)
        {
            return null;
        }
    }
}
