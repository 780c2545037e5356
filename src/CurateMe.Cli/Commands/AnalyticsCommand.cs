using System.CommandLine;
using System.Globalization;
using System.Text.Json.Serialization;
using CurateMe.Client;

namespace CurateMe.Cli.Commands;

/// <summary>What <c>analytics health</c> prints.</summary>
sealed record HealthReport(
    string Status, bool RedisConnected, double? RedisLatencyMs, bool MongoConnected, double? MongoLatencyMs, long? DlqDepth, long QueueDepth, long DroppedRecords, long OldestMs, long? LiveHolds,
    string? LedgerError, string? JournalFault, int? OrgsAway, StoreServers? Servers);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(HealthReport))]
sealed partial class ReportJson : JsonSerializerContext;

/// <summary><c>analytics costs today | reconcile | replay-dlq</c> and <c>analytics health</c>.</summary>
static class AnalyticsCommand
{
    /// <summary>Drift up to this many percent is records on their way.</summary>
    const double NormalDrift = 2;

    const int OrgsAtOnce = 100;

    /// <summary>How often a replay that takes long is looked at.</summary>
    static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);

    public static Command Create(Gateway gateway, TextWriter output, TextWriter errors)
    {
        var org = new Option<string?>("--org") { Description = "One org; else ORG_ID, else all." };
        var date = new Option<DateOnly?>("--date") { Description = "A UTC day, e.g. 2026-03-17; today when not given." };
        var today = new Command("today", "Live counters beside the ledger. Exit code 1 when they differ by 2 % or more, resets aside, or one of them is away.") { org };
        today.SetAction((parsed, ct) => TodayAsync(gateway, parsed.GetValue(org), output, ct));
        var reconcile = new Command("reconcile", "Rebuilds the counters from the ledger and prints what changed, per org.") { org, date };
        reconcile.SetAction((parsed, ct) => ReconcileAsync(gateway, parsed.GetValue(org), parsed.GetValue(date), output, errors, ct));
        var replay = new Command("replay-dlq", "Gives the records that were set aside to the ledger again. Exit code 1 when some remain.");
        replay.SetAction((_, ct) => ReplayAsync(gateway, output, errors, ct));
        var health = new Command("health", "The gateway, its stores and the queues between them. Exit code 1 when it is degraded or unhealthy, a store is away, or records are set aside.");
        health.SetAction((_, ct) => HealthAsync(gateway, output, ct));
        var latency = new Command("latency", "Where a request's time goes, stage by stage, in the last minutes.");
        latency.SetAction(async (_, ct) =>
        {
            CommandLine.Print(output, await gateway.Admin(org: null).GetLatencyAsync(ct), AdminJson.Default.LatencyReport);
            return CommandLine.Fine;
        });
        return new Command("analytics", "Costs and health.") { new Command("costs", "Counters and ledger.") { today, reconcile, replay }, health, latency };
    }

    static async Task<int> TodayAsync(Gateway gateway, string? org, TextWriter output, CancellationToken ct)
    {
        var costs = await gateway.Admin(org).GetCostsTodayAsync(ct);
        CommandLine.Print(output, costs, AdminJson.Default.CostsToday);
        // The total of a store that is away is 0, and says nothing.
        return costs is { RedisConnected: true, MongoConnected: true } && Math.Abs(Unexplained(costs)) < NormalDrift ? CommandLine.Fine : CommandLine.Problem;
    }

    // A reset was asked for: drift_pct shows it, but it is no problem.
    static double Unexplained(CostsToday costs)
    {
        if (costs.ResetNanoUsd == 0)
        {
            return costs.DriftPct;
        }
        var counted = (double)costs.RedisDailyTotalNanoUsd + costs.ResetNanoUsd;
        return Math.Round((counted - costs.MongodbDailyTotalNanoUsd) / counted * 100, 1, MidpointRounding.AwayFromZero);
    }

    // One org after another, so that who waits sees how far it is.
    static async Task<int> ReconcileAsync(Gateway gateway, string? org, DateOnly? date, TextWriter output, TextWriter errors, CancellationToken ct)
    {
        var admin = gateway.Admin(org);
        if (admin.OrgId is not null)
        {
            CommandLine.Print(output, await admin.ReconcileAsync(org: null, date, ct), AdminJson.Default.PageReconcileResult);
            return CommandLine.Fine;
        }
        var progress = new Progress(errors, TimeProvider.System);
        List<ReconcileResult> results = [];
        string? cursor = null;
        do
        {
            var orgs = await admin.ListOrgsAsync(OrgsAtOnce, cursor, ct);
            foreach (var one in orgs.Data)
            {
                results.AddRange((await admin.ReconcileAsync(one.OrgId, date, ct)).Data);
                progress.Say($"{results.Count} orgs reconciled, {results.Sum(static r => r.Changed)} counters changed; now {one.OrgId}");
            }
            cursor = orgs.NextCursor;
        }
        while (cursor is not null);
        progress.End($"{results.Count} orgs reconciled, {results.Sum(static r => r.Changed)} counters changed");
        CommandLine.Print(output, new Page<ReconcileResult>(results, NextCursor: null), AdminJson.Default.PageReconcileResult);
        return CommandLine.Fine;
    }

    static async Task<int> ReplayAsync(Gateway gateway, TextWriter output, TextWriter errors, CancellationToken ct)
    {
        var admin = gateway.Admin(org: null);
        var progress = new Progress(errors, TimeProvider.System);
        var replay = admin.ReplayDlqAsync(ct);
        while (await Task.WhenAny(replay, Task.Delay(LookEvery, ct)) != replay)
        {
            progress.Say($"{(await admin.GetMetricsAsync(ct)).CostRecorder.DlqDepth?.ToString(CultureInfo.InvariantCulture) ?? "an unknown number of"} records left");
        }
        var result = await replay;
        progress.End($"{result.Replayed} records replayed");
        CommandLine.Print(output, result, AdminJson.Default.ReplayResult);
        return result.Remaining == 0 ? CommandLine.Fine : CommandLine.Problem;
    }

    static async Task<int> HealthAsync(Gateway gateway, TextWriter output, CancellationToken ct)
    {
        var admin = gateway.Admin(org: null);
        var metrics = await admin.GetMetricsAsync(ct);
        var health = await admin.GetHealthAsync(ct);
        CommandLine.Print(output, Report(metrics, health), ReportJson.Default.HealthReport);
        return health.Status == GatewayHealth.Healthy && metrics is { BudgetStore.Connected: true, Ledger.Connected: true, CostRecorder: { DlqDepth: 0, DroppedRecords: 0 } }
            ? CommandLine.Fine : CommandLine.Problem;
    }

    static HealthReport Report(GatewayMetrics metrics, GatewayHealth health)
    {
        var (recorder, counters, ledger) = (metrics.CostRecorder, metrics.BudgetStore, metrics.Ledger);
        return new HealthReport(
            health.Status, counters.Connected, counters.LatencyMs, ledger.Connected, ledger.LatencyMs, recorder.DlqDepth, recorder.QueueDepth, recorder.DroppedRecords, recorder.OldestMs, counters.LiveHolds,
            health.LedgerError, health.JournalFault, health.OrgsAway, metrics.Servers);
    }
}
