namespace CurateMe.Ledger.Pricing;

/// <summary>The price fields of a file: a group says per what, a field says for which unit.</summary>
static class PriceFields
{
    /// <summary>Pictures are priced by one number or by one per size and quality.</summary>
    internal const string PerImage = "per_image";

    /// <summary>The dearest price believed: 10,000 USD for a million tokens or characters, 100 USD for anything else.</summary>
    internal const long MaxPicoPerToken = 10_000_000_000;
    internal const long MaxPicoPerPiece = 100_000_000_000_000;

    /// <param name="Scale">10^Scale is the pico-dollars of one dollar, divided by the pieces in the group.</param>
    /// <param name="Divisor">What remains of the pieces in the group after the powers of ten; the quotient is rounded up.</param>
    internal sealed record Group(string Name, string Per, int Scale, int Divisor, long MaxPico, string MaxText, IReadOnlyDictionary<string, BilledUnit> Fields);

    internal static readonly Group Image = new(PerImage, "picture", 12, 1, MaxPicoPerPiece, "100", new Dictionary<string, BilledUnit> { [PerImage] = BilledUnit.Image });

    internal static readonly IReadOnlyList<Group> Groups =
    [
        new("per_million_tokens", "million tokens", 6, 1, MaxPicoPerToken, "10000", new Dictionary<string, BilledUnit>
        {
            ["input"] = BilledUnit.InputToken,
            ["cached_input"] = BilledUnit.CachedInputToken,
            ["cache_write_5m"] = BilledUnit.CacheWrite5mToken,
            ["cache_write_1h"] = BilledUnit.CacheWrite1hToken,
            ["output"] = BilledUnit.OutputToken,
            ["reasoning"] = BilledUnit.ReasoningToken,
            ["audio_input"] = BilledUnit.AudioInputToken,
            ["cached_audio_input"] = BilledUnit.CachedAudioInputToken,
            ["audio_output"] = BilledUnit.AudioOutputToken,
            ["image_input"] = BilledUnit.ImageInputToken,
            ["cached_image_input"] = BilledUnit.CachedImageInputToken,
            ["image_output"] = BilledUnit.ImageOutputToken,
            ["citation"] = BilledUnit.CitationToken,
        }),
        new("per_million_characters", "million characters", 6, 1, MaxPicoPerToken, "10000", new Dictionary<string, BilledUnit> { ["input"] = BilledUnit.Character }),
        new("per_second", "second", 12, 1, MaxPicoPerPiece, "100", new Dictionary<string, BilledUnit> { ["input"] = BilledUnit.InputSecond, ["output"] = BilledUnit.OutputSecond }),
        new("per_hour", "hour", 12, 3600, MaxPicoPerPiece, "100", new Dictionary<string, BilledUnit> { ["input"] = BilledUnit.InputSecond, ["output"] = BilledUnit.OutputSecond }),
        new("per_thousand_calls", "thousand calls", 9, 1, MaxPicoPerPiece, "100000", new Dictionary<string, BilledUnit>
        {
            ["request"] = BilledUnit.Request,
            ["web_search"] = BilledUnit.WebSearch,
            ["file_search"] = BilledUnit.FileSearch,
            ["maps_search"] = BilledUnit.MapsSearch,
            ["low_context_search"] = BilledUnit.LowContextSearch,
            ["medium_context_search"] = BilledUnit.MediumContextSearch,
            ["high_context_search"] = BilledUnit.HighContextSearch,
        }),
        new("per_session", "session", 12, 1, MaxPicoPerPiece, "100", new Dictionary<string, BilledUnit> { ["code"] = BilledUnit.CodeSession }),
    ];

    internal static string PathOf(BilledUnit unit) =>
        Groups.SelectMany(group => group.Fields, (group, field) => (group.Name, field)).Where(entry => entry.field.Value == unit)
            .Select(entry => $"{entry.Name}.{entry.field.Key}").FirstOrDefault(PerImage);

    /// <summary>The last part of the path.</summary>
    internal static string FieldOf(BilledUnit unit)
    {
        var path = PathOf(unit);
        return path[(path.IndexOf('.', StringComparison.Ordinal) + 1)..];
    }
}
