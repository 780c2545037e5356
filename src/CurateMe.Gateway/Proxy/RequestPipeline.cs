using CurateMe.Gateway.Alerts;
using CurateMe.Gateway.Approvals;
using CurateMe.Gateway.Governance;
using CurateMe.Gateway.Idempotency;
using CurateMe.Gateway.InputBounds;
using CurateMe.Gateway.Keys;
using CurateMe.Gateway.Protection;
using CurateMe.Gateway.ProviderKeys;
using CurateMe.Gateway.Runners;
using CurateMe.Gateway.Telemetry;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Configuration;
using CurateMe.Ledger.Holds;
using CurateMe.Ledger.Journal;
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
sealed partial class RequestPipeline(
    KeyDirectory keys,
    SessionDirectory sessions,
    ApprovalGate approvals,
    TargetDirectory targets,
    HoldDesk desk,
    AnswerDelivery delivery,
    ResponseOwners owners,
    IdempotentCalls idempotent,
    InputHabits habits,
    Keyring ring,
    PromptHash prompts,
    RequestMetrics metrics,
    BudgetSignals signals,
    Pulses pulses,
    AdmissionQueue queue,
    ForwardOptions options,
    TimeProvider time,
    ILogger<RequestPipeline> logger)
{
    /// <summary>Most fallbacks that one request tries.</summary>
    public const int MaxFallbacks = 4;

    public async Task HandleAsync(HttpContext http, Route route)
    {
        var now = time.GetUtcNow();
        var exchange = new Exchange(http, route.Dialect, RequestId.New(now), now, time.GetTimestamp()) { Stages = metrics.Stages };
        try
        {
            await RunAsync(exchange, route);
        }
        catch (RefusedException refusal)
        {
            await RefuseAsync(exchange, refusal);
        }
        catch (JournalUnavailableException e)
        {
            Log.JournalUnavailable(logger, exchange.Id, e.Message);
            await RefuseAsync(exchange, new RefusedException(
                ErrorCode.CostRecorder, "The gateway cannot promise to record this request, so it does not forward it.", "Look at GET /health and at the journal's disk."));
        }
        catch (CounterStoreUnavailableException e)
        {
            Log.CountersUnavailable(logger, exchange.Id, e.Message);
            await RefuseAsync(exchange, new RefusedException(
                ErrorCode.BudgetStore, "The budget store does not answer, and the policy denies requests without it.", "Look at GET /health; on_budget_store_loss decides."));
        }
        catch (Exception e) when (e is ConfigStoreUnavailableException or TimeoutException)
        {
            Log.ConfigurationUnavailable(logger, exchange.Id, e.Message);
            await RefuseAsync(exchange, new RefusedException(
                ErrorCode.ConfigurationStore, "The store of keys and policies does not answer, and this gateway does not know the key yet.", "Try again; look at GET /health."));
        }
        catch (BadHttpRequestException e)
        {
            await RefuseAsync(exchange, new RefusedException(
                e.StatusCode == 413 ? ErrorCode.BodyTooLarge : ErrorCode.InvalidJson, "The request could not be read to its end.", "Send a complete HTTP request."));
        }
        catch (Exception e) when (e is RequestCutOffException || (exchange.ClientLeft && e is OperationCanceledException or IOException))
        {
            // The client went away while it sent its request or took its answer; whatever was held has ended in its scope.
            http.Abort();
        }
        catch (Exception e)
        {
            Log.Failed(logger, exchange.Id, e.GetType().FullName, e.StackTrace);
            await RefuseAsync(exchange, new RefusedException(ErrorCode.Internal, "The gateway failed.", "Try again; if it lasts, report the X-CM-Request-ID."));
        }
        finally
        {
            if (exchange.Claim is { } claim)
            {
                await claim.DisposeAsync();
            }
        }
    }

    async Task RunAsync(Exchange exchange, Route route)
    {
        // 1
        var request = exchange.Http.Request;
        var found = keys.FindPresentedAsync(PresentedKey.Find(request, out var keyFromOwnHeader), exchange.Http);
        var principal = exchange.Principal = Authentication.Require(await found, exchange);
        exchange.Lap(Stage.Auth);

        // 2
        RequireType(request, route.Dialect);
        using var body = await RequestBody.ReadAsync(request, Math.Min(options.MaxBodyBytes, principal.Policy.MaxRequestBytes), exchange.Aborted);
        var facts = route.Dialect.Read(body.Span, request);
        if (!route.Dialect.Free && CallersKeys.Read(request) is { } named)
        {
            var claim = exchange.Claim = await idempotent.ClaimAsync(exchange, named, body.Memory);
            if (claim.Replay is not null)
            {
                exchange.Governed(time.GetElapsedTime(exchange.Started).TotalMilliseconds);
                await idempotent.ReplayAsync(exchange, claim);
                return;
            }
        }

        exchange.Lap(Stage.Read);

        // 3, 4
        await RefuseForeignAsync(exchange, facts, principal);
        var policy = principal.Policy;
        var target = Aim(route, facts.Model, principal);
        var providerKey = ProviderKey(request, keyFromOwnHeader, target, principal, out var stored);
        var url = target.Upstream.Row.BaseUrl + route.Dialect.UpstreamPath(target.Upstream.Row, facts, target.Model, request);
        if (route.Dialect.Free)
        {
            await delivery.PassFreeAsync(new Call(exchange, target, url, body, Renamed(route.Dialect, body, facts, target), providerKey) { Stored = stored });
            return;
        }
        if (route.Dialect.RequestType == "application/json")
        {
            facts.Input[BilledUnit.InputToken] += Normalization.Growth(body.Span);
        }
        var fewer = habits.Measure(facts, body.Span);
        var quote = Quote.Of(facts, target.Price, target.Upstream.Row.AutoTier, habits.Saving(facts, target.Price, fewer));
        var wish = Admission.Size(in quote, facts, target.Price, policy, route.Dialect);
        var fallbacks = policy.Fallbacks.Count == 0 ? [] : Fallbacks(route, facts, principal, target, fewer);
        foreach (var other in fallbacks)
        {
            wish = wish.Covering(other.Wish);
        }

        exchange.Lap(Stage.Quote);
        var caller = await sessions.ResolveAsync(
            principal, CallerLabels.Read(request, "X-CM-Runner-ID"), CallerLabels.Read(request, "X-CM-Session-ID"), exchange.Aborted);
        var approval = await approvals.CheckAsync(
            principal, target.Model, wish.Desired, body.Span, CallerLabels.Read(request, "X-CM-Approval-Token"), exchange.Aborted);
        if (approval.Pending is { } pending)
        {
            exchange.Governed(time.GetElapsedTime(exchange.Started).TotalMilliseconds);
            await exchange.AwaitApprovalAsync(pending);
            return;
        }

        exchange.Lap(Stage.Govern);

        // 5
        var record = Record(exchange, route, facts, target, in caller, body);
        pulses.OnRequest(principal, record);
        var (hold, outcome) = queue.MustWait(principal)
            ? (null, default)
            : await desk.TakeAsync(new HoldRequest(record, caller.Path, wish.Desired, wish.Minimum, options.HoldTimeToLive), exchange.Aborted);
        if (hold is null && (outcome.Verdict == HoldVerdict.Admitted || AdmissionQueue.MayWait(policy, in outcome)))
        {
            (hold, outcome, record) = await QueueAsync(exchange, record, caller.Path, wish, approval.Used);
        }
        exchange.Held(in outcome);
        exchange.Lap(Stage.Hold);
        if (hold is null)
        {
            if (approval.Used is { } used)
            {
                await approvals.GiveBackAsync(used, CancellationToken.None);
            }
            signals.OnDenied(principal.Path, in outcome, principal.KeyId);
            throw Admission.Denied(in outcome, in wish, in quote);
        }

        exchange.Claim?.Follows(record);
        // Whatever fails from here on, the hold ends; delivery ends it earlier, before the answer does.
        await using var scope = hold;

        // 6, 7, 8
        List<Call> calls = [new Call(exchange, target, url, body, Patches(route.Dialect, body, facts, target, in wish, in quote, record), providerKey) { Stored = stored }];
        foreach (var other in fallbacks)
        {
            var row = other.Target.Upstream.Row;
            var secret = StoredKey(other.Target, principal);
            calls.Add(new Call(
                exchange, other.Target, row.BaseUrl + route.Dialect.UpstreamPath(row, facts, other.Target.Model, request), body,
                Patches(route.Dialect, body, facts, other.Target, other.Wish, other.Quote, record), secret?.Text)
            { Stored = secret });
        }
        var governed = time.GetElapsedTime(exchange.Started);
        exchange.Governed(governed.TotalMilliseconds);
        metrics.OnForward(governed.TotalSeconds);
        try
        {
            await delivery.DeliverAsync(calls, hold, facts, policy);
        }
        finally
        {
            signals.OnSettled(caller.Path);
            pulses.OnSettled(principal, record);
            queue.OnEnded(principal);
            if (record.Status != RecordStatus.Held)
            {
                metrics.OnSettled(record, exchange.Http);
            }
        }
        habits.Learn(facts, target.Price, record, fewer);
    }

    // The record is that of the admission, not of the arrival.
    async ValueTask<(Hold? Hold, HoldOutcome Outcome, UsageRecord Record)> QueueAsync(Exchange exchange, UsageRecord first, BudgetPath path, Wish wish, UsedApproval? approval)
    {
        var record = first;
        try
        {
            var (hold, outcome) = await queue.WaitAsync(
                exchange.Principal!,
                () => new HoldRequest(record = first.AdmittedAt(time.GetUtcNow()), path, wish.Desired, wish.Minimum, options.HoldTimeToLive),
                exchange.Aborted);
            return (hold, outcome, record);
        }
        catch when (approval is not null)
        {
            await approvals.GiveBackAsync(approval, CancellationToken.None);
            throw;
        }
    }

    Target Aim(Route route, string name, Principal principal)
    {
        var wanted = principal.Policy.ModelAliases.GetValueOrDefault(name, name);
        var (upstream, model) = targets.Resolve(route, wanted, route.Dialect.Kind);
        if (!principal.Models.Allows(model))
        {
            throw new RefusedException(ErrorCode.ModelNotAllowed, $"The model {model} is not allowed for this key.", "Use a model of GET /v1/models, or change the model_allowlist.", "model");
        }
        var price = targets.Prices.Find(upstream.Row.Name, model);
        if (price is null && principal.Policy.OnUnpricedModel == Client.OnUnpricedModel.Deny)
        {
            throw new RefusedException(
                ErrorCode.ModelNotPriced, $"The model {model} of {upstream.Row.Name} has no price, so its cost cannot be bounded.", "Use a model of GET /v1/models, or add its price.", "model");
        }
        return new Target(upstream, price ?? ModelPrice.Unpriced(upstream.Row.Name, model), model);
    }

    // A conversation goes on from an answer of the same org, or from one that is no longer remembered.
    async ValueTask RefuseForeignAsync(Exchange exchange, RequestFacts facts, Principal principal)
    {
        if (facts is Providers.OpenAi.ResponsesFacts { Previous: { } previous } && await owners.FindAsync(previous, exchange.Aborted) is { } owner && owner.OrgId != principal.OrgId)
        {
            throw new RefusedException(ErrorCode.InvalidField, "The field \"previous_response_id\" names no response of this org.", "Go on from a response of your own.", "previous_response_id");
        }
    }

    readonly record struct Fallback(Target Target, Quote Quote, Wish Wish);

    // Those of the policy's fallbacks that speak the same dialect and that this key may use; the others are passed over.
    List<Fallback> Fallbacks(Route route, RequestFacts facts, Principal principal, Target first, long fewer)
    {
        List<Fallback> found = [];
        var policy = principal.Policy;
        var names = policy.Fallbacks.GetValueOrDefault(facts.Model) ?? policy.Fallbacks.GetValueOrDefault(first.Model) ?? [];
        foreach (var name in names.Take(MaxFallbacks))
        {
            try
            {
                var target = Aim(route with { Provider = null }, name, principal);
                if (!target.Upstream.Row.KeyOptional && StoredKey(target, principal) is null)
                {
                    continue;
                }
                var quote = Quote.Of(facts, target.Price, target.Upstream.Row.AutoTier, habits.Saving(facts, target.Price, fewer));
                found.Add(new Fallback(target, quote, Admission.Size(in quote, facts, target.Price, policy, route.Dialect)));
            }
            catch (RefusedException)
            {
                // Not allowed, not priced or too dear: no fallback for this request.
            }
        }
        return found;
    }

    static void RequireType(HttpRequest request, Dialect dialect)
    {
        if (dialect.RequestType is { } wanted && !(request.ContentType is { } type && type.StartsWith(wanted, StringComparison.OrdinalIgnoreCase) && (type.Length == wanted.Length || type[wanted.Length] is ';' or ' ' or '\t')))
        {
            throw new RefusedException(ErrorCode.UnsupportedMediaType, $"The Content-Type must be {wanted}.", $"Send the header Content-Type: {wanted}.", "Content-Type");
        }
    }

    ProviderSecret? StoredKey(Target target, Principal principal) => ring.Next(target.Upstream.Row.Name, principal.OrgId) ?? target.Upstream.NextKey();

    // The caller's own, else the org's, else the platform's, else the configuration's.
    string? ProviderKey(HttpRequest request, bool keyFromOwnHeader, Target target, Principal principal, out ProviderSecret? stored)
    {
        var row = target.Upstream.Row;
        var own = PresentedKey.Provider(request, keyFromOwnHeader);
        stored = own is null ? StoredKey(target, principal) : null;
        var key = own ?? stored?.Text;
        return key is not null || row.KeyOptional
            ? key
            : throw new RefusedException(
                ErrorCode.ProviderKeyMissing, $"The gateway has no key for {row.Name}.", $"Store one at /api/v1/admin/provider-keys, configure Providers__{row.Name}__ApiKey, or send your own in X-Provider-Key.");
    }

    UsageRecord Record(Exchange exchange, Route route, RequestFacts facts, Target target, in CallerPath caller, RequestBody body) => new()
    {
        Id = exchange.Id,
        OrgId = exchange.Principal!.OrgId,
        TeamId = exchange.Principal.TeamId,
        KeyId = exchange.Principal.KeyId,
        RunnerId = caller.RunnerId,
        SessionId = caller.SessionId,
        Provider = target.Upstream.Row.Name,
        Model = target.RecordedModel,
        RequestedModel = facts.Model,
        Endpoint = route.Dialect.Endpoint,
        Stream = facts.Stream,
        Day = DateOnly.FromDateTime(exchange.Admitted.UtcDateTime),
        Timestamp = exchange.Admitted,
        PriceVersion = targets.Prices.Version,
        Tier = facts.TierIsAuto ? target.Upstream.Row.AutoTier : facts.Tier,
        ClientIp = exchange.Http.Connection.RemoteIpAddress?.ToString(),
        Tags = CallerLabels.ReadTags(exchange.Http.Request),
        PromptHash = prompts.Of(body.Span),
    };

    static List<BodyPatch> Patches(Dialect dialect, RequestBody body, RequestFacts facts, Target target, in Wish wish, in Quote quote, UsageRecord record)
    {
        var patches = Renamed(dialect, body, facts, target);
        var row = target.Upstream.Row;
        dialect.Prepare(body.Span, facts, row, patches);
        if (wish.SendsCap)
        {
            patches.Add(dialect.Cap(body.Span, facts, row, Math.Min(wish.Tokens, quote.TokensFor(record.Hold))));
        }
        return patches;
    }

    static List<BodyPatch> Renamed(Dialect dialect, RequestBody body, RequestFacts facts, Target target) =>
        (target.Model != facts.Model || facts.ByDeployment) && dialect.Model(body.Span, facts, target.Model) is { } renamed ? [renamed] : [];

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

    static partial class Log
    {
        [LoggerMessage(1001, LogLevel.Error, "{RequestId} refused: the journal cannot be written: {Reason}")]
        public static partial void JournalUnavailable(ILogger logger, RequestId requestId, string reason);

        [LoggerMessage(1002, LogLevel.Error, "{RequestId} refused: the budget store does not answer: {Reason}")]
        public static partial void CountersUnavailable(ILogger logger, RequestId requestId, string reason);

        [LoggerMessage(1006, LogLevel.Error, "{RequestId} refused: the configuration store does not answer: {Reason}")]
        public static partial void ConfigurationUnavailable(ILogger logger, RequestId requestId, string reason);

        // No exception text: it may quote the request.
        [LoggerMessage(1003, LogLevel.Error, "{RequestId} failed: {Type}\n{Stack}")]
        public static partial void Failed(ILogger logger, RequestId requestId, string? type, string? stack);
    }
}
