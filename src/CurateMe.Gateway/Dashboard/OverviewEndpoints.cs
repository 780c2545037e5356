using CurateMe.Client;
using CurateMe.Gateway.Admin;
using CurateMe.Gateway.Governance;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Reconciliation;
using CurateMe.Ledger.Records;
using Microsoft.AspNetCore.Http.HttpResults;

namespace CurateMe.Gateway.Dashboard;

/// <summary>All that a first page shows, in one answer, and also while a store is away.</summary>
static class OverviewEndpoints
{
    public static RouteGroupBuilder MapOverview(this RouteGroupBuilder gateway)
    {
        gateway.MapGet("/overview", GetAsync).WithName("GetOverview").WithTags("Dashboard").Requires(AdminRight.Read);
        return gateway;
    }

    static async Task<Ok<Overview>> GetAsync(
        AdminCall call, Catalogue catalogue, LiveSums sums, LedgerReads reads, GatewayFigures figures, IServiceProvider services, CancellationToken ct)
    {
        var org = call.NamedOrg is null ? null : (await call.OrgAsync(ct)).Id;
        var policy = org is null ? null : await catalogue.PolicyAsync(org, ct);
        var booked = await BookedAsync(await reads.CaughtUpAsync(ct), org, call, ct);
        var live = await sums.ReadAsync(org, call.Today, ct);
        var source = live is null || org is null ? "ledger" : "counters";
        var (day, month) = (call.Today, new DateOnly(call.Today.Year, call.Today.Month, 1));
        var daySpent = source == "counters" ? live!.Day : booked?.Day ?? default;
        var monthSpent = source == "counters" ? live!.Month : booked?.Month ?? default;
        var stores = await StoresAsync(call.Actor.OrgId is null, live is not null, booked is not null, figures, services, ct);
        return TypedResults.Ok(new Overview
        {
            OrgId = org,
            At = call.Now,
            Today = Period(day, day.AddDays(1), daySpent, live?.DayHeld ?? default, policy?.DailyBudget, booked?.LastHour, 1, call.Now, source),
            Month = Period(month, month.AddMonths(1), monthSpent, live?.MonthHeld ?? default, policy?.MonthlyBudget, booked?.LastDay, 24, call.Now, source),
            BurnRatePerHour = booked?.LastHour,
            RequestsToday = booked?.DayRequests,
            RequestsLastHour = booked?.HourRequests,
            Denials = [.. (await figures.Denials(org, ct)).OrderByDescending(static d => d.Value).ThenBy(static d => d.Key, StringComparer.Ordinal).Select(static d => new DenialCount(d.Key, d.Value))],
            AddedLatencyP95Ms = figures.AddedLatencyP95Ms(),
            Status = figures.Fault() is not null || (live is null && booked is null) ? "unhealthy" : live is null || booked is null || stores.DlqDepth > 0 || stores.LastError is not null ? "degraded" : "healthy",
            Stores = stores,
            Drift = live is null || booked is null ? null : DriftOf(live, booked.Day),
        });
    }

    sealed record Booked(NanoUsd Day, NanoUsd Month, NanoUsd LastHour, NanoUsd LastDay, long DayRequests, long HourRequests);

    static async Task<Booked?> BookedAsync(IUsageLedger ledger, string? org, AdminCall call, CancellationToken ct)
    {
        try
        {
            async Task<(NanoUsd Cost, long Requests)> SumAsync(DateTimeOffset from) =>
                (await ledger.BreakdownAsync(new BreakdownQuery { OrgId = org, From = from, To = call.Now.AddMinutes(1), By = [] }, ct)) is [var sum] ? (sum.Cost, sum.Requests) : default;

            async Task<(NanoUsd Cost, long Requests)> SpentAsync(SpendPeriod period) =>
                (await ledger.SpendAsync(org, period, except: null, before: null, ct)).Aggregate((Cost: NanoUsd.Zero, Requests: 0L), static (sum, leaf) => (sum.Cost + leaf.Cost, sum.Requests + leaf.Requests));

            var day = await SpentAsync(SpendPeriod.OfDay(call.Today));
            var month = await SpentAsync(SpendPeriod.OfMonth(call.Today));
            var hour = await SumAsync(call.Now.AddHours(-1));
            return new Booked(day.Cost, month.Cost, hour.Cost, (await SumAsync(call.Now.AddHours(-24))).Cost, day.Requests, hour.Requests);
        }
        catch (LedgerUnavailableException)
        {
            return null;
        }
    }

    static PeriodOverview Period(DateOnly first, DateOnly end, NanoUsd spent, NanoUsd held, NanoUsd? budget, NanoUsd? recent, int hours, DateTimeOffset now, string source)
    {
        var (from, to) = (Times.Start(first), Times.Start(end));
        var left = (Int128)(to - now).Ticks;
        var rateTicks = (Int128)TimeSpan.TicksPerHour * hours;
        NanoUsd? forecast = recent is { } rate ? new NanoUsd((long)Int128.Min(long.MaxValue, spent.Value + (rate.Value * left / rateTicks))) : null;
        DateTimeOffset? ends = null;
        if (budget is { } limit)
        {
            var room = (Int128)limit.Value - spent.Value - held.Value;
            if (room <= 0)
            {
                ends = now;
            }
            else if (recent is { Value: > 0 } burn && room * rateTicks / burn.Value is var ticks && ticks < left)
            {
                ends = now.AddTicks((long)ticks);
            }
        }
        return new PeriodOverview { From = from, To = to, Spent = spent, Held = held, Budget = budget, Forecast = forecast, BudgetEndsAt = ends, Source = source };
    }

    static async Task<StoreOverview> StoresAsync(bool ofAll, bool counters, bool ledger, GatewayFigures figures, IServiceProvider services, CancellationToken ct)
    {
        var store = await OperationEndpoints.CountersAsync(services.GetRequiredService<ICounterStore>(), ct);
        var books = await OperationEndpoints.LedgerAsync(services.GetRequiredService<IUsageLedger>(), ct);
        var recorder = services.GetService<Recorder>()?.Figures;
        return new StoreOverview
        {
            Mode = figures.Mode,
            Counters = new StoreState(counters && store.Connected, store.LatencyMs),
            Ledger = new StoreState(ledger && books.Connected, books.LatencyMs),
            QueueDepth = ofAll ? recorder?.QueueDepth ?? 0 : null,
            OldestMs = ofAll ? recorder?.OldestMs ?? 0 : null,
            DlqDepth = ofAll ? await figures.DlqDepth(ct) : null,
            LiveHolds = ofAll ? store.LiveHolds : null,
            LastError = ofAll ? figures.Fault() ?? recorder?.LastError : null,
        };
    }

    // A reset in force is no drift: it was asked for.
    static DriftOverview DriftOf(LiveSum live, NanoUsd booked) => new(ReconcileEndpoints.Drift(live.Day + live.Reset, booked), live.Day + live.Reset, booked, live.Reset);
}
