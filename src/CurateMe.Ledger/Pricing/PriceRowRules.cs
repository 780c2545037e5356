using System.Globalization;

namespace CurateMe.Ledger.Pricing;

/// <summary>What a row must say before money is counted by it.</summary>
static class PriceRowRules
{
    /// <summary>Text units that a row must price above its threshold when it prices them below: silence there is how long prompts get billed too low.</summary>
    static readonly BilledUnit[] SaidAgainForLongContext =
    [
        BilledUnit.InputToken, BilledUnit.CachedInputToken, BilledUnit.CacheWrite5mToken, BilledUnit.CacheWrite1hToken, BilledUnit.OutputToken, BilledUnit.ReasoningToken,
    ];

    internal static void Check(PriceRow row, List<string> faults)
    {
        void Fault(string what) => faults.Add($"{row.File}: {row.Provider}/{row.Model}: {what}");

        if (string.IsNullOrWhiteSpace(row.Source)) Fault("source is missing; name the page or the contract the figures come from");
        if (row.AsOf is null) Fault("as_of is missing; write the day the figures were taken, such as \"2026-08-06\"");
        if (row.Mode is null) Fault($"mode is missing; write one of {PriceFile.Modes}");
        if (row.Prices is null) Fault("prices is missing; write what the model costs, 0 where it is free");
        if (row.Mode is { } mode && row.Prices is { } prices) CheckMode(mode, prices.Pico, Fault);
        if (row.LongContext is { } longContext && row.Prices is not null) CheckLongContext(longContext, row.Prices, Fault);
        CheckImageBound(row, Fault);
    }

    static void CheckMode(ModelMode mode, IReadOnlyDictionary<BilledUnit, long> pico, Action<string> fault)
    {
        bool Has(params ReadOnlySpan<BilledUnit> anyOf)
        {
            foreach (var unit in anyOf) if (pico.ContainsKey(unit)) return true;
            return false;
        }

        switch (mode)
        {
            case ModelMode.Chat or ModelMode.Responses or ModelMode.Completion:
                if (!Has(BilledUnit.InputToken)) fault("prices.per_million_tokens.input is missing; a model that reads text needs it, 0 where it is free");
                if (!Has(BilledUnit.OutputToken)) fault("prices.per_million_tokens.output is missing; a model that writes text needs it, 0 where it is free");
                break;
            case ModelMode.Embedding or ModelMode.Moderation:
                if (!Has(BilledUnit.InputToken, BilledUnit.Request)) fault("prices.per_million_tokens.input is missing; write what the text costs, 0 where it is free");
                break;
            case ModelMode.Image:
                if (!Has(BilledUnit.Image, BilledUnit.ImageOutputToken)) fault("the price of a picture is missing; write prices.per_image or prices.per_million_tokens.image_output");
                break;
            case ModelMode.AudioSpeech:
                if (!Has(BilledUnit.Character, BilledUnit.InputToken, BilledUnit.OutputSecond)) fault("the price of speech is missing; write prices.per_million_characters.input or prices.per_million_tokens");
                break;
            case ModelMode.AudioTranscription:
                if (!Has(BilledUnit.InputSecond, BilledUnit.AudioInputToken)) fault("the price of audio is missing; write prices.per_second.input, per_hour.input or prices.per_million_tokens.audio_input");
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(mode), mode, "not a ModelMode");
        }
    }

    static void CheckLongContext(LongContextPrices longContext, PriceBlock prices, Action<string> fault)
    {
        foreach (var unit in SaidAgainForLongContext)
        {
            if (prices.Pico.ContainsKey(unit) && !longContext.Prices.Pico.ContainsKey(unit))
                fault($"long_context.prices.{PriceFields.PathOf(unit)} is missing; write its price above {longContext.Threshold.ToString(CultureInfo.InvariantCulture)} tokens, the same as below if it does not change");
        }
    }

    static void CheckImageBound(PriceRow row, Action<string> fault)
    {
        if (row.MaxTokensPerImage is <= 0) fault("image_tokens_max is not above 0; write the most tokens one picture is billed at, or leave it out");
        if (row.MaxTokensPerGeneratedImage is <= 0) fault("generated_image_tokens_max is not above 0; write the most tokens one picture is billed at, or leave it out");
    }
}
