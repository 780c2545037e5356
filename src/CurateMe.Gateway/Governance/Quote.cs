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

    /// <exception cref="RefusedException">Something of unknown size goes in and the model has no known limit.</exception>
    public static Quote Of(RequestFacts facts, ModelPrice price)
    {
        var text = InputTokenBound(facts, price);
        var tier = facts.Tier;
        var isLong = text > (price.LongContextThreshold ?? long.MaxValue);
        var sum = (Int128)text * HighestTextInput(price, tier, facts.CacheWrites, isLong);
        for (var unit = 0; unit < BilledUnits.Count; unit++)
        {
            var count = facts.Input[(BilledUnit)unit];
            if (count != 0 && (BilledUnit)unit != BilledUnit.InputToken)
            {
                sum += (Int128)count * HighestOf((BilledUnit)unit, facts, price, tier, isLong);
            }
        }
        var perToken = Math.Max(price.PicoPerUnit(BilledUnit.OutputToken, tier, isLong), price.PicoPerUnit(BilledUnit.ReasoningToken, tier, isLong));
        if (facts.AudioOutput)
        {
            perToken = Math.Max(perToken, price.PicoPerUnit(BilledUnit.AudioOutputToken, tier, isLong));
        }
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

    static long InputTokenBound(RequestFacts facts, ModelPrice price)
    {
        var limit = price.MaxInputTokens;
        if (facts.UnknownInput)
        {
            return limit ?? (price.IsFree ? 0 : throw new RefusedException(
                ErrorCode.InvalidField,
                $"The request refers to a file, and the price list knows no context limit of {price.Model} that would bound its cost.",
                "Send the content inline, or add the model's limit to the price list."));
        }
        var bound = facts.Input[BilledUnit.InputToken] + ((long)facts.Images * price.MaxTokensPerImage);
        return limit is { } most ? Math.Min(bound, most) : bound;
    }

    static long HighestTextInput(ModelPrice price, ServiceTier tier, bool cacheWrites, bool isLong)
    {
        var highest = Math.Max(price.PicoPerUnit(BilledUnit.InputToken, tier, isLong), price.PicoPerUnit(BilledUnit.CachedInputToken, tier, isLong));
        highest = Math.Max(highest, price.PicoPerUnit(BilledUnit.ImageInputToken, tier, isLong));
        return cacheWrites
            ? Math.Max(highest, Math.Max(price.PicoPerUnit(BilledUnit.CacheWrite5mToken, tier, isLong), price.PicoPerUnit(BilledUnit.CacheWrite1hToken, tier, isLong)))
            : highest;
    }

    static long HighestOf(BilledUnit unit, RequestFacts facts, ModelPrice price, ServiceTier tier, bool isLong) => unit switch
    {
        BilledUnit.Image => price.PicoPerImage(facts.ImageVariant),
        // A provider that has no price for sound bills its tokens as text.
        BilledUnit.AudioInputToken => Math.Max(price.PicoPerUnit(unit, tier, isLong), price.PicoPerUnit(BilledUnit.InputToken, tier, isLong)),
        _ => price.PicoPerUnit(unit, tier, isLong),
    };
}
