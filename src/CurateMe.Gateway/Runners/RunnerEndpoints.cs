using CurateMe.Client;
using CurateMe.Gateway.Admin;
using CurateMe.Gateway.Governance;
using CurateMe.Gateway.Keys;
using CurateMe.Gateway.Proxy;
using CurateMe.Ledger.Configuration;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;
using Microsoft.AspNetCore.Http.HttpResults;

namespace CurateMe.Gateway.Runners;

/// <summary>The fleet: runners, their tokens, their sessions and what they cost.</summary>
static class RunnerEndpoints
{
    /// <summary>A session without a request for this long is not active.</summary>
    static readonly TimeSpan ActiveFor = TimeSpan.FromMinutes(15);

    const int MaxSessionsShown = 100;

    public static RouteGroupBuilder MapRunners(this RouteGroupBuilder gateway)
    {
        var runners = gateway.MapGroup("/runners").WithTags("Runners");
        runners.MapPost("", CreateAsync).WithName("CreateRunner").Requires(AdminRight.Change);
        runners.MapGet("", ListAsync).WithName("ListRunners").Requires(AdminRight.Read);
        runners.MapGet("/costs", CostsAsync).WithName("GetRunnerCosts").Requires(AdminRight.Read);
        runners.MapPatch("/{runner}/config", ConfigureAsync).WithName("ConfigureRunner").Requires(AdminRight.Change);
        runners.MapPost("/{runner}/sessions/{session}/stop", StopAsync).WithName("StopSession").Requires(AdminRight.Change);
        return runners;
    }

    static async Task<Created<Runner>> CreateAsync(Body<RunnerCreate> body, AdminCall call, Catalogue catalogue, CancellationToken ct)
    {
        var (request, _) = body;
        Rules.Id("runner_id", request.RunnerId);
        Rules.Name("name", request.Name);
        Rules.Id("team_id", request.TeamId);
        Rules.Amount("session_budget_limit", request.SessionBudgetLimit);
        Rules.Amount("daily_budget", request.DailyBudget);
        Rules.Amount("monthly_budget", request.MonthlyBudget);
        Rules.Models("model_allowlist", request.ModelAllowlist);
        var org = await call.OrgAsync(request.OrgId, "org_id", ct);
        if (request.TeamId is not null && (await catalogue.Teams.FindAsync(request.TeamId, ct))?.OrgId != org.Id)
        {
            throw Refusal.InvalidField("team_id", $"names no team of the org \"{org.Id}\"");
        }
        // Only ids made here are known to be nobody else's, and can be found without the org.
        var made = request.RunnerId is null ? Ids.New("runner_") : null;
        var id = request.RunnerId ?? made!;
        if (await catalogue.Runners.FindAsync(SessionDirectory.IdOf(org.Id, id), ct) is not null)
        {
            throw Refusal.Conflict($"There is a runner \"{id}\" already.", "runner_id");
        }
        var secret = Secret.New(Secret.RunnerPrefix);
        var key = new KeyDocument
        {
            KeyId = Ids.New("key_"),
            OrgId = org.Id,
            TeamId = request.TeamId,
            RunnerId = id,
            Name = request.Name ?? id,
            Last4 = secret.Last4,
            DailyBudget = request.DailyBudget,
            MonthlyBudget = request.MonthlyBudget,
            ModelAllowlist = request.ModelAllowlist,
            CreatedAt = call.Now,
        };
        var runner = new RunnerDocument { RunnerId = id, OrgId = org.Id, Name = request.Name ?? id, SessionBudgetLimit = request.SessionBudgetLimit, KeyId = key.KeyId, CreatedAt = call.Now };
        await catalogue.CommitAsync(
            [catalogue.Runners.New(SessionDirectory.IdOf(org.Id, id), org.Id, made, runner), catalogue.Keys.New(key.KeyId, org.Id, secret.Hash.ToString(), key)],
            call.Audit("runner.create", "runner", id, org.Id, before: null, catalogue.Runners.Text(runner)), ct);
        return TypedResults.Created($"/gateway/admin/runners/{id}", View(runner, secret.Text));
    }

    static async Task<Ok<Page<Runner>>> ListAsync(string? limit, string? cursor, AdminCall call, Catalogue catalogue, CancellationToken ct)
    {
        var count = Paging.Limit(limit);
        var org = await call.OrgAsync(ct);
        return TypedResults.Ok(Paging.Page(await catalogue.Runners.ListAsync(org.Id, Paging.After(cursor), count + 1, ct), count, r => r.Id, r => View(r.Value)));
    }

    static async Task<Ok<Runner>> ConfigureAsync(string runner, Body<RunnerConfig> body, AdminCall call, Catalogue catalogue, CancellationToken ct)
    {
        Rules.Amount("session_budget_limit", body.Value.SessionBudgetLimit);
        Rules.Name("name", body.Value.Name);
        var stored = await FindAsync(runner, call, catalogue, ct);
        var (org, before) = stored is null ? ((await NamedOrgAsync(runner, call, ct)).Id, null) : (stored.OrgId!, stored.Json);
        // A name that callers send without having registered it gets its first settings here.
        var first = catalogue.Runners.Text(new RunnerDocument { RunnerId = runner, OrgId = org, Name = runner, CreatedAt = call.Now });
        var changed = BodyReader.Patched(before ?? first, body, DocumentJson.Default.RunnerDocument);
        ConfigWrite write = stored is null
            ? catalogue.Runners.New(SessionDirectory.IdOf(org, runner), org, lookup: null, changed)
            : catalogue.Runners.Change(stored, changed);
        await catalogue.CommitAsync([write], call.Audit("runner.configure", "runner", runner, org, before, catalogue.Runners.Text(changed)), ct);
        return TypedResults.Ok(View(changed));
    }

