using System.Text.Json;
using CurateMe.Gateway.InputBounds;
using CurateMe.Gateway.Proxy;
using CurateMe.Ledger.Pricing;

namespace CurateMe.Gateway.Providers.OpenAi;

/// <summary>Pictures from text, billed by the piece (size and quality) or by tokens.</summary>
sealed class ImagesDialect : OpenAiDialect
{
    const string DefaultModel = "dall-e-2";

    static readonly FieldNames Fields = new("model", "prompt", "n", "size", "quality", "stream", "partial_images");

    public override string Endpoint => "images.generations";
    public override bool HasCap => false;
    public override int MaxPlainAnswer => 256 << 20;
    protected override string Operation => "/images/generations";

    public override RequestFacts Read(ReadOnlySpan<byte> body, HttpRequest request)
    {
        try
        {
            return ReadFields(body, Deployment(request));
        }
        catch (JsonException e)
        {
            throw RequestJson.Broken(e);
        }
    }

    public override void Prepare(ReadOnlySpan<byte> body, RequestFacts facts, ProviderRow row, List<BodyPatch> patches)
    {
        if (facts is { ModelToken.Exists: false, ByDeployment: false })
        {
            patches.Add(Insert(body, $"\"model\":\"{DefaultModel}\""));
        }
    }

    public override UsageMeter Meter(RequestFacts facts, ProviderRow row, ModelPrice price) =>
        new ImagesMeter(price.IsPriced(BilledUnit.Image), ((ImagesFacts)facts).Pictures);

    static ImagesFacts ReadFields(ReadOnlySpan<byte> body, string? deployment)
    {
        var model = DefaultModel;
        ByteSpan token = default;
        string? size = null;
        string? quality = null;
        var n = 1;
        var partials = 0;
        var stream = false;
        var json = new RequestJson(body, "\"prompt\"");
        var seen = 0UL;
        while (json.Next(Fields, ref seen, out var field))
        {
            switch (field)
            {
                case 0:
                    token = json.Token;
                    model = json.Model();
                    break;
                case 2:
                    n = (int)(json.Integer("n", 1, ImagesFacts.MaxPictures) ?? 1);
                    break;
                case 3:
                    size = Word(ref json);
                    break;
                case 4:
                    quality = Word(ref json);
                    break;
                case 5:
                    stream = json.Bool("stream");
                    break;
                case 6:
                    partials = (int)(json.Integer("partial_images", 0, ImagesFacts.MaxPartials) ?? 0);
                    break;
                default:
                    json.Skip();
                    break;
            }
        }
        json.Close();
        model = deployment ?? model;
        var byPiece = model.StartsWith("dall-e", StringComparison.Ordinal);
        var facts = new ImagesFacts
        {
            Model = model,
            ModelToken = token,
            ByDeployment = deployment is not null,
            Stream = stream,
            OutputCap = ImagesFacts.MaxTextTokens,
            Pictures = n,
            Size = size,
            Quality = quality,
            PartialTokens = (long)n * partials * ImagesFacts.TokensOfPartial,
            // A size that the provider chooses may be the dearest.
            ImageVariant = byPiece ? $"{size ?? "1024x1024"}/{quality ?? "standard"}" : null,
        };
        // What lengthens the body is added once for every dialect.
        facts.Input[BilledUnit.InputToken] = ((long)n * body.Length) + ((n - 1) * Normalization.Growth(body));
        return facts;
    }

    // Null for what the provider is left to choose.
    static string? Word(ref RequestJson json)
    {
        var word = json.Type == JsonTokenType.String ? json.Reader.GetString() : null;
        json.Skip();
        return word is "auto" or "" ? null : word;
    }
}

/// <summary>Facts of a request for pictures. Each picture may be made, and billed, as by a request of its own: with all that goes in.</summary>
sealed class ImagesFacts : RequestFacts
{
    public const int MaxPictures = 10;

    /// <summary>A picture that is shown while it is made costs this much more, each time.</summary>
    public const int TokensOfPartial = 100;
    public const int MaxPartials = 3;

    /// <summary>Most text that the newer models write beside their pictures.</summary>
    public const int MaxTextTokens = 4_096;

