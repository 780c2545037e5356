using System.Text;
using CurateMe.Gateway.Governance;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Configuration;
using CurateMe.Ledger.Entries;
using CurateMe.Ledger.Errors;
using CurateMe.Ledger.Reconciliation;
using CurateMe.Ledger.Records;

namespace CurateMe.Gateway.Hosting;

/// <summary>What one run of the day did.</summary>
/// <param name="Changed">Counters that differed from the ledger and were made equal.</param>
/// <param name="PutOff">Orgs that could not be reconciled now.</param>
sealed record DailyReport(DateOnly Day, int Orgs, int Changed, int PutOff);

/// <summary>
/// Once a day, after it is over, makes every org's counters of that day and its month equal to the ledger. One replica does it, by a lease in the store that all share; if it dies, another goes
/// on when the lease has ended. A second run would change nothing, so correctness does not depend on the lease.
/// </summary>
sealed partial class DailyReconcile(
    Catalogue catalogue, Reconciler reconciler, IEntryStore entries, ErrorEvents events, GatewaySettings settings, TimeProvider time, ILogger<DailyReconcile> logger)
    : PeriodicWork(LookEvery, events, time)
{
    /// <summary>How often it is looked whether a day waits.</summary>
    static readonly TimeSpan LookEvery = TimeSpan.FromMinutes(1);

    /// <summary>How long one replica has the day to itself.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromMinutes(30);

    /// <summary>How long it is remembered that a day is done.</summary>
    static readonly TimeSpan Remembered = TimeSpan.FromDays(7);

    const int PageSize = 500;
    const string Partition = "gateway";
    const string Kind = "daily_reconcile";

    /// <summary>Reconciles yesterday if its time has come and nobody has.</summary>
    /// <returns>Null when there was nothing to do, or another replica is at it.</returns>
    public async Task<DailyReport?> RunAsync(CancellationToken ct)
    {
        var now = Time.GetUtcNow();
        if (settings.DailyReconcileAt is not { } at || now.TimeOfDay < at.ToTimeSpan())
        {
            return null;
        }
        var day = DateOnly.FromDateTime(now.UtcDateTime).AddDays(-1);
        var done = new EntryName(Partition, Kind, $"{day:yyyy-MM-dd}.done");
        if (await entries.FindAsync(done, ct) is not null
            || !(await entries.AddAsync(new EntryName(Partition, Kind, $"{day:yyyy-MM-dd}.lease"), "taken"u8.ToArray(), Lease, quota: null, ct)).Added)
        {
            return null;
        }
        var report = await ReconcileAsync(day, ct);
        if (report.PutOff == 0)
        {
            await entries.AddAsync(done, Encoding.ASCII.GetBytes($"{report.Changed}"), Remembered, quota: null, ct);
        }
        Log.Done(logger, day, report.Orgs, report.Changed, report.PutOff);
        return report;
    }

    protected override async Task TurnAsync(CancellationToken ct)
    {
        try
        {
            await RunAsync(ct);
        }
        catch (Exception e) when (e is EntryStoreUnavailableException or ConfigStoreUnavailableException)
        {
            Errors.Add("gateway", "daily_reconcile_put_off", e.Message);
        }
    }

    async Task<DailyReport> ReconcileAsync(DateOnly day, CancellationToken ct)
    {
        var report = new DailyReport(day, 0, 0, 0);
        string? after = null;
        IReadOnlyList<Stored<OrgDocument>> page;
        do
        {
            page = await catalogue.Orgs.ListAsync(orgId: null, after, PageSize, ct);
            foreach (var org in page)
            {
                var changed = await ReconcileAsync(org.Id, day, ct);
                report = report with { Orgs = report.Orgs + 1, Changed = report.Changed + (changed ?? 0), PutOff = report.PutOff + (changed is null ? 1 : 0) };
                after = org.Id;
            }
        }
        while (page.Count == PageSize);
        return report;
    }

    async Task<int?> ReconcileAsync(string org, DateOnly day, CancellationToken ct)
    {
        try
        {
            var changed = (await reconciler.RunAsync(org, day, apply: true, ct)).Cells.Count(static c => c.Changed);
            if (changed > 0)
            {
                Errors.Add("gateway", "daily_reconcile_changed", $"{org}: {changed} counters of {day:yyyy-MM-dd} and its month differed from the ledger and were made equal.");
                await catalogue.CommitAsync(
                    [], new AuditDraft(Time.GetUtcNow(), "schedule", FromIp: null, "costs.reconcile", "org", org, org, BeforeJson: null, $$"""{"date":"{{day:yyyy-MM-dd}}","changed":{{changed}}}"""), ct);
            }
            return changed;
        }
        catch (Exception e) when (e is InvalidOperationException or LedgerUnavailableException or CounterStoreUnavailableException)
        {
            Errors.Add("gateway", "daily_reconcile_put_off", $"{org}: {e.Message}");
            return null;
        }
    }

    static partial class Log
    {
        [LoggerMessage(2301, LogLevel.Information, "Reconciled {Day}: {Orgs} orgs, {Changed} counters changed, {PutOff} orgs put off")]
        public static partial void Done(ILogger logger, DateOnly day, int orgs, int changed, int putOff);
    }
}