    static async Task<Ok<StoppedSession>> StopAsync(string runner, string session, AdminCall call, Catalogue catalogue, CancellationToken ct)
    {
        if (!CallerLabels.IsSession(session))
        {
            throw Refusal.NotFound("session", session);
        }
        var org = (await FindAsync(runner, call, catalogue, ct))?.OrgId ?? (await NamedOrgAsync(runner, call, ct)).Id;
        var id = SessionDirectory.IdOf(org, runner, session);
        if (await catalogue.StoppedSessions.FindAsync(id, ct) is { Value: var already })
        {
            return TypedResults.Ok(new StoppedSession(runner, session, already.StoppedAt));
        }
        var stopped = new StoppedSessionDocument { RunnerId = runner, SessionId = session, StoppedAt = call.Now };
        await catalogue.CommitAsync(
            [catalogue.StoppedSessions.New(id, org, lookup: null, stopped)],
            call.Audit("session.stop", "session", Principal.SessionNodeId(runner, session), org, before: null, catalogue.StoppedSessions.Text(stopped)), ct);
        return TypedResults.Ok(new StoppedSession(runner, session, call.Now));
    }

    static async Task<Ok<Page<RunnerCosts>>> CostsAsync(string? since, AdminCall call, Catalogue catalogue, LedgerReads reads, CancellationToken ct)
    {
        var (from, to) = Times.Span(since, to: null, call.Now);
        var org = await call.OrgAsync(ct);
        var ledger = await reads.CaughtUpAsync(ct);
        var sessions = (await ledger.SessionSpendAsync(org.Id, from, except: null, before: null, ct)).ToLookup(s => s.RunnerId);
        var totals = await ledger.BreakdownAsync(new BreakdownQuery { OrgId = org.Id, From = from, To = to, By = [BreakdownDimension.Runner], Limit = Paging.MaxLimit }, ct);
        List<RunnerCosts> rows = [];
        foreach (var total in totals)
        {
            var id = total.Values[0];
            if (id is not null || sessions.Contains(null))
            {
                var settings = id is null ? null : (await catalogue.Runners.FindAsync(SessionDirectory.IdOf(org.Id, id), ct))?.Value;
                rows.Add(await RowAsync(org.Id, id, total, settings, [.. sessions[id]], call, catalogue, ct));
            }
        }
        return TypedResults.Ok(new Page<RunnerCosts>(rows, NextCursor: null));
    }

    static async Task<RunnerCosts> RowAsync(
        string orgId, string? runner, BreakdownRow total, RunnerDocument? settings, IReadOnlyList<SessionSpend> sessions, AdminCall call, Catalogue catalogue, CancellationToken ct)
    {
        var alive = sessions.Count(s => s.Last > call.Now - ActiveFor);
        var shown = sessions.OrderByDescending(s => s.Cost.Value).Take(MaxSessionsShown).ToList();
        List<SessionCosts> rows = [];
        foreach (var session in shown)
        {
            var name = runner is not null && session.SessionId.StartsWith(runner + "/", StringComparison.Ordinal) ? session.SessionId[(runner.Length + 1)..] : session.SessionId;
            var stopped = runner is not null && await catalogue.StoppedSessions.FindAsync(SessionDirectory.IdOf(orgId, runner, name), ct) is not null;
            var active = !stopped && session.Last > call.Now - ActiveFor;
            alive -= stopped && session.Last > call.Now - ActiveFor ? 1 : 0;
            rows.Add(new SessionCosts(name, session.Cost, session.Requests, session.Last, active, stopped));
        }
        return new RunnerCosts
        {
            RunnerId = runner,
            SessionBudgetLimit = settings?.SessionBudgetLimit,
            Cost = runner is null ? sessions.Aggregate(NanoUsd.Zero, (sum, s) => sum + s.Cost) : total.Cost,
            Requests = runner is null ? sessions.Sum(s => s.Requests) : total.Requests,
            ActiveSessions = alive,
            TotalSessions = sessions.Count,
            Sessions = rows,
        };
    }

    // By its org where one is named, else by an id that only one runner can have.
    static async Task<Stored<RunnerDocument>?> FindAsync(string runner, AdminCall call, Catalogue catalogue, CancellationToken ct)
    {
        if (!Rules.IsId(runner))
        {
            throw Refusal.NotFound("runner", runner);
        }
        var found = call.NamedOrg is { } org && call.Actor.Sees(org)
            ? await catalogue.Runners.FindAsync(SessionDirectory.IdOf(org, runner), ct)
            : await catalogue.Runners.LookupAsync(runner, ct);
        return found is not null && call.Sees(found.OrgId) ? found : null;
    }

    static Task<Stored<OrgDocument>> NamedOrgAsync(string runner, AdminCall call, CancellationToken ct) =>
        call.NamesOrg
            ? call.OrgAsync(ct)
            : throw new Refusal(404, "not_found_error", "GW_REQ_007", $"There is no runner \"{runner}\".", AdminCall.OrgHeader, "If callers send this name without having registered it, say their org in X-Org-ID.");

    static Runner View(RunnerDocument runner, string? token = null) => new()
    {
        RunnerId = runner.RunnerId,
        OrgId = runner.OrgId,
        Name = runner.Name,
        SessionBudgetLimit = runner.SessionBudgetLimit,
        KeyId = runner.KeyId,
        CreatedAt = runner.CreatedAt,
        Token = token,
    };
}
