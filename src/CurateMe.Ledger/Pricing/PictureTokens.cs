using System.Globalization;
using System.Text.RegularExpressions;

namespace CurateMe.Ledger.Pricing;

/// <summary>
/// The field <c>generated_image_tokens</c>: tokens of one generated picture by <c>size/quality</c>, with their source and day. <c>auto</c> on
/// either side is what the provider chooses when it is left to, and so the greatest of what it may choose.
/// </summary>
static partial class PictureTokens
{
    /// <summary>Stands for a size or a quality that the provider is left to choose.</summary>
    internal const string Auto = "auto";

    const string Field = "generated_image_tokens";
    const string CountsField = "by_size_and_quality";

    static readonly string[] Fields = ["source", "as_of", CountsField];

    /// <summary>The counts; null where the row does not give the field.</summary>
    internal static IReadOnlyDictionary<string, long>? Read(PriceFileReader row)
    {
        if (row.Child(Field, Fields) is not { } reader) return null;
        if (!reader.Has("source")) reader.Fault("source", "is missing; name the page the counts come from");
        if (!reader.Has("as_of")) reader.Fault("as_of", "is missing; write the day the counts were taken, such as \"2026-08-06\"");
        reader.Text("source");
        reader.Date("as_of");
        var counts = reader.Counts(CountsField);
        foreach (var name in counts.Keys.Where(name => !Name().IsMatch(name)))
            reader.Fault($"{CountsField}.{name}", "is not a size and a quality; write such as 1024x1024/high, auto for what the provider chooses");
        return counts;
    }

    /// <summary>A count above the bound of any picture, or one of <c>auto</c> below what it may become, would make a hold too small.</summary>
    internal static void Check(PriceRow row, Action<string> fault)
    {
        if (row.TokensPerGeneratedImage is not { } counts) return;
        if (row.MaxTokensPerGeneratedImage is not { } most)
        {
            fault("generated_image_tokens_max is missing; sizes that are not in generated_image_tokens are bounded by it");
            return;
        }
        foreach (var (name, count) in counts)
        {
            if (count > most) fault($"{Field}.{CountsField}.{name} is above generated_image_tokens_max, {most.ToString(CultureInfo.InvariantCulture)}; write that anew");
            foreach (var (other, less) in counts.Where(entry => entry.Value < count && MayBecome(entry.Key, name)))
                fault($"{Field}.{CountsField}.{other} is {less.ToString(CultureInfo.InvariantCulture)}, below {name}, which it may become");
        }
    }

    static bool MayBecome(string chosen, string actual)
    {
        var (one, other) = (chosen.Split('/'), actual.Split('/'));
        return one.Length == 2 && other.Length == 2 && (one[0] == Auto || one[0] == other[0]) && (one[1] == Auto || one[1] == other[1]);
    }

    [GeneratedRegex("^(auto|[1-9][0-9]*x[1-9][0-9]*)/[a-z]+$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex Name();
}
