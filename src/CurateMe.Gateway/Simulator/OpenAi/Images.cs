using System.Text.Json;

namespace CurateMe.Gateway.Simulator.OpenAi;

/// <summary><c>POST /images/generations</c> and <c>/images/edits</c>: by the piece (DALL·E) or by tokens (GPT Image).</summary>
internal static class Images
{
    const int MaxImages = 10;
    const int MaxSide = 3_840;

    // An input picture of one tile.
    const int PictureTokens = 65 + 129;

    // One grey pixel
    const string Png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==";

    public static Task Answer(SimulatedCall call)
    {
        var body = call.Body;
        call.Model = body.Text("model") ?? "dall-e-2";
        call.Card();
        var prompt = body.Get("prompt");
        if (prompt.ValueKind != JsonValueKind.String)
            throw new ProviderError(400, "Missing required parameter: 'prompt'.", "prompt", "missing_required_parameter");
        var count = body.Number("n", 1, call.Model == "dall-e-3" ? 1 : MaxImages) ?? 1;
        var byToken = call.Model.Contains("image", StringComparison.Ordinal);
        return MakeAsync(call, count, prompt.TokenCount(), pictures: 0, byToken, body.Text("size"), body.Text("quality"), asUrl: !byToken && !body.Is("response_format", "b64_json"u8));
    }

    public static async Task Edit(SimulatedCall call)
    {
        var (fields, files) = await Transcriptions.ReadForm(call);
        call.Model = fields.GetValueOrDefault("model") ?? "dall-e-2";
        call.Card();
        var pictures = files.Count(static f => f.Name is "image" or "image[]" or "mask");
        if (pictures == 0)
            throw new ProviderError(400, "Missing required parameter: 'image'.", "image", "missing_required_parameter");
        var byToken = call.Model.Contains("image", StringComparison.Ordinal);
        var count = int.Parse(fields.GetValueOrDefault("n") ?? "1", System.Globalization.CultureInfo.InvariantCulture);
        await MakeAsync(
            call, count, Tokens.Count(fields.GetValueOrDefault("prompt") ?? ""), pictures, byToken, fields.GetValueOrDefault("size"), fields.GetValueOrDefault("quality"),
            asUrl: !byToken && fields.GetValueOrDefault("response_format") != "b64_json");
    }

    static Task MakeAsync(SimulatedCall call, int count, int words, int pictures, bool byToken, string? askedSize, string? askedQuality, bool asUrl)
    {
        var size = askedSize is not (null or "auto") ? askedSize : "1024x1024";
        var quality = askedQuality is not (null or "auto") ? askedQuality : byToken ? "high" : "standard";
        call.Variant = $"{size}/{quality}";
        var output = count * (call.Model.StartsWith("gpt-image-2", StringComparison.Ordinal) ? TokensOfAnySize(size, quality) : TokensOf(size, quality));
        var units = byToken
            ? new BillCounts { PromptTokens = words + (pictures * PictureTokens), ImagePromptTokens = pictures * PictureTokens, CompletionTokens = output, ImageCompletionTokens = output }
            : new BillCounts { Images = count };
        return call.AnswerAsync(units, Written.Object((call, units, count, byToken, asUrl, size, quality), static (json, state) =>
        {
            json.WriteNumber("created", state.call.UnixSeconds);
            json.WriteStartArray("data");
            for (var i = 0; i < state.count; i++)
            {
                json.WriteStartObject();
                json.WriteString(state.asUrl ? "url" : "b64_json", state.asUrl ? $"https://images.example.com/{state.call.Id("img-")}{i}.png" : Png);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            if (!state.byToken)
                return;
            json.WriteString("background", "opaque");
            json.WriteString("output_format", "png");
            json.WriteString("quality", state.quality);
            json.WriteString("size", state.size);
            Usage(json, state.call.Behaviour.Usage, state.units);
        }));
    }

    static void Usage(Utf8JsonWriter json, UsageForm form, BillCounts units) => ReportedUsage.Write(json, "usage", form, units, static (usage, units) =>
    {
        usage.Count("input_tokens", units.PromptTokens);
        usage.Json.WriteStartObject("input_tokens_details");
        usage.Count("image_tokens", units.ImagePromptTokens);
        usage.Count("text_tokens", units.PromptTokens - units.ImagePromptTokens);
        usage.Json.WriteEndObject();
        usage.Count("output_tokens", units.CompletionTokens);
        usage.Count("total_tokens", units.PromptTokens + units.CompletionTokens);
    });

    // As OpenAI's calculator has it: a grid by quality in the picture's shape, denser with its area.
    static int TokensOfAnySize(string size, string quality)
    {
        var sides = size.Split('x').Select(static side => int.TryParse(side, System.Globalization.CultureInfo.InvariantCulture, out var pixels) ? pixels : 0).ToArray();
        if (sides is not [> 0 and <= MaxSide, > 0 and <= MaxSide])
            throw new ProviderError(400, $"Invalid size: '{size}'.", "size", "invalid_value");
        var (longer, shorter) = (Math.Max(sides[0], sides[1]), Math.Min(sides[0], sides[1]));
        var cells = quality switch { "low" => 16, "medium" => 48, _ => 96 };
        var across = ((2 * cells * shorter) + longer) / (2 * longer);
        return (int)(((cells * across * (2_000_000L + (longer * shorter))) + 3_999_999) / 4_000_000);
    }

    static int TokensOf(string size, string quality) => (size, quality) switch
    {
        ("1024x1024", "low") => 272,
        ("1024x1024", "medium") => 1056,
        ("1024x1024", _) => 4160,
        ("1024x1536", "low") => 408,
        ("1024x1536", "medium") => 1584,
        ("1024x1536", _) => 6240,
        (_, "low") => 400,
        (_, "medium") => 1568,
        _ => 6208,
    };
}
