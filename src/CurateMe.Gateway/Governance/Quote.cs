using CurateMe.Gateway.Proxy;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Pricing;

namespace CurateMe.Gateway.Governance;

/// <summary>
/// The most a request can cost, as a line: a fixed part for everything that goes in, and so much for each output token that is allowed.
/// Both are upper bounds of what the provider can bill, so a hold of that size never falls short (I1).
/// </summary>
readonly struct Quote
{
    readonly Int128 fixedPico;
    readonly Int128 tokenPico;

    Quote(Int128 fixedPico, Int128 tokenPico, long inputTokens)
    {
        this.fixedPico = fixedPico;
        this.tokenPico = tokenPico;
        InputTokens = inputTokens;
    }

    /// <summary>Upper bound of the prompt's tokens.</summary>
    public long InputTokens { get; }

    /// <summary>Whether more output costs more.</summary>
    public bool OutputCosts => tokenPico > 0;

    /// <exception cref="RefusedException">Something of unknown size goes in and the model has no known limit, or a dearer tier has no price.</exception>
    /// <param name="saving">Tokens that the text of the prompt has at least fewer than its bound says.</param>
    public static Quote Of(RequestFacts facts, ModelPrice price, ServiceTier autoTier = ServiceTier.Standard, long saving = 0)
    {
        var tier = facts.TierIsAuto ? autoTier : facts.Tier;
        if (tier is ServiceTier.Priority or ServiceTier.Fast && !price.IsPriced(tier) && !price.IsFree)
        {
            throw new RefusedException(
                ErrorCode.ModelNotPriced,
                $"The price list has no {tier.ToString().ToLowerInvariant()} prices of {price.Model}, which are dearer than the standard ones.",
                "Ask for the standard tier, or add the prices.",
                "service_tier");
        }
        var text = InputTokenBound(facts, price, saving);
        var input = facts.Input;
        facts.AddBounds(price, ref input);
        var bound = new Bound(price, tier, text + input.PromptTokens - input[BilledUnit.InputToken]);
        var sum = (Int128)text * bound.Prompt(facts);
        for (var unit = 0; unit < BilledUnits.Count; unit++)
        {
            var count = input[(BilledUnit)unit];
            if (count != 0 && (BilledUnit)unit != BilledUnit.InputToken)
            {
                sum += (Int128)count * bound.Of((BilledUnit)unit, facts.ImageVariant);
            }
        }
        var output = bound.Output();
        sum += (Int128)facts.OutputBesideCap * output;
        // Where the cap limits the words, the sound of each is at most two tokens.
        var perToken = facts.AudioOutput ? output + (2 * bound.Of(BilledUnit.AudioOutputToken)) : output;
        return new Quote(sum, (Int128)perToken * facts.Choices, text);
    }

    /// <summary>The most the request can cost with this much output of each choice.</summary>
    public NanoUsd With(long outputTokens) => new PicoUsd(fixedPico + (tokenPico * outputTokens)).CeilToNano();

    /// <summary>Most output tokens of each choice that this money covers; negative when it does not even cover the input.</summary>
    public long TokensFor(NanoUsd money)
    {
        var left = ((Int128)money.Value * 1000) - fixedPico;
        return left < 0 ? -1 : tokenPico == 0 ? long.MaxValue : (long)Int128.Min(left / tokenPico, long.MaxValue);
    }

    static long InputTokenBound(RequestFacts facts, ModelPrice price, long saving)
    {
        var limit = price.MaxInputTokens;
        if (facts.UnknownInput)
        {
            return limit ?? (price.IsFree ? 0 : throw new RefusedException(
                ErrorCode.InvalidField,
                $"The request refers to a file, and the price list knows no context limit of {price.Model} that would bound its cost.",
                "Send the content inline, or add the model's limit to the price list."));
        }
        var bound = facts.Input[BilledUnit.InputToken] - saving + ((long)facts.Images * price.MaxTokensPerImage);
        return limit is { } most ? Math.Min(bound, most) : bound;
    }

    /// <summary>The dearest price of each unit, whether the provider bills the tier asked for or falls back to the standard one.</summary>
    readonly struct Bound(ModelPrice price, ServiceTier tier, long promptTokens)
    {
        // Pictures, and what only the provider knows, count among the tokens of text.
        public long Prompt(RequestFacts facts) => Math.Max(
            Math.Max(price.HighestInputPico(tier, facts.CacheWrites, promptTokens), price.HighestInputPico(ServiceTier.Standard, facts.CacheWrites, promptTokens)),
            Math.Max(Of(BilledUnit.ImageInputToken), facts.UnknownSound ? Of(BilledUnit.AudioInputToken) : 0));

        public long Output() => Math.Max(price.HighestOutputPico(tier, promptTokens), price.HighestOutputPico(ServiceTier.Standard, promptTokens));

        public long Of(BilledUnit unit, string? imageVariant = null) => unit switch
        {
            BilledUnit.Image => price.PicoPerImage(imageVariant),
            // A provider that has no price for sound bills its tokens as text.
            BilledUnit.AudioInputToken => Math.Max(Highest(unit), Highest(BilledUnit.InputToken)),
            _ => Highest(unit),
        };

        long Highest(BilledUnit unit) => Math.Max(price.HighestPico(unit, tier, promptTokens), price.HighestPico(unit, ServiceTier.Standard, promptTokens));
    }
}