    /// <summary>Pictures asked for.</summary>
    public int Pictures { get; init; }

    /// <summary>As the caller wrote it; null where the provider is left to choose.</summary>
    public string? Size { get; init; }

    /// <inheritdoc cref="Size"/>
    public string? Quality { get; init; }
    public long PartialTokens { get; init; }

    public override string? Smaller => "ask for a smaller size, a lower quality or fewer pictures (n), and name size and quality";

    public override void AddBounds(ModelPrice price, ref UsageCounts usage)
    {
        if (price.IsPriced(BilledUnit.Image))
        {
            usage[BilledUnit.Image] = Pictures;
        }
        else if (price.TokensPerGeneratedImage(Size, Quality) is { } most)
        {
            usage[BilledUnit.ImageOutputToken] = (Pictures * most) + PartialTokens;
        }
        else if (!price.IsFree)
        {
            throw new RefusedException(
                ErrorCode.ModelNotPriced, $"The price list has no price of a picture by {price.Model}.", "Use a model of GET /v1/models whose mode is image, or add its price.", "model");
        }
    }
}

/// <summary>Counts the pictures of an answer, or takes its tokens.</summary>
/// <param name="pictures">Pictures asked for: a stream tells of each by an event of its own.</param>
sealed class ImagesMeter(bool byPiece, int pictures) : UsageMeter
{
    int told;
    long first;
    long last;

    public override void ReadPlain(ReadOnlySpan<byte> body) => Read(body, whole: true);

    public override bool ReadEvent(ReadOnlySpan<byte> data)
    {
        if (data.IndexOf("\"usage\""u8) >= 0)
        {
            Read(data, whole: false);
        }
        return true;
    }

    void Read(ReadOnlySpan<byte> text, bool whole)
    {
        var json = AnswerJson.Open(text);
        try
        {
            if (!json.Read() || json.TokenType != JsonTokenType.StartObject)
            {
                return;
            }
            while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
            {
                var isData = json.ValueTextEquals("data"u8);
                var isUsage = json.ValueTextEquals("usage"u8);
                json.Read();
                if (byPiece && isData && json.TokenType == JsonTokenType.StartArray)
                {
                    Count(ref json);
                }
                else if (!byPiece && isUsage && json.TokenType == JsonTokenType.StartObject && OpenAiUsage.TryRead(ref json, reasoningBeside: false, out var usage))
                {
                    Take(usage, whole);
                }
                else
                {
                    json.Skip();
                }
            }
        }
        catch (JsonException)
        {
            // Not JSON: it passes to the client as it is, and says no more of usage.
        }
    }

    void Count(ref Utf8JsonReader json)
    {
        var made = 0;
        while (json.Read() && json.TokenType != JsonTokenType.EndArray)
        {
            made++;
            json.Skip();
        }
        Reading.Usage = default;
        Reading.Usage[BilledUnit.Image] = made;
        Reading.Known = Reading.InputKnown = Reading.Final = true;
    }

    // Where the block does not tell text from pictures, all that was made is pictures.
    void Take(UsageCounts usage, bool whole)
    {
        if (usage[BilledUnit.ImageOutputToken] == 0)
        {
            usage[BilledUnit.ImageOutputToken] = usage[BilledUnit.OutputToken];
            usage[BilledUnit.OutputToken] = 0;
        }
        var made = usage.CompletionTokens;
        Reading.Usage = told > 0 && IsOfOne(made) ? Sum(Reading.Usage, usage) : usage;
        (told, first, last) = (told + 1, told == 0 ? made : first, made);
        Reading.Known = true;
        Reading.InputKnown = Reading.Final = whole || told >= pictures;
    }

    // OpenAI does not say whether a later picture's usage is its own or that of all so far. The latter grows by a picture each time.
    bool IsOfOne(long made) => made - last < first * 3 / 4;

    static UsageCounts Sum(UsageCounts sum, in UsageCounts more)
    {
        foreach (var unit in Enum.GetValues<BilledUnit>())
        {
            sum[unit] = Math.Min(UsageCounts.MaxCount, sum[unit] + more[unit]);
        }
        return sum;
    }
}
