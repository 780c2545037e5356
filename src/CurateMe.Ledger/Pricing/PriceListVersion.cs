using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace CurateMe.Ledger.Pricing;

/// <summary>Names a list by its content: two replicas with the same figures have the same version, whatever the files looked like.</summary>
static class PriceListVersion
{
    const int Bytes = 6;

    internal static string Of(IEnumerable<ModelPrice> models)
    {
        var text = new StringBuilder();
        foreach (var model in models) Append(text, model);
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())).AsSpan(0, Bytes));
    }

    static void Append(StringBuilder text, ModelPrice model)
    {
        text.Append(CultureInfo.InvariantCulture, $"{model.Provider}/{model.Model} {model.Mode} {model.MaxInputTokens} {model.MaxOutputTokens}");
        text.Append(CultureInfo.InvariantCulture, $" {model.MaxTokensPerImage} {model.MaxTokensPerGeneratedImage} {model.LongContextThreshold}");
        foreach (var alias in model.Aliases.Order(StringComparer.Ordinal)) text.Append(' ').Append(alias);
        foreach (var variant in model.ImageVariants.Order(StringComparer.Ordinal))
            text.Append(CultureInfo.InvariantCulture, $" {variant}={model.PicoPerImage(variant)}");
        foreach (var (picture, tokens) in model.KnownPictures.OrderBy(entry => entry.Key, StringComparer.Ordinal))
            text.Append(CultureInfo.InvariantCulture, $" {picture}={tokens}");
        foreach (var tier in Enum.GetValues<ServiceTier>())
        {
            foreach (var unit in Enum.GetValues<BilledUnit>())
                text.Append(CultureInfo.InvariantCulture, $" {model.PicoPerUnit(unit, tier)}:{model.PicoPerUnit(unit, tier, longContext: true)}");
        }
        text.Append('\n');
    }
}
