using CurateMe.Client;
using CurateMe.Gateway.Governance;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Configuration;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Reconciliation;
using CurateMe.Ledger.Records;
using CurateMe.Resp;
using Microsoft.AspNetCore.Http.HttpResults;

namespace CurateMe.Gateway.Admin;

/// <summary>Counters beside the ledger: compare, rebuild, replay. What the command line asks.</summary>
static class ReconcileEndpoints
{
    const int PageSize = 500;

    public static RouteGroupBuilder MapReconciliation(this RouteGroupBuilder gateway)
    {
        gateway.MapGet("/costs/today", TodayAsync).WithName("GetCostsToday").WithTags("Costs").Requires(AdminRight.Read);
        gateway.MapPost("/costs/reconcile", ReconcileAsync).WithName("ReconcileCosts").WithTags("Costs").Requires(AdminRight.Change);
        gateway.MapPost("/costs/replay-dlq", ReplayAsync).WithName("ReplayDlq").WithTags("Costs").Requires(AdminRight.Platform);
        gateway.MapPost("/budgets/{org}/reconcile", ReconcileOrgAsync).WithName("ReconcileBudgets").WithTags("Budgets").Requires(AdminRight.Change);
        gateway.MapGet("/errors", Errors).WithName("ListErrors").WithTags("Operations").Requires(AdminRight.Platform);
        return gateway;
    }

    static async Task<Ok<CostsToday>> TodayAsync(
        AdminCall call, Catalogue catalogue, ICounterStore counters, IUsageLedger ledger, CounterResets resets, GatewayFigures figures, IServiceProvider services, CancellationToken ct)
    {
        var one = call.NamedOrg is null ? null : await NamedAsync(call, ct);
        var live = await CountersAsync(one, call.Today, catalogue, counters, resets, ct);
        var booked = await BookedAsync(one, call.Today, ledger, ct);
        return TypedResults.Ok(new CostsToday
        {
            Mode = figures.Mode,
            OrgId = one,
            Date = call.Today,
            RedisDailyTotal = live?.Spent ?? default,
            MongodbDailyTotal = booked?.Total ?? default,
            DriftPct = Drift(live?.Spent ?? default, booked?.Total ?? default),
            LastRedisWrite = (await counters.CheckAsync(ct)).LastWrite,
            LastMongoWrite = booked?.LastWrite,
            RedisConnected = live is not null,
            MongoConnected = booked is not null,
            Held = live?.Held ?? default,
            Reset = live?.Reset ?? default,
            QueueDepth = services.GetService<Recorder>()?.Figures.QueueDepth ?? 0,
            DlqDepth = await figures.DlqDepth(ct),
        });
    }

    // Null: the counters do not answer. That is the answer, not an error.
    static async Task<(NanoUsd Spent, NanoUsd Held, NanoUsd Reset)?> CountersAsync(
        string? one, DateOnly today, Catalogue catalogue, ICounterStore counters, CounterResets resets, CancellationToken ct)
    {
        try
        {
            var (spent, held, reset) = (NanoUsd.Zero, NanoUsd.Zero, NanoUsd.Zero);
            await foreach (var org in OrgsAsync(one, catalogue, ct))
            {
                var cell = (await counters.SnapshotAsync(org, today, ct)).FirstOrDefault(c => c.Kind == NodeKind.Org && c.Period == PeriodKind.Day);
                spent += cell?.Spent ?? default;
                held += cell?.Held ?? default;
                reset += await ResetAsync(org, today, resets, ct);
            }
            return (spent, held, reset);
        }
        catch (CounterStoreUnavailableException)
        {
            return null;
        }
    }

    // Configuration and ledger are away together; whoever may see every org needs no proof that this one is there.
    static async Task<string> NamedAsync(AdminCall call, CancellationToken ct)
    {
        try
        {
            return (await call.OrgAsync(ct)).Id;
        }
        catch (ConfigStoreUnavailableException) when (call.Actor.Role == AdminRole.PlatformAdmin)
        {
            return call.NamedOrg!;
        }
    }

    /// <summary>What a reset in force took off an org's day; none while nobody can say.</summary>
    public static async Task<NanoUsd> ResetAsync(string org, DateOnly day, CounterResets resets, CancellationToken ct)
    {
        try
        {
            return (await resets.InForceAsync(org, day, ct)).GetValueOrDefault("org");
        }
        catch (ConfigStoreUnavailableException)
        {
            return NanoUsd.Zero;
        }
    }

    static async Task<(NanoUsd Total, DateTimeOffset? LastWrite)?> BookedAsync(string? one, DateOnly today, IUsageLedger ledger, CancellationToken ct)
    {
        try
        {
            var leaves = await ledger.SpendAsync(one, SpendPeriod.OfDay(today), except: null, before: null, ct);
            return (leaves.Aggregate(NanoUsd.Zero, (sum, leaf) => sum + leaf.Cost), (await ledger.CheckAsync(ct)).LastWrite);
        }
        catch (LedgerUnavailableException)
        {
            return null;
        }
    }

