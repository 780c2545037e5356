using CurateMe.Gateway.Governance;
using CurateMe.Gateway.InputBounds;
using CurateMe.Gateway.Keys;
using CurateMe.Gateway.ProviderKeys;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Pricing;
using CurateMe.Ledger.Records;

namespace CurateMe.Gateway.Proxy;

/// <summary>Another model that may answer when the first one's provider fails.</summary>
readonly record struct Fallback(Target Target, Quote Quote, Wish Wish);

/// <summary>Where a request goes, with which key, and the most that it can cost.</summary>
sealed class CallPlan
{
    public required Route Route { get; init; }
    public required RequestFacts Facts { get; init; }
    public required Target Target { get; init; }

    /// <summary>The caller's own key, or the text of <see cref="Stored"/>.</summary>
    public required string? ProviderKey { get; init; }
    public required ProviderSecret? Stored { get; init; }

    /// <summary>Input tokens by which the quote may be smaller than the body's bytes.</summary>
    public long Fewer { get; set; }
    public Quote Quote { get; set; }

    /// <summary>Covers the fallbacks too.</summary>
    public Wish Wish { get; set; }
    public IReadOnlyList<Fallback> Fallbacks { get; set; } = [];
}

/// <summary>Finds who answers a request and what it can cost, and makes the calls. Holds no money and sends nothing.</summary>
sealed class Planner(TargetDirectory targets, Keyring ring, InputHabits habits)
{
    /// <summary>Most fallbacks that a policy may name for one model.</summary>
    public const int MaxFallbacks = 5;

    /// <summary>The version of the price list that quotes are by.</summary>
    public string PriceVersion => targets.Prices.Version;

    /// <summary>Chooses the provider, the model and the key.</summary>
    /// <exception cref="RefusedException">The model is unknown, not allowed or not priced, or there is no key.</exception>
    public CallPlan Aim(Exchange exchange, Route route, RequestFacts facts, bool keyFromOwnHeader)
    {
        var principal = exchange.Principal!;
        var target = Aim(route, facts.Model, principal);
        var providerKey = ProviderKey(exchange.Http.Request, keyFromOwnHeader, target, principal, out var stored);
        return new CallPlan { Route = route, Facts = facts, Target = target, ProviderKey = providerKey, Stored = stored };
    }

    /// <summary>Sets the most that the planned call, or a fallback of it, can cost.</summary>
    /// <exception cref="RefusedException">It is more than one request may cost.</exception>
    public void Quote(CallPlan plan, Principal principal, ReadOnlySpan<byte> body)
    {
        var (facts, target, dialect) = (plan.Facts, plan.Target, plan.Route.Dialect);
        if (dialect.RequestType == "application/json")
        {
            facts.Input[BilledUnit.InputToken] += Normalization.Growth(body);
        }
        plan.Fewer = habits.Measure(facts, body);
        plan.Quote = Quote(plan, target);
        var wish = Admission.Size(plan.Quote, facts, target.Price, principal.Policy, dialect);
        if (principal.Policy.Fallbacks.Count > 0)
        {
            plan.Fallbacks = Fallbacks(plan, principal);
            foreach (var other in plan.Fallbacks)
            {
                wish = wish.Covering(other.Wish);
            }
        }
        plan.Wish = wish;
    }

    /// <summary>Looks at a plan again that waited, by what its key may use and spend on one request now: never more than was planned.</summary>
    /// <exception cref="RefusedException">The model is no longer allowed, or one request may no longer cost as much.</exception>
    public static void Review(CallPlan plan, Principal principal)
    {
        RequireAllowed(plan.Target.Model, principal);
        if (plan.Fallbacks.Count > 0)
        {
            plan.Fallbacks = [.. plan.Fallbacks.Where(other => principal.Models.Allows(other.Target.Model))];
        }
        plan.Wish = Admission.Within(plan.Wish, plan.Quote, plan.Facts, principal.Policy);
    }

    /// <summary>The most that the planned call, or a fallback of it, can come to by body, prices and policy alone, whatever is learned of the models' input meanwhile.</summary>
    public static NanoUsd Ceiling(CallPlan plan, OrgPolicy policy)
    {
        var uncapped = policy with { MaxCostPerRequest = null };
        var most = Unlearned(plan.Target);
        foreach (var other in plan.Fallbacks)
        {
            most = NanoUsd.Max(most, Unlearned(other.Target));
        }
        return NanoUsd.Max(plan.Wish.Desired, NanoUsd.Min(most, policy.MaxCostPerRequest ?? NanoUsd.MaxValue));

        NanoUsd Unlearned(Target target) =>
            Admission.Size(Governance.Quote.Of(plan.Facts, target.Price, target.Upstream.Row.AutoTier), plan.Facts, target.Price, uncapped, plan.Route.Dialect).Desired;
    }

