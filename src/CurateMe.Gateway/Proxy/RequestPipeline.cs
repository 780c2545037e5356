using CurateMe.Gateway.Alerts;
using CurateMe.Gateway.Approvals;
using CurateMe.Gateway.Governance;
using CurateMe.Gateway.Idempotency;
using CurateMe.Gateway.Keys;
using CurateMe.Gateway.Protection;
using CurateMe.Gateway.Runners;
using CurateMe.Gateway.Telemetry;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Holds;
using CurateMe.Ledger.Pricing;
using CurateMe.Ledger.Records;

namespace CurateMe.Gateway.Proxy;

/// <summary>
/// The life of every request, whatever its endpoint:
/// <list type="number">
/// <item>Authenticate the key.</item>
/// <item>Read the request in one pass over its bytes.</item>
/// <item>Quote: the most it can cost.</item>
/// <item>Govern: model, price, per-request cap, session, human approval; the first denial ends it and nothing is held.</item>
/// <item>Hold the money at every node and period at once, with the rate limits in the same step; journal it.</item>
/// <item>Forward, the body as it came but for the patches.</item>
/// <item>Meter the answer as it passes, also when the client has left.</item>
/// <item>Settle: journal, counters; only then does the answer end.</item>
/// </list>
/// Steps 5 to 8 belong to the <see cref="Hold"/>: leaving its scope ends it exactly once.
/// </summary>
sealed class RequestPipeline(
    KeyDirectory keys,
    SessionDirectory sessions,
    ApprovalGate approvals,
    Planner planner,
    HoldDesk desk,
    AnswerDelivery delivery,
    ResponseOwners owners,
    IdempotentCalls idempotent,
    PromptHash prompts,
    RequestMetrics metrics,
    BudgetSignals signals,
    Pulses pulses,
    AdmissionQueue queue,
    RequestFailures failures,
    ForwardOptions options,
    TimeProvider time)
{
    public async Task HandleAsync(HttpContext http, Route route)
    {
        var now = time.GetUtcNow();
        var exchange = new Exchange(http, route.Dialect, RequestId.New(now), now, time.GetTimestamp()) { Stages = metrics.Stages };
        try
        {
            if (await AdmitAsync(exchange, route) is { } admitted)
            {
                // Whatever fails from here on, the hold ends; delivery ends it earlier, before the answer does.
                await using var hold = admitted.Hold;
                var calls = Calls(exchange, admitted);
                try
                {
                    // 6, 7, 8
                    await delivery.DeliverAsync(calls, hold, admitted.Plan.Facts, exchange.Principal!.Policy);
                }
                finally
                {
                    OnEnded(exchange, admitted);
                }
                planner.Learn(admitted.Plan, hold.Record);
            }
        }
        catch (Exception e)
        {
            await FailAsync(exchange, e);
        }
        finally
        {
            if (exchange.Claim is { } claim)
            {
                await claim.DisposeAsync();
            }
            exchange.Body?.Dispose();
        }
    }

    /// <summary>What was admitted: it holds money, which whoever gets this must see to the end.</summary>
    sealed record Admitted(CallPlan Plan, BudgetPath Path, RequestBody Body, Hold Hold);

    // Null when the request has its answer already.
    async ValueTask<Admitted?> AdmitAsync(Exchange exchange, Route route)
    {
        // 1
        var request = exchange.Http.Request;
        var found = keys.FindPresentedAsync(PresentedKey.Find(request, out var keyFromOwnHeader), exchange.Http);
        var principal = exchange.Principal = Authentication.Require(await found, exchange);
        exchange.Lap(Stage.Auth);

        // 2
        RequestForm.Require(request, route.Dialect);
        var body = exchange.Body = await RequestBody.ReadAsync(request, Math.Min(options.MaxBodyBytes, principal.Policy.MaxRequestBytes), exchange.Aborted);
        RequestForm.RequireNoMark(body.Span, route.Dialect);
        var facts = route.Dialect.Read(body.Span, request);
        if (!route.Dialect.Free && CallersKeys.Read(request) is { } named && await ReplayAsync(exchange, named, body))
        {
            return null;
        }
        exchange.Lap(Stage.Read);

        // 3, 4
        await RefuseForeignAsync(exchange, facts, principal);
        var plan = planner.Aim(exchange, route, facts, keyFromOwnHeader);
        if (route.Dialect.Free)
        {
            await delivery.PassFreeAsync(Planner.FreeCall(plan, exchange, body));
            return null;
        }
        planner.Quote(plan, principal, body.Span);
        exchange.Lap(Stage.Quote);
        var caller = await sessions.ResolveAsync(principal, CallerLabels.ReadRunner(request), CallerLabels.ReadSession(request), exchange.Aborted);
        // Before the approval, which a refusal for malformed tags would use up.
        var tags = CallerLabels.ReadTags(request);
        var (worst, token) = (plan.Wish.Desired, CallerLabels.ReadToken(request));
        var ceiling = ApprovalGate.Concerns(principal.Policy, worst) ? Planner.Ceiling(plan, principal.Policy) : worst;
        var approval = await approvals.CheckAsync(principal, plan.Target.Model, worst, ceiling, body.Span, token, exchange.Aborted);
        if (approval.Pending is { } pending)
        {
            exchange.Governed(time.GetElapsedTime(exchange.Started).TotalMilliseconds);
            await exchange.AwaitApprovalAsync(pending);
            return null;
        }
        exchange.Lap(Stage.Govern);

        // 5
        var record = Record(exchange, plan, in caller, tags, body);
        pulses.OnRequest(principal, record);
        return await HoldAsync(exchange, plan, body, caller.Path, record, approval.Used);
    }

    async ValueTask<bool> ReplayAsync(Exchange exchange, string named, RequestBody body)
    {
        var claim = exchange.Claim = await idempotent.ClaimAsync(exchange, named, body.Memory);
        if (claim.Replay is null)
        {
            return false;
        }
        exchange.Governed(time.GetElapsedTime(exchange.Started).TotalMilliseconds);
        await IdempotentCalls.ReplayAsync(exchange, claim);
        return true;
    }

    async ValueTask<Admitted> HoldAsync(Exchange exchange, CallPlan plan, RequestBody body, BudgetPath path, UsageRecord record, UsedApproval? approval)
    {
        Hold? hold = null;
        try
        {
            (hold, var outcome, path) = await TakeAsync(exchange, plan, body, record, path);
            exchange.Held(in outcome);
            exchange.Lap(Stage.Hold);
            if (hold is null)
            {
                var principal = exchange.Principal!;
                signals.OnDenied(principal.Path, in outcome, principal.KeyId, DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime));
                throw Admission.Denied(in outcome, plan.Wish, plan.Quote, plan.Facts);
            }
            return new Admitted(plan, path, body, hold);
        }
        catch when (hold is null && approval is not null)
        {
            await approvals.GiveBackAsync(approval, CancellationToken.None);
            throw;
        }
    }

    // At once, or when it is its turn in the queue.
    async ValueTask<(Hold? Hold, HoldOutcome Outcome, BudgetPath Path)> TakeAsync(Exchange exchange, CallPlan plan, RequestBody body, UsageRecord record, BudgetPath path)
    {
        var principal = exchange.Principal!;
        if (!queue.MustWait(principal))
        {
            var (hold, outcome) = await desk.TakeAsync(new HoldRequest(record, path, plan.Wish.Desired, plan.Wish.Minimum, options.HoldTimeToLive), exchange.Aborted);
            if (hold is not null || !AdmissionQueue.MayWait(principal.Policy, in outcome))
            {
                return (hold, outcome, path);
            }
        }
        return await QueueAsync(exchange, plan, body, record, path);
    }

    // On its own, so that only who waits pays for the closure.
    async ValueTask<(Hold? Hold, HoldOutcome Outcome, BudgetPath Path)> QueueAsync(Exchange exchange, CallPlan plan, RequestBody body, UsageRecord record, BudgetPath path)
    {
        var (hold, outcome) = await queue.WaitAsync(exchange.Principal!, AgainAsync, exchange.Aborted);
        return (hold, outcome, path);

        // The wait may last minutes: a key disabled, a limit lowered or a session stopped meanwhile is in force for who waits, too. The record is that of the admission.
        async ValueTask<HoldRequest> AgainAsync()
        {
            var now = time.GetUtcNow();
            var request = exchange.Http.Request;
            var found = keys.FindPresentedAsync(PresentedKey.Find(request, out _), exchange.Http);
            var principal = Authentication.Require(await found, exchange, now);
            Planner.Review(plan, principal);
            var caller = await sessions.ResolveAsync(principal, CallerLabels.ReadRunner(request), CallerLabels.ReadSession(request), exchange.Aborted);
            if (principal.TeamId != record.TeamId)
            {
                record = Record(exchange, plan, in caller, record.Tags, body);
            }
            path = caller.Path;
            return new HoldRequest(record.AdmittedAt(now), path, plan.Wish.Desired, plan.Wish.Minimum, options.HoldTimeToLive);
        }
    }

    List<Call> Calls(Exchange exchange, Admitted admitted)
    {
        exchange.Claim?.Follows(admitted.Hold.Record);
        var calls = planner.Calls(admitted.Plan, exchange, admitted.Body, admitted.Hold.Record);
        var governed = time.GetElapsedTime(exchange.Started);
        exchange.Governed(governed.TotalMilliseconds);
        metrics.OnForward(governed.TotalSeconds);
        return calls;
    }

    void OnEnded(Exchange exchange, Admitted admitted)
    {
        var (principal, record) = (exchange.Principal!, admitted.Hold.Record);
        signals.OnSettled(admitted.Path, record.Day);
        pulses.OnSettled(principal, record);
        queue.OnEnded(principal);
        if (record.Status != RecordStatus.Held)
        {
            metrics.OnSettled(record, exchange.Http);
        }
    }

    // A conversation goes on from an answer of the same org, or from one that is no longer remembered.
    async ValueTask RefuseForeignAsync(Exchange exchange, RequestFacts facts, Principal principal)
    {
        if (facts is Providers.OpenAi.ResponsesFacts { Previous: { } previous } && await owners.FindAsync(previous, exchange.Aborted) is { } owner && owner.OrgId != principal.OrgId)
        {
            throw new RefusedException(ErrorCode.InvalidField, "The field \"previous_response_id\" names no response of this org.", "Go on from a response of your own.", "previous_response_id");
        }
    }

    UsageRecord Record(Exchange exchange, CallPlan plan, in CallerPath caller, string? tags, RequestBody body) => new()
    {
        Id = exchange.Id,
        OrgId = exchange.Principal!.OrgId,
        TeamId = exchange.Principal.TeamId,
        KeyId = exchange.Principal.KeyId,
        RunnerId = caller.RunnerId,
        SessionId = caller.SessionId,
        Provider = plan.Target.Upstream.Row.Name,
        Model = plan.Target.RecordedModel,
        RequestedModel = plan.Facts.Model,
        Endpoint = plan.Route.Dialect.Endpoint,
        Stream = plan.Facts.Stream,
        Day = DateOnly.FromDateTime(exchange.Admitted.UtcDateTime),
        Timestamp = exchange.Admitted,
        PriceVersion = planner.PriceVersion,
        Tier = plan.Facts.TierIsAuto ? plan.Target.Upstream.Row.AutoTier : plan.Facts.Tier,
        ClientIp = exchange.Http.Connection.RemoteIpAddress?.ToString(),
        Tags = tags,
        PromptHash = prompts.Of(body.Span),
    };

    Task FailAsync(Exchange exchange, Exception e)
    {
        if (failures.Answer(exchange, e) is { } refusal)
        {
            return RefuseAsync(exchange, refusal);
        }
        exchange.Http.Abort();
        return Task.CompletedTask;
    }

    async Task RefuseAsync(Exchange exchange, RefusedException refusal)
    {
        metrics.OnRefused(refusal.Code, exchange);
        exchange.Governed(time.GetElapsedTime(exchange.Started).TotalMilliseconds);
        try
        {
            await exchange.RefuseAsync(refusal);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            exchange.Http.Abort();
        }
    }
}
