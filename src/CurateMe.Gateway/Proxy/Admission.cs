using System.Globalization;
using CurateMe.Gateway.Governance;
using CurateMe.Gateway.Keys;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Pricing;

namespace CurateMe.Gateway.Proxy;

/// <summary>How much money and how many output tokens a request asks for.</summary>
/// <param name="Desired">What it may cost at worst.</param>
/// <param name="Minimum">Least that is worth forwarding it for; equal to <paramref name="Desired"/> when the caller set the cap.</param>
/// <param name="Tokens">Most output tokens of each choice; 0 when the gateway sends no cap of its own.</param>
readonly record struct Wish(NanoUsd Desired, NanoUsd Minimum, long Tokens)
{
    /// <summary>The gateway chooses the cap and must send it.</summary>
    public bool SendsCap => Tokens > 0;

    /// <summary>This wish with money enough for the other too.</summary>
    public Wish Covering(in Wish other) => this with { Desired = NanoUsd.Max(Desired, other.Desired), Minimum = NanoUsd.Max(Minimum, other.Minimum) };
}

/// <summary>The sizes of holds and the words of refusals. No state.</summary>
static class Admission
{
    /// <summary>
    /// Sizes the hold. A caller's own cap is taken as it is, up to what the model can write. Without one the gateway asks for the policy's
    /// standard, the model's limit or what the per-request cap affords, whichever is least, and is content with the policy's minimum.
    /// </summary>
    /// <exception cref="RefusedException"><c>cost_per_request</c>.</exception>
    public static Wish Size(in Quote quote, RequestFacts facts, ModelPrice price, OrgPolicy policy, Dialect dialect)
    {
        var most = price.MaxOutputTokens ?? long.MaxValue;
        if (facts.OutputCap is null && dialect.CapRequired && !policy.ClampOutput)
        {
            throw new RefusedException(
                ErrorCode.MissingField, "The field \"max_tokens\" is missing.", "Say how many output tokens the answer may have, or have clamp_output set.", "max_tokens");
        }
        var thinking = OutputByReasoning(facts, price, policy);
        var unclamped = !policy.ClampOutput && price.MaxOutputTokens is not null && !(thinking < price.MaxOutputTokens);
        var needsCap = quote.OutputCosts || dialect.CapRequired || thinking is not null;
        if (facts.OutputCap is not null || !needsCap || !dialect.HasCap || unclamped)
        {
            var tokens = !quote.OutputCosts ? 0 : Math.Min(facts.OutputCap ?? most, most);
            if (tokens == long.MaxValue)
            {
                throw new RefusedException(
                    ErrorCode.ModelNotPriced, $"The price list knows no limit of the output of {price.Model}, so its cost cannot be bounded.", "Add the model's max_output_tokens to the price list.", "model");
            }
            var worst = quote.With(tokens);
            if (worst > (policy.MaxCostPerRequest ?? NanoUsd.MaxValue))
            {
                throw TooDear(worst, policy, facts, quote.TokensFor(policy.MaxCostPerRequest!.Value));
            }
            return new Wish(worst, worst, 0);
        }
        var wanted = Math.Min(Math.Max(dialect.CapWithoutOne(facts) ?? policy.DefaultMaxOutputTokens, facts.LeastCap), Math.Min(most, thinking ?? most));
        var least = Math.Min(Math.Max(policy.MinOutputTokens, facts.LeastCap), wanted);
        if (policy.MaxCostPerRequest is { } cap)
        {
            var affordable = quote.TokensFor(cap);
            if (affordable < least)
            {
                throw TooDear(quote.With(least), policy, facts, affordable);
            }
            wanted = Math.Min(wanted, affordable);
        }
        return new Wish(quote.With(wanted), quote.With(least), wanted);
    }

    /// <summary>What is left of a wish under the policy's limit of one request, which may be lower than the one that it was sized by.</summary>
    /// <exception cref="RefusedException"><c>cost_per_request</c>.</exception>
    public static Wish Within(in Wish wish, in Quote quote, RequestFacts facts, OrgPolicy policy)
    {
        if (policy.MaxCostPerRequest is not { } cap || wish.Desired <= cap)
        {
            return wish;
        }
        return wish.Minimum <= cap ? wish with { Desired = cap } : throw TooDear(wish.Minimum, policy, facts, quote.TokensFor(cap));
    }

    // A budget for thinking is compared with the limit. Without one, thinking may take the whole output: then the limit bounds that.
    static long? OutputByReasoning(RequestFacts facts, ModelPrice price, OrgPolicy policy)
    {
        if (policy.MaxReasoningTokens is not { } limit)
        {
            return null;
        }
        if (facts.ReasoningBudget is { } budget)
        {
            return budget <= limit ? null : throw TooMuchThinking($"The request lets the model think with {budget} tokens", limit, "a smaller thinking budget");
        }
        if (!(facts.AsksReasoning ?? price.Reasons))
        {
            return null;
        }
        return limit > 0 && !(facts.OutputCap > limit) && facts.LeastCap <= limit
            ? limit
            : throw TooMuchThinking($"{price.Model} may think with all of its {facts.OutputCap?.ToString(CultureInfo.InvariantCulture) ?? "output"} tokens", limit, $"at most {limit} output tokens");
    }

