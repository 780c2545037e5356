using System.Globalization;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Pricing;
using Xunit;
using static CurateMe.Ledger.Pricing.BilledUnit;
using static CurateMe.Ledger.Pricing.ServiceTier;

namespace CurateMe.Ledger.Tests.Pricing;

/// <summary>
/// What the providers' pages say a request costs, worked out by hand. Each case names the page; the sums are written so that a reader can follow them:
/// tokens times dollars per million, and single pieces as they are.
/// </summary>
public sealed class InvoiceTests
{
    const string OpenAi = "https://developers.openai.com/api/docs/pricing";
    const string Luna = "https://developers.openai.com/api/docs/models/gpt-5.6-luna";
    const string Claude = "https://platform.claude.com/docs/en/about-claude/pricing";
    const string Gemini = "https://ai.google.dev/gemini-api/docs/pricing";
    const string Grok = "https://docs.x.ai/developers/models/grok-4.20-0309";
    const string DeepSeek = "https://api-docs.deepseek.com/quick_start/pricing";
    const string Perplexity = "https://docs.perplexity.ai/getting-started/pricing";

    sealed record Invoice(string Model, ServiceTier Tier, (BilledUnit Unit, long Count)[] Lines, string Sum, string Usd, string Page, string? Image = null);

    static readonly Invoice[] All =
    [
        // plain and cached text
        new("openai/gpt-5.1", Standard, [(InputToken, 1_000), (CachedInputToken, 9_000), (OutputToken, 500)], "1000x1.25 + 9000x0.125 + 500x10", "0.007375", OpenAi),
        new("openai/gpt-4o", Standard, [(InputToken, 1_200), (CachedInputToken, 1_024), (OutputToken, 300)], "1200x2.5 + 1024x1.25 + 300x10", "0.00728", OpenAi),
        new("openai/gpt-4o-mini", Standard, [(InputToken, 3), (OutputToken, 1)], "3x0.15 + 1x0.6", "0.00000105", OpenAi),
        new("deepseek/deepseek-v4-pro", Standard, [(InputToken, 1_000), (CachedInputToken, 100_000), (OutputToken, 2_000)], "1000x1.32 + 100000x0.044 + 2000x3.96", "0.01364", DeepSeek),
        new("openai/text-embedding-3-large", Standard, [(InputToken, 777)], "777x0.13", "0.00010101", OpenAi),
        new("openai/omni-moderation-latest", Standard, [(InputToken, 5_000)], "5000x0", "0", OpenAi),

        // less than a nano-dollar is rounded up, once
        new("openai/gpt-5-nano", Flex, [(CachedInputToken, 1)], "1x0.0025", "0.000000003", OpenAi),
        new("openai/gpt-5-nano", Flex, [(CachedInputToken, 1), (InputToken, 1), (OutputToken, 1)], "1x0.0025 + 1x0.025 + 1x0.2", "0.000000228", OpenAi),

        // cache writes for five minutes and for an hour
        new("anthropic/claude-opus-4-5", Standard, [(InputToken, 1_000), (CachedInputToken, 10_000), (CacheWrite5mToken, 2_000), (CacheWrite1hToken, 3_000), (OutputToken, 500)],
            "1000x5 + 10000x0.5 + 2000x6.25 + 3000x10 + 500x25", "0.065", Claude),
        new("anthropic/claude-opus-4", Standard, [(CacheWrite5mToken, 100), (CacheWrite1hToken, 100), (CachedInputToken, 100)], "100x18.75 + 100x30 + 100x1.5", "0.005025", Claude),
        new("anthropic/claude-3-haiku-20240307", Standard, [(CacheWrite5mToken, 1_000), (CacheWrite1hToken, 1_000), (CachedInputToken, 1_000)], "1000x0.3 + 1000x0.5 + 1000x0.03", "0.00083", Claude),
        new("anthropic/claude-3-opus-20240229", Standard, [(CacheWrite1hToken, 1_000)], "1000x30", "0.03", Claude),
        new("anthropic/claude-fable-5-1", Standard, [(CachedInputToken, 1_000_000), (OutputToken, 1)], "1000000x0.25 + 1x50", "0.25005", Claude),
        new("openai/gpt-5.6-luna", Standard, [(CacheWrite5mToken, 4_000)], "4000x0.25", "0.001", Luna),

        // reasoning is output, unless the provider prices it
        new("openai/o3", Standard, [(InputToken, 100), (OutputToken, 50), (ReasoningToken, 1_950)], "100x2 + 50x8 + 1950x8", "0.0162", OpenAi),
        new("perplexity/sonar-deep-research", Standard, [(InputToken, 33), (OutputToken, 7_163), (CitationToken, 20_016), (ReasoningToken, 73_997), (WebSearch, 18)],
            "33x2 + 7163x8 + 20016x2 + 73997x3, 18 searches at 0.005", "0.409393", Perplexity),

        // audio
        new("openai/gpt-4o-audio-preview", Standard, [(InputToken, 100), (AudioInputToken, 200), (OutputToken, 30), (AudioOutputToken, 400)], "100x2.5 + 200x40 + 30x10 + 400x80", "0.04055", OpenAi),
        new("google/gemini-2.5-flash", Standard, [(InputToken, 100), (AudioInputToken, 3_200), (CachedAudioInputToken, 3_200), (OutputToken, 100)], "100x0.3 + 3200x1 + 3200x0.1 + 100x2.5", "0.0038", Gemini),
        new("openai/whisper-1", Standard, [(InputSecond, 60)], "60 s at 0.0001", "0.006", OpenAi),
        new("openai/tts-1", Standard, [(Character, 4_096)], "4096x15", "0.06144", OpenAi),
        new("openai/gpt-4o-transcribe", Standard, [(AudioInputToken, 600), (OutputToken, 200)], "600x6 + 200x10", "0.0056", OpenAi),

        // pictures, by token and by piece
        new("openai/gpt-image-1", Standard, [(InputToken, 50), (ImageInputToken, 323), (ImageOutputToken, 4_160)], "50x5 + 323x10 + 4160x40", "0.16988", OpenAi),
        new("google/gemini-2.5-flash-image", Standard, [(InputToken, 20), (ImageOutputToken, 1_290)], "20x0.3 + 1290x30", "0.038706", Gemini),
        new("openai/dall-e-3", Standard, [(Image, 2)], "2 at 0.12", "0.24", OpenAi, "1024x1792/hd"),
        new("openai/dall-e-3", Standard, [(Image, 1)], "1 at 0.04", "0.04", OpenAi, "1024x1024/standard"),
        new("openai/dall-e-2", Standard, [(Image, 1)], "1 at 0.016", "0.016", OpenAi, "256x256/standard"),
        new("google/imagen-4.0-ultra-generate-001", Standard, [(Image, 4)], "4 at 0.06", "0.24", Gemini),

        // long prompts: the whole request at the higher prices, cached tokens count towards the threshold
        new("google/gemini-2.5-pro", Standard, [(InputToken, 200_000), (OutputToken, 1_000)], "200000x1.25 + 1000x10", "0.26", Gemini),
        new("google/gemini-2.5-pro", Standard, [(InputToken, 200_001), (OutputToken, 1_000)], "200001x2.5 + 1000x15", "0.5150025", Gemini),
        new("google/gemini-2.5-pro", Standard, [(InputToken, 1), (CachedInputToken, 200_000)], "1x2.5 + 200000x0.25", "0.0500025", Gemini),
        new("anthropic/claude-sonnet-4-5", Standard, [(InputToken, 100_000), (CachedInputToken, 60_000), (CacheWrite5mToken, 40_001), (OutputToken, 100)],
            "100000x6 + 60000x0.6 + 40001x7.5 + 100x22.5", "0.9382575", Claude),
        new("anthropic/claude-sonnet-4-5", Standard, [(CacheWrite1hToken, 200_001)], "200001x12", "2.400012", Claude),
        new("anthropic/claude-opus-4-6", Standard, [(InputToken, 900_000)], "900000x5", "4.5", Claude),
        new("openai/gpt-5.6-luna", Standard, [(InputToken, 272_000), (OutputToken, 1_000)], "272000x0.2 + 1000x1.2", "0.0556", Luna),
        new("openai/gpt-5.6-luna", Standard, [(InputToken, 272_001), (OutputToken, 1_000)], "twice the input, 1.5 times the output: 272001x0.4 + 1000x1.8", "0.1106004", Luna),
        new("xai/grok-4.20", Standard, [(InputToken, 199_999)], "199999x1.25", "0.24999875", Grok),
        new("xai/grok-4.20", Standard, [(InputToken, 200_000)], "200000x2.5: a prompt that reaches 200,000", "0.5", Grok),

        // service tiers
        new("openai/gpt-5.1", Flex, [(InputToken, 1_000), (CachedInputToken, 1_000), (OutputToken, 1_000)], "1000x0.625 + 1000x0.0625 + 1000x5", "0.0056875", OpenAi),
        new("openai/gpt-5.1", Priority, [(InputToken, 1_000), (CachedInputToken, 1_000), (OutputToken, 1_000)], "1000x2.5 + 1000x0.25 + 1000x20", "0.02275", OpenAi),
        new("openai/gpt-4.1", Batch, [(InputToken, 1_000), (OutputToken, 1_000)], "1000x1 + 1000x4", "0.005", OpenAi),
        new("openai/gpt-5.4", Flex, [(InputToken, 300_000), (ReasoningToken, 1_000)], "300000x2.5 + 1000x11.25", "0.76125", OpenAi),
        new("anthropic/claude-haiku-4-5", Batch, [(InputToken, 1_000), (CacheWrite1hToken, 1_000), (OutputToken, 1_000)], "half of 1000x1 + 1000x2 + 1000x5", "0.004", Claude),
        new("anthropic/claude-opus-4-6", Fast, [(InputToken, 1_000), (OutputToken, 1_000)], "1000x30 + 1000x150", "0.18", Claude),
        new("openai/gpt-4o", Flex, [(InputToken, 1_000)], "no flex price: 1000x2.5", "0.0025", OpenAi),

        // tools and fees
        new("perplexity/sonar", Standard, [(InputToken, 500), (OutputToken, 200), (LowContextSearch, 1)], "500x1 + 200x1, 1 request at 0.005", "0.0057", Perplexity),
        new("perplexity/sonar-pro", Standard, [(HighContextSearch, 1)], "1 request at 0.014", "0.014", Perplexity),
        new("anthropic/claude-sonnet-4-6", Standard, [(InputToken, 6_039), (OutputToken, 931), (WebSearch, 1)], "6039x3 + 931x15, 1 search at 0.01", "0.042082", Claude),
        new("openai/gpt-5", Standard, [(WebSearch, 2), (FileSearch, 2), (CodeSession, 1)], "2 at 0.01, 2 at 0.0025, 1 at 0.03", "0.055", OpenAi),
    ];

    public static TheoryData<int, string> Cases()
    {
        var cases = new TheoryData<int, string>();
        for (var index = 0; index < All.Length; index++) cases.Add(index, $"{All[index].Model} {All[index].Tier}: {All[index].Sum}");
        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void AC12_Cost_OfAProvidersInvoice_ExactToTheNanoDollar(int index, string name)
    {
        var invoice = All[index];
        var slash = invoice.Model.IndexOf('/', StringComparison.Ordinal);
        var price = PriceList.BuiltIn.Find(invoice.Model[..slash], invoice.Model[(slash + 1)..]);
        Assert.True(price is not null, $"{invoice.Model} has no price");
        foreach (var (unit, _) in invoice.Lines) Assert.True(price.IsPriced(unit), $"{name}: {unit} has no price");
        var cost = price.Cost(Prices.Usage(invoice.Lines), invoice.Tier, invoice.Image).CeilToNano();
        Assert.True(cost == NanoUsd.Parse(invoice.Usd), string.Create(CultureInfo.InvariantCulture, $"{name}: {cost} is not {invoice.Usd} of {invoice.Page}"));
    }
}
