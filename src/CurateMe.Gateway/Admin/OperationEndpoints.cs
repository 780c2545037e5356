using System.Globalization;
using System.Text.Json.Nodes;
using CurateMe.Client;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Configuration;
using CurateMe.Ledger.Records;
using CurateMe.Ledger.Redis;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace CurateMe.Gateway.Admin;

/// <summary>Figures about the gateway that other parts of it have; the composition root fills them in.</summary>
sealed class GatewayFigures
{
    /// <summary>Requests of the data plane by outcome.</summary>
    public Func<IReadOnlyDictionary<string, long>> Requests { get; set; } = static () => new Dictionary<string, long>();

    /// <summary>Records set aside after the ledger refused them repeatedly; null while Redis, which keeps them, does not answer.</summary>
    public Func<CancellationToken, ValueTask<long?>> DlqDepth { get; set; } = static _ => ValueTask.FromResult<long?>(0);

    /// <summary>Gives those records to the ledger again; answers how many it took.</summary>
    public Func<CancellationToken, ValueTask<long>> ReplayDlq { get; set; } = static _ => ValueTask.FromResult(0L);

    /// <summary>Records set aside, from a place on, oldest first; at most as many as asked for.</summary>
    public Func<long, int, CancellationToken, ValueTask<IReadOnlyList<UsageRecord>>> ListDlq { get; set; } = static (_, _, _) => ValueTask.FromResult<IReadOnlyList<UsageRecord>>([]);

    /// <summary>Today's refusals by code, of one org or of all when null.</summary>
    public Func<string?, CancellationToken, ValueTask<IReadOnlyDictionary<string, long>>> Denials { get; set; } =
        static (_, _) => ValueTask.FromResult<IReadOnlyDictionary<string, long>>(new Dictionary<string, long>());

    /// <summary>95th percentile of governing a request in milliseconds; null when there was none.</summary>
    public Func<double?> AddedLatencyP95Ms { get; set; } = static () => null;

    /// <summary>The servers of shared mode; null on the embedded default.</summary>
    public Func<StoreServers?> Servers { get; set; } = static () => null;

    /// <summary>Why requests are refused before they are forwarded; null when they are not.</summary>
    public Func<string?> Fault { get; set; } = static () => null;

    /// <summary><c>embedded</c> or <c>shared</c>.</summary>
    public string Mode { get; set; } = "embedded";

    /// <summary>From here on shared mode's list of dead letters is the one that is meant.</summary>
    public void Take(DeadLetters letters)
    {
        Mode = "shared";
        DlqDepth = async ct => await letters.DepthAsync(ct);
        ReplayDlq = async ct => (await letters.ReplayAsync(ct)).Replayed;
        ListDlq = async (from, count, ct) => await letters.ListAsync(from, count, ct);
    }
}

/// <summary>Which audit entries are asked for.</summary>
sealed record AuditFilter
{
    [FromQuery(Name = "limit")] public string? Limit { get; init; }
    [FromQuery(Name = "cursor")] public string? Cursor { get; init; }
    [FromQuery(Name = "action")] public string? Action { get; init; }
    [FromQuery(Name = "target_id")] public string? TargetId { get; init; }
    [FromQuery(Name = "from")] public string? From { get; init; }
    [FromQuery(Name = "to")] public string? To { get; init; }
}

/// <summary>What the gateway says of itself, and who changed what.</summary>
static class OperationEndpoints
{
    public static RouteGroupBuilder MapOperations(this RouteGroupBuilder gateway)
    {
        gateway.MapGet("/metrics", MetricsAsync).WithName("GetGatewayMetrics").WithTags("Operations").Requires(AdminRight.Platform);
        gateway.MapGet("/audit", AuditAsync).WithName("ListAudit").WithTags("Operations").Requires(AdminRight.Read);
        return gateway;
    }