    static RefusedException TooMuchThinking(string what, long limit, string instead) => new(
        ErrorCode.ReasoningTokens, $"{what}; {limit} are allowed for one answer", $"Ask for {instead} or no reasoning, or raise max_reasoning_tokens.");

    /// <summary>Says who refused and by which figures.</summary>
    public static RefusedException Denied(in HoldOutcome outcome, in Wish wish, in Quote quote, RequestFacts facts) => outcome.Verdict switch
    {
        HoldVerdict.RateLimited => new RefusedException(
            ErrorCode.RateLimited,
            $"Rate limit of {NodeName(outcome)} reached: {outcome.Rate.Limit} requests a minute.",
            "Wait as long as Retry-After says, or ask for a higher rate_limit_rpm.")
        { RetryAfterMs = outcome.Rate.RetryAfterMs },
        HoldVerdict.ConcurrencyLimited => new RefusedException(
            ErrorCode.RateLimited,
            $"{NodeName(outcome)} already has {outcome.BlockedAt!.MaxConcurrency} {(outcome.BlockedAt.MaxConcurrency == 1 ? "request" : "requests")} in flight, its limit.",
            "Wait for one to end, or ask for a higher max_concurrency.")
        { RetryAfterMs = 1000 },
        _ => OverBudget(in outcome, in wish, in quote, facts),
    };

    static RefusedException OverBudget(in HoldOutcome outcome, in Wish wish, in Quote quote, RequestFacts facts)
    {
        var node = outcome.BlockedAt!;
        var (code, name) = (node.Kind, outcome.BlockedPeriod) switch
        {
            (NodeKind.Org, PeriodKind.Day) => (ErrorCode.DailyBudget, "Daily budget"),
            (NodeKind.Org, _) => (ErrorCode.MonthlyBudget, "Monthly budget"),
            (NodeKind.Team, PeriodKind.Day) => (ErrorCode.TeamDailyBudget, $"Daily budget of team {node.Id}"),
            (NodeKind.Team, _) => (ErrorCode.TeamMonthlyBudget, $"Monthly budget of team {node.Id}"),
            (NodeKind.Key, PeriodKind.Day) => (ErrorCode.KeyDailyBudget, $"Daily budget of key {node.Id}"),
            (NodeKind.Key, _) => (ErrorCode.KeyMonthlyBudget, $"Monthly budget of key {node.Id}"),
            _ => (ErrorCode.SessionBudget, $"Budget of session {node.Id}"),
        };
        var held = outcome.BlockedHeld > NanoUsd.Zero ? $" + ${outcome.BlockedHeld.ToDisplay()} held" : "";
        var left = outcome.BlockedLimit - outcome.BlockedSpent - outcome.BlockedHeld;
        var tokens = quote.OutputCosts ? quote.TokensFor(left) : -1;
        var smaller = facts.Smaller is { } what ? $"{what}, " : tokens > 0 ? $"ask for at most {tokens.ToString(CultureInfo.InvariantCulture)} output tokens, " : "";
        var until = outcome.BlockedPeriod switch
        {
            PeriodKind.Day => ", or wait until midnight UTC",
            PeriodKind.Month => ", or wait until the 1st of the month (UTC)",
            _ => ", or begin a new session",
        };
        return new RefusedException(
            code,
            $"{name} exhausted: ${outcome.BlockedSpent.ToDisplay()} spent{held} + ${wish.Minimum.ToDisplay()} estimated > ${outcome.BlockedLimit.ToDisplay()} limit",
            $"To go on, {smaller}raise the limit{until}.");
    }

    static RefusedException TooDear(NanoUsd worst, OrgPolicy policy, RequestFacts facts, long affordable)
    {
        var smaller = facts.Smaller is { } what ? $"{char.ToUpperInvariant(what[0])}{what.AsSpan(1)}"
            : affordable > 0 ? $"Ask for at most {affordable.ToString(CultureInfo.InvariantCulture)} output tokens"
            : "Send a shorter request";
        return new RefusedException(
            ErrorCode.CostPerRequest,
            $"The request may cost ${worst.ToDisplay()}, more than the ${policy.MaxCostPerRequest!.Value.ToDisplay()} allowed for one request",
            $"{smaller}, or raise max_cost_per_request.");
    }

    static string NodeName(in HoldOutcome outcome) => $"{BudgetNode.KindName(outcome.BlockedAt!.Kind)} {outcome.BlockedAt.Id}";
}