    static async Task<Ok<Page<ReconcileResult>>> ReconcileAsync(Body<ReconcileRequest> body, AdminCall call, Catalogue catalogue, Reconciler reconciler, CancellationToken ct)
    {
        var day = body.Value.Date ?? call.Today;
        if (day > call.Today || day < call.Today.AddYears(-1))
        {
            throw Refusal.InvalidField("date", "must be a day of the last year, or today");
        }
        var one = body.Value.OrgId is null && call.NamedOrg is null ? null : (await call.OrgAsync(body.Value.OrgId, "org_id", ct)).Id;
        List<ReconcileResult> results = [];
        await foreach (var org in OrgsAsync(one, catalogue, ct))
        {
            results.Add(await RunAsync(org, day, call, catalogue, reconciler, ct));
        }
        return TypedResults.Ok(new Page<ReconcileResult>(results, NextCursor: null));
    }

    static async Task<Ok<ReconcileResult>> ReconcileOrgAsync(string org, AdminCall call, Catalogue catalogue, Reconciler reconciler, CancellationToken ct) =>
        TypedResults.Ok(await RunAsync((await call.OrgAsync(org, "org", ct)).Id, call.Today, call, catalogue, reconciler, ct));

    static async Task<ReconcileResult> RunAsync(string org, DateOnly day, AdminCall call, Catalogue catalogue, Reconciler reconciler, CancellationToken ct)
    {
        var report = await reconciler.RunAsync(org, day, apply: true, ct);
        var changed = report.Cells.Count(c => c.Changed);
        await catalogue.CommitAsync(
            [], call.Audit("costs.reconcile", "org", org, org, before: null, $$"""{"date":"{{day:yyyy-MM-dd}}","changed":{{changed}}}"""), ct);
        return new ReconcileResult
        {
            OrgId = org,
            Date = day,
            Changed = changed,
            ResetInForce = report.ResetInForce,
            Counters = [.. report.Cells.Select(c => new ReconciledCounter(c.Field, Choice.Word(c.Period), c.Before, c.After, c.Changed, c.Reset))],
        };
    }

    static async Task<Ok<ReplayResult>> ReplayAsync(GatewayFigures figures, CancellationToken ct)
    {
        try
        {
            var replayed = await figures.ReplayDlq(ct);
            return TypedResults.Ok(new ReplayResult(replayed, await figures.DlqDepth(ct) ?? throw ListAway()));
        }
        catch (RespException)
        {
            throw ListAway();
        }
    }

    /// <summary>Redis, and with it the list of what was set aside, does not answer.</summary>
    public static Refusal ListAway() => Refusal.StoreAway("The budget store, which keeps the records that were set aside, does not answer.");

    static Ok<Page<ErrorGroup>> Errors(string? source, string? since, ErrorBook errors) =>
        TypedResults.Ok(new Page<ErrorGroup>(errors.Since(Times.Instant("since", since), source), NextCursor: null));

    /// <summary>The ids of all orgs, or of one.</summary>
    public static async IAsyncEnumerable<string> OrgsAsync(string? one, Catalogue catalogue, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken ct)
    {
        if (one is not null)
        {
            yield return one;
            yield break;
        }
        string? after = null;
        IReadOnlyList<Stored<OrgDocument>> page;
        do
        {
            page = await catalogue.Orgs.ListAsync(orgId: null, after, PageSize, ct);
            foreach (var org in page)
            {
                yield return org.Id;
            }
            after = page.Count > 0 ? page[^1].Id : null;
        }
        while (page.Count == PageSize);
    }

    /// <summary>Drift of all orgs together in a day, in percent; null while the counters or the ledger are away.</summary>
    public static async Task<double?> DriftAsync(DateOnly day, Catalogue catalogue, ICounterStore counters, IUsageLedger ledger, CounterResets resets, CancellationToken ct) =>
        await CountersAsync(one: null, day, catalogue, counters, resets, ct) is { } live && await BookedAsync(one: null, day, ledger, ct) is { } booked
            ? Drift(live.Spent + live.Reset, booked.Total)
            : null;

    // Tenths of a percent in integers, rounded half away from zero.
    public static double Drift(NanoUsd counters, NanoUsd ledger)
    {
        if (counters == NanoUsd.Zero)
        {
            return ledger == NanoUsd.Zero ? 0 : -100;
        }
        var twice = ((Int128)counters.Value - ledger.Value) * 2_000 / counters.Value;
        return (double)((twice + Int128.Sign(twice)) / 2) / 10;
    }
}
