using System.Globalization;
using System.Text.Json.Nodes;
using CurateMe.Client;
using CurateMe.Gateway.Admin;
using CurateMe.Gateway.Governance;
using CurateMe.Gateway.Hosting;
using CurateMe.Ledger.Alerts;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Configuration;
using CurateMe.Ledger.Errors;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Reconciliation;
using CurateMe.Ledger.Records;

namespace CurateMe.Gateway.Alerts;

/// <summary>
/// Compares the counters of every org with the ledger, and looks at the list of records set aside. One replica does it at a time. Each episode is told once, whoever
/// looks (<see cref="Episodes"/>): it begins when a drift has lasted, or the list is too long, and ends when it is mended.
/// </summary>
sealed class LedgerWatch(
    ICounterStore counters, IUsageLedger ledger, CounterResets resets, Catalogue catalogue, GatewayFigures figures, IAlertStore alerts, AlertDesk desk, AlertOptions options, ErrorEvents errors, TimeProvider time)
    : PeriodicWork(options.WatchEvery, errors, time)
{
    /// <summary>A drift of more than this is told of, in percent.</summary>
    public const int MaxDriftPercent = 5;

    /// <summary>A list of more records set aside than this is told of.</summary>
    public const int MaxBacklog = 50;

    const string LeaseName = "ledger_watch";
    const int PageSize = 500;

    readonly string owner = RequestId.New(time.GetUtcNow()).ToString();
    readonly Episodes episodes = new(alerts, $"look of {RequestId.New(time.GetUtcNow())}", TimeSpan.FromMinutes(20) + (4 * options.WatchEvery));

    protected override Task TurnAsync(CancellationToken ct) => LookAsync(ct);

    /// <summary>Looks once, if this replica's turn it is.</summary>
    public async Task LookAsync(CancellationToken ct)
    {
        try
        {
            if (!await alerts.LeaseAsync(LeaseName, owner, Time.GetUtcNow(), 3 * options.WatchEvery, ct))
            {
                episodes.Forget();
                return;
            }
            await LookAtBacklogAsync(ct);
            await LookAtDriftAsync(ct);
        }
        catch (Exception e) when (e is CounterStoreUnavailableException or LedgerUnavailableException or ConfigStoreUnavailableException or AlertStoreUnavailableException)
        {
            Errors.Add("gateway", "ledger_watch_put_off", e.Message);
        }
    }

    async Task LookAtBacklogAsync(CancellationToken ct)
    {
        if (await figures.DlqDepth(ct) is not { } depth)
        {
            // Redis, which keeps them, is away: nothing is known to have changed.
            return;
        }
        var now = Time.GetUtcNow();
        if (depth <= MaxBacklog)
        {
            await episodes.EndAsync(AlertType.DlqBacklog, orgId: null, now, ct);
            return;
        }
        var since = await episodes.SinceAsync(AlertType.DlqBacklog, orgId: null, now, ct);
        desk.Raise(AlertType.DlqBacklog, orgId: null, "gateway", Episodes.Claim(since), new JsonObject { ["depth"] = depth, ["threshold"] = MaxBacklog });
        await episodes.KeepAsync(AlertType.DlqBacklog, orgId: null, since, now, ct);
    }

    async Task LookAtDriftAsync(CancellationToken ct)
    {
        var now = Time.GetUtcNow();
        var day = DateOnly.FromDateTime(now.UtcDateTime);
        var booked = new Dictionary<string, NanoUsd>(StringComparer.Ordinal);
        foreach (var leaf in await ledger.SpendAsync(orgId: null, SpendPeriod.OfDay(day), except: null, before: null, ct))
        {
            booked[leaf.OrgId] = booked.GetValueOrDefault(leaf.OrgId) + leaf.Cost;
        }
        for (string? after = null; ;)
        {
            var page = await catalogue.Orgs.ListAsync(orgId: null, after, PageSize, ct);
            foreach (var org in page)
            {
                await CompareAsync(org.Id, booked.GetValueOrDefault(org.Id), day, now, ct);
            }
            if (page.Count < PageSize)
            {
                return;
            }
            after = page[^1].Id;
        }
    }

    async Task CompareAsync(string org, NanoUsd booked, DateOnly day, DateTimeOffset now, CancellationToken ct)
    {
        var cell = (await counters.SnapshotAsync(org, day, ct)).FirstOrDefault(static c => c.Kind == NodeKind.Org && c.Period == PeriodKind.Day);
        var counted = cell?.Spent ?? NanoUsd.Zero;
        if (counted != booked)
        {
            // What an operator set back is no drift.
            counted += (await resets.InForceAsync(org, day, ct)).GetValueOrDefault("org");
        }
        var apart = Int128.Abs((Int128)counted.Value - booked.Value);
        var larger = Math.Max(counted.Value, booked.Value);
        if (apart * 100 <= (Int128)larger * MaxDriftPercent)
        {
            await episodes.EndAsync(AlertType.CostDrift, org, now, ct);
            return;
        }
        var since = await episodes.SinceAsync(AlertType.CostDrift, org, now, ct);
        if (now - since < options.DriftFor)
        {
            return;
        }
        var data = new JsonObject
        {
            ["date"] = day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
            ["drift_pct"] = Math.Round((double)(apart * 1_000 / larger) / 10, 1),
            ["threshold_pct"] = MaxDriftPercent,
            ["since"] = Rfc3339Converter.Format(since),
        };
        desk.Raise(AlertType.CostDrift, org, $"org:{org}", Episodes.Claim(since), data.WithMoney("counted", counted).WithMoney("booked", booked));
        await episodes.KeepAsync(AlertType.CostDrift, org, since, now, ct);
    }
}