    /// <summary>The call of an endpoint that nobody bills.</summary>
    public static Call FreeCall(CallPlan plan, Exchange exchange, RequestBody body) =>
        new(exchange, plan.Target, Path(plan, plan.Target, exchange), body, Renamed(plan, plan.Target, body), plan.ProviderKey) { Stored = plan.Stored };

    /// <summary>The planned call and its fallbacks, their bodies patched so that none can cost more than is held.</summary>
    public List<Call> Calls(CallPlan plan, Exchange exchange, RequestBody body, UsageRecord record)
    {
        List<Call> calls =
        [
            new Call(exchange, plan.Target, Path(plan, plan.Target, exchange), body, Patches(plan, plan.Target, plan.Wish, plan.Quote, body, record), plan.ProviderKey) { Stored = plan.Stored },
        ];
        foreach (var (target, quote, wish) in plan.Fallbacks)
        {
            var stored = StoredKey(target, exchange.Principal!);
            calls.Add(new Call(exchange, target, Path(plan, target, exchange), body, Patches(plan, target, wish, quote, body, record), stored?.Text) { Stored = stored });
        }
        return calls;
    }

    /// <summary>Remembers how the bill compared with the quote.</summary>
    public void Learn(CallPlan plan, UsageRecord record) => habits.Learn(plan.Facts, plan.Target.Price, record, plan.Fewer);

    Target Aim(Route route, string name, Principal principal)
    {
        var wanted = principal.Policy.ModelAliases.GetValueOrDefault(name, name);
        var (upstream, model) = targets.Resolve(route, wanted, route.Dialect.Kind);
        RequireAllowed(model, principal);
        var price = targets.Prices.Find(upstream.Row.Name, model);
        if (price is null && principal.Policy.OnUnpricedModel == Client.OnUnpricedModel.Deny)
        {
            throw new RefusedException(
                ErrorCode.ModelNotPriced, $"The model {model} of {upstream.Row.Name} has no price, so its cost cannot be bounded.", "Use a model of GET /v1/models, or add its price.", "model");
        }
        return new Target(upstream, price ?? ModelPrice.Unpriced(upstream.Row.Name, model), model);
    }

    static void RequireAllowed(string model, Principal principal)
    {
        if (!principal.Models.Allows(model))
        {
            throw new RefusedException(ErrorCode.ModelNotAllowed, $"The model {model} is not allowed for this key.", "Use a model of GET /v1/models, or change the model_allowlist.", "model");
        }
    }

    Quote Quote(CallPlan plan, Target target) =>
        Governance.Quote.Of(plan.Facts, target.Price, target.Upstream.Row.AutoTier, habits.Saving(plan.Facts, target.Price, plan.Fewer));

    // Those of the policy's fallbacks that speak the same dialect and that this key may use; the others are passed over.
    List<Fallback> Fallbacks(CallPlan plan, Principal principal)
    {
        List<Fallback> found = [];
        var policy = principal.Policy;
        var names = policy.Fallbacks.GetValueOrDefault(plan.Facts.Model) ?? policy.Fallbacks.GetValueOrDefault(plan.Target.Model) ?? [];
        foreach (var name in names.Take(MaxFallbacks))
        {
            try
            {
                var target = Aim(plan.Route with { Provider = null }, name, principal);
                if (!target.Upstream.Row.KeyOptional && StoredKey(target, principal) is null)
                {
                    continue;
                }
                var quote = Quote(plan, target);
                found.Add(new Fallback(target, quote, Admission.Size(in quote, plan.Facts, target.Price, policy, plan.Route.Dialect)));
            }
            catch (RefusedException)
            {
                // Not allowed, not priced or too dear: no fallback for this request.
            }
        }
        return found;
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

    static string Path(CallPlan plan, Target target, Exchange exchange) =>
        plan.Route.Dialect.UpstreamPath(target.Upstream.Row, plan.Facts, target.Model, exchange.Http.Request);

    static List<BodyPatch> Patches(CallPlan plan, Target target, in Wish wish, in Quote quote, RequestBody body, UsageRecord record)
    {
        var (dialect, row) = (plan.Route.Dialect, target.Upstream.Row);
        var patches = Renamed(plan, target, body);
        dialect.Prepare(body.Span, plan.Facts, row, patches);
        if (wish.SendsCap)
        {
            patches.Add(dialect.Cap(body.Span, plan.Facts, row, Math.Min(wish.Tokens, quote.TokensFor(record.Hold))));
        }
        return patches;
    }

    static List<BodyPatch> Renamed(CallPlan plan, Target target, RequestBody body) =>
        (target.Model != plan.Facts.Model || plan.Facts.ByDeployment) && plan.Route.Dialect.Model(body.Span, plan.Facts, target.Model) is { } renamed ? [renamed] : [];
}
