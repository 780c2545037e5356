using System.Globalization;
using System.Text.Json.Nodes;
using CurateMe.Client;
using CurateMe.Gateway.Hosting;
using CurateMe.Ledger.Alerts;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Configuration;
using CurateMe.Ledger.Errors;
using CurateMe.Ledger.Money;

namespace CurateMe.Gateway.Alerts;

/// <summary>
/// Tells of budgets that reach a threshold or are used up. Requests only leave a mark (<see cref="BudgetSignals"/>); every few seconds the counters of the orgs
/// that spent are read and their nodes compared with the thresholds, for the day that was charged, and once more when the gateway stops. Whatever the number of
/// replicas, each crossing is told once: its claim is node, period, limit and threshold.
/// </summary>
sealed class BudgetWatch(BudgetSignals signals, ICounterStore counters, WebhookDirectory webhooks, AlertDesk desk, AlertOptions options, ErrorEvents errors, TimeProvider time)
    : PeriodicWork(options.SweepEvery, errors, time)
{
    /// <summary>Longest the last look takes, when the gateway stops.</summary>
    static readonly TimeSpan LastLook = TimeSpan.FromSeconds(5);

    protected override Task TurnAsync(CancellationToken ct) => LookAsync(ct);

    /// <summary>Looks at what was spent and denied since the last look.</summary>
    public async Task LookAsync(CancellationToken ct)
    {
        foreach (var denial in signals.TakeDenied())
        {
            Tell(denial);
        }
        foreach (var spent in signals.TakeSpent().GroupBy(static s => (s.Path.OrgId, s.Day)))
        {
            try
            {
                await LookAsync(spent.Key.OrgId, spent.Select(static s => s.Path), spent.Key.Day, ct);
            }
            catch (Exception e)
            {
                // Whatever it is, the other orgs are looked at, and this one the next time.
                PutOff(spent, e);
            }
        }
    }

    /// <inheritdoc/>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(LastLook);
        await LookAsync(limit.Token);
    }

    void PutOff(IGrouping<(string OrgId, DateOnly Day), BudgetSpending> spent, Exception why)
    {
        foreach (var spending in spent)
        {
            signals.OnSettled(spending.Path, spending.Day);
        }
        if (why is not OperationCanceledException)
        {
            Errors.Add("gateway", "budget_watch_put_off", $"{spent.Key.OrgId}: {why.GetType().Name}: {why.Message}");
        }
    }

    async Task LookAsync(string orgId, IEnumerable<BudgetPath> paths, DateOnly day, CancellationToken ct)
    {
        Dictionary<(string Field, PeriodKind Period), CellTotals> cells = [];
        foreach (var cell in await counters.SnapshotAsync(orgId, day, ct))
        {
            cells[(cell.Field, cell.Period)] = cell;
        }
        int[] thresholds = [.. (await webhooks.OfAsync(orgId, ct)).Where(static w => w.Enabled && w.ThresholdBasisPoints is not null).Select(static w => w.ThresholdBasisPoints!.Value).Union(BudgetThresholds.Standard).Order()];
        HashSet<BudgetNode> seen = [];
        foreach (var path in paths)
        {
            for (var i = 0; i < path.Nodes.Length; i++)
            {
                if (!seen.Add(path.Nodes[i]))
                {
                    continue;
                }
                foreach (var period in path.Nodes[i].Kind == NodeKind.Session ? [PeriodKind.Life] : (PeriodKind[])[PeriodKind.Day, PeriodKind.Month])
                {
                    Compare(path, i, period, cells, thresholds, day);
                }
            }
        }
    }

    void Compare(BudgetPath path, int index, PeriodKind period, Dictionary<(string, PeriodKind), CellTotals> cells, int[] thresholds, DateOnly day)
    {
        var node = path.Nodes[index];
        if (AlertData.Limit(node, period) is not { Value: > 0 } limit || !cells.TryGetValue((node.Field, period), out var cell))
        {
            return;
        }
        var start = AlertData.Start(period, day);
        foreach (var threshold in thresholds)
        {
            if ((Int128)cell.Spent.Value * 10_000 < (Int128)limit.Value * threshold)
            {
                return;
            }
            var claim = Claim(node, period, start, limit, threshold);
            var data = AlertData.Node(node, period, start, cell.Spent, cell.Held, limit);
            data["threshold"] = JsonNode.Parse((threshold / 10_000m).ToString("0.####", CultureInfo.InvariantCulture));
            desk.Raise(AlertType.BudgetWarning, path.OrgId, node.Field, claim, data);
            if (index > 0 && BudgetThresholds.Standard.Contains(threshold))
            {
                var chain = (JsonObject)data.DeepClone();
                chain["ancestors"] = Ancestors(path, index, period, cells, start);
                desk.Raise(AlertType.BudgetHierarchyAlert, path.OrgId, node.Field, claim, chain);
            }
        }
    }

    // The nodes above, outermost first; above a session they count over the day.
    static JsonArray Ancestors(BudgetPath path, int index, PeriodKind period, Dictionary<(string, PeriodKind), CellTotals> cells, DateOnly start)
    {
        var above = period == PeriodKind.Life ? PeriodKind.Day : period;
        var ancestors = new JsonArray();
        for (var i = 0; i < index; i++)
        {
            var node = path.Nodes[i];
            var cell = cells.GetValueOrDefault((node.Field, above));
            ancestors.Add((JsonNode)AlertData.Node(node, above, start, cell?.Spent ?? default, cell?.Held ?? default, AlertData.Limit(node, above)));
        }
        return ancestors;
    }

    void Tell(BudgetDenial denial)
    {
        var outcome = denial.Outcome;
        var node = outcome.BlockedAt!;
        var start = AlertData.Start(outcome.BlockedPeriod, denial.Day);
        var data = AlertData.Node(node, outcome.BlockedPeriod, start, outcome.BlockedSpent, outcome.BlockedHeld, outcome.BlockedLimit);
        data["key_id"] = denial.KeyId;
        desk.Raise(AlertType.BudgetExceeded, denial.Path.OrgId, node.Field, Claim(node, outcome.BlockedPeriod, start, outcome.BlockedLimit, threshold: null), data);
    }

    static string Claim(BudgetNode node, PeriodKind period, DateOnly start, NanoUsd limit, int? threshold) =>
        string.Create(CultureInfo.InvariantCulture, $"{node.Field}:{AlertData.PeriodName(period)}:{start:yyyy-MM-dd}:{limit.Value}:{threshold}");
}