    static async Task<Ok<GatewayMetrics>> MetricsAsync(
        ICounterStore counters, IUsageLedger ledger, GatewayFigures figures, IServiceProvider services, CancellationToken ct)
    {
        var recorder = services.GetService<Recorder>()?.Figures ?? new RecorderFigures(0, 0, 0, 0, 0, 0, 0, LastError: null);
        return TypedResults.Ok(new GatewayMetrics
        {
            CostRecorder = new RecorderMetrics(
                recorder.QueueDepth, recorder.DroppedRecords, recorder.Workers, recorder.BatchSize, recorder.OldestMs, await figures.DlqDepth(ct), recorder.Recorded, recorder.Retries, recorder.LastError),
            BudgetStore = await CountersAsync(counters, ct),
            Ledger = await LedgerAsync(ledger, ct),
            Requests = figures.Requests(),
            Servers = figures.Servers(),
        });
    }

    /// <summary>The counter store as it is now; of one that is away only when it was last written to is known.</summary>
    public static async Task<BudgetStoreMetrics> CountersAsync(ICounterStore counters, CancellationToken ct)
    {
        try
        {
            var health = await counters.CheckAsync(ct);
            return health.Connected ? new BudgetStoreMetrics(Connected: true, health.LatencyMs, health.LiveHolds, health.LastWrite) : Away(health.LastWrite);
        }
        catch (CounterStoreUnavailableException)
        {
            return Away(lastWrite: null);
        }

        static BudgetStoreMetrics Away(DateTimeOffset? lastWrite) => new(Connected: false, LatencyMs: null, LiveHolds: null, lastWrite);
    }

    /// <summary>The ledger as it is now.</summary>
    public static async Task<LedgerMetrics> LedgerAsync(IUsageLedger ledger, CancellationToken ct)
    {
        try
        {
            var health = await ledger.CheckAsync(ct);
            return new LedgerMetrics(health.Connected, health.Connected ? health.LatencyMs : null, health.LastWrite);
        }
        catch (LedgerUnavailableException)
        {
            return new LedgerMetrics(Connected: false, LatencyMs: null, LastWrite: null);
        }
    }

    static async Task<Ok<Page<AuditRecord>>> AuditAsync([AsParameters] AuditFilter filter, AdminCall call, IConfigStore store, CancellationToken ct)
    {
        var limit = Paging.Limit(filter.Limit);
        var before = filter.Cursor is not { Length: > 0 } cursor ? (long?)null
            : long.TryParse(cursor, NumberStyles.None, CultureInfo.InvariantCulture, out var sequence) ? sequence
            : throw Refusal.InvalidField("cursor", "is not a cursor of this list; send next_cursor of the page before, or none");
        var (from, to) = (Times.Instant("from", filter.From), Times.Instant("to", filter.To));
        var entries = await store.AuditAsync(
            new AuditQuery
            {
                OrgId = call.NamedOrg is null ? null : (await call.OrgAsync(ct)).Id,
                Action = filter.Action,
                TargetId = filter.TargetId,
                From = from,
                To = to,
                BeforeSequence = before,
                Limit = limit + 1,
            }, ct);
        var next = entries.Count > limit ? entries[limit - 1].Sequence.ToString(CultureInfo.InvariantCulture) : null;
        return TypedResults.Ok(new Page<AuditRecord>([.. entries.Take(limit).Select(View)], next));
    }

    public static AuditRecord View(AuditEntry entry) => new()
    {
        AuditId = entry.Sequence,
        At = entry.Draft.At,
        Actor = entry.Draft.Actor,
        FromIp = entry.Draft.FromIp,
        Action = entry.Draft.Action,
        TargetType = entry.Draft.TargetType,
        TargetId = entry.Draft.TargetId,
        OrgId = entry.Draft.OrgId,
        Before = entry.Draft.BeforeJson is { } old ? JsonNode.Parse(old) : null,
        After = entry.Draft.AfterJson is { } now ? JsonNode.Parse(now) : null,
        PreviousHash = entry.PreviousHash,
        Hash = entry.Hash,
    };
}
