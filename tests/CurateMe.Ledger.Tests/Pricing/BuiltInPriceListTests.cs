using CurateMe.Ledger.Pricing;
using Xunit;

namespace CurateMe.Ledger.Tests.Pricing;

public sealed class BuiltInPriceListTests
{
    static readonly PriceList List = PriceList.BuiltIn;
    static IEnumerable<ModelPrice> Rows => List.Providers.SelectMany(List.For);

    [Fact]
    public void BuiltIn_Providers_AreThePathSegments()
    {
        string[] expected = ["anthropic", "azure", "cerebras", "cohere", "deepseek", "fireworks", "google", "groq", "mistral", "moonshot",
            "ollama", "openai", "openrouter", "perplexity", "together", "vllm", "xai"];
        Assert.Equal(expected, List.Providers);
    }

    /// <summary>Taken from the providers' pages by hand, in pico-dollars a token: input, cached, written for 5 minutes, for an hour, output.</summary>
    [Theory]
    [InlineData("openai", "gpt-5.1", 1_250_000, 125_000, 1_250_000, 1_250_000, 10_000_000)]
    [InlineData("openai", "gpt-5.1-2025-11-13", 1_250_000, 125_000, 1_250_000, 1_250_000, 10_000_000)]
    [InlineData("openai", "gpt-4o", 2_500_000, 1_250_000, 2_500_000, 2_500_000, 10_000_000)]
    [InlineData("openai", "gpt-4o-2024-05-13", 5_000_000, 5_000_000, 5_000_000, 5_000_000, 15_000_000)]
    [InlineData("openai", "gpt-4o-mini", 150_000, 75_000, 150_000, 150_000, 600_000)]
    [InlineData("openai", "gpt-4.1-nano", 100_000, 25_000, 100_000, 100_000, 400_000)]
    [InlineData("openai", "o3", 2_000_000, 500_000, 2_000_000, 2_000_000, 8_000_000)]
    [InlineData("openai", "gpt-5.6-terra", 2_000_000, 200_000, 2_500_000, 2_500_000, 12_000_000)]
    [InlineData("openai", "ft:gpt-4o-mini-2024-07-18:acme::abc", 300_000, 150_000, 300_000, 300_000, 1_200_000)]
    [InlineData("anthropic", "claude-opus-4", 15_000_000, 1_500_000, 18_750_000, 30_000_000, 75_000_000)]
    [InlineData("anthropic", "claude-opus-4-20250514", 15_000_000, 1_500_000, 18_750_000, 30_000_000, 75_000_000)]
    [InlineData("anthropic", "claude-opus-4-5", 5_000_000, 500_000, 6_250_000, 10_000_000, 25_000_000)]
    [InlineData("anthropic", "claude-opus-5-5", 4_000_000, 200_000, 5_000_000, 8_000_000, 20_000_000)]
    [InlineData("anthropic", "claude-sonnet-4-5", 3_000_000, 300_000, 3_750_000, 6_000_000, 15_000_000)]
    [InlineData("anthropic", "claude-haiku-4-5", 1_000_000, 100_000, 1_250_000, 2_000_000, 5_000_000)]
    [InlineData("anthropic", "claude-3-haiku-20240307", 250_000, 30_000, 300_000, 500_000, 1_250_000)]
    [InlineData("google", "gemini-2.5-pro", 1_250_000, 125_000, 1_250_000, 1_250_000, 10_000_000)]
    [InlineData("google", "gemini-2.5-flash", 300_000, 30_000, 300_000, 300_000, 2_500_000)]
    [InlineData("google", "gemini-3-pro-preview", 2_000_000, 200_000, 2_000_000, 2_000_000, 12_000_000)]
    [InlineData("deepseek", "deepseek-chat", 300_000, 6_000, 300_000, 300_000, 1_200_000)]
    [InlineData("mistral", "mistral-large-latest", 500_000, 500_000, 500_000, 500_000, 1_500_000)]
    [InlineData("xai", "grok-4", 3_000_000, 750_000, 3_000_000, 3_000_000, 15_000_000)]
    [InlineData("groq", "llama-3.3-70b-versatile", 590_000, 590_000, 590_000, 590_000, 790_000)]
    [InlineData("together", "Qwen/Qwen3-235B-A22B-Instruct-2507-tput", 200_000, 200_000, 200_000, 200_000, 600_000)]
    [InlineData("cohere", "command-r7b-12-2024", 37_500, 37_500, 37_500, 37_500, 150_000)]
    [InlineData("moonshot", "kimi-k2-thinking", 600_000, 150_000, 600_000, 600_000, 2_500_000)]
    [InlineData("azure", "gpt-4o", 2_500_000, 1_250_000, 2_500_000, 2_500_000, 10_000_000)]
    [InlineData("fireworks", "accounts/fireworks/models/kimi-k2p5", 600_000, 100_000, 600_000, 600_000, 3_000_000)]
    [InlineData("openrouter", "anthropic/claude-sonnet-4", 3_000_000, 300_000, 3_750_000, 6_000_000, 15_000_000)]
    [InlineData("ollama", "llama3.3:70b", 0, 0, 0, 0, 0)]
    [InlineData("vllm", "any/model", 0, 0, 0, 0, 0)]
    public void BuiltIn_KnownModel_HasThePublishedPrices(string provider, string model, long input, long cached, long write5m, long write1h, long output)
    {
        var price = List.Find(provider, model);
        Assert.NotNull(price);
        BilledUnit[] units = [BilledUnit.InputToken, BilledUnit.CachedInputToken, BilledUnit.CacheWrite5mToken, BilledUnit.CacheWrite1hToken, BilledUnit.OutputToken];
        Assert.Equal([input, cached, write5m, write1h, output], units.Select(unit => price.PicoPerUnit(unit)));
    }

    /// <summary>Figures that price maps are known to have wrong.</summary>
    [Theory]
    [InlineData("cohere", "embed-multilingual-light-v3.0", BilledUnit.InputToken, 100_000)]
    [InlineData("openai", "ft:gpt-4o-2024-11-20", BilledUnit.CachedInputToken, 1_875_000)]
    [InlineData("openai", "gpt-4o-mini-transcribe", BilledUnit.AudioInputToken, 3_000_000)]
    [InlineData("anthropic", "claude-3-opus-20240229", BilledUnit.CacheWrite1hToken, 30_000_000)]
    [InlineData("google", "gemini-2.5-flash-preview-tts", BilledUnit.AudioOutputToken, 10_000_000)]
    [InlineData("deepseek", "deepseek-v4-pro", BilledUnit.CacheWrite5mToken, 1_320_000)]
    public void BuiltIn_KnownSlipsOfPriceMaps_AreNotInIt(string provider, string model, BilledUnit unit, long pico) =>
        Assert.Equal(pico, List.Find(provider, model)!.PicoPerUnit(unit));

    /// <summary>A picture's price as the provider's page of the model gives it, rounded there to a tenth of a cent.</summary>
    [Theory]
    [InlineData("gpt-image-1", "1024x1024", "low", 0.011)]
    [InlineData("gpt-image-1", "1024x1024", "medium", 0.042)]
    [InlineData("gpt-image-1", "1024x1536", "medium", 0.063)]
    [InlineData("gpt-image-1", "1536x1024", "high", 0.248)]
    [InlineData("gpt-image-1", null, null, 0.25)]
    [InlineData("gpt-image-1-mini", "1024x1024", "low", 0.005)]
    [InlineData("gpt-image-1-mini", "1024x1536", "high", 0.052)]
    [InlineData("gpt-image-1-mini", null, null, 0.052)]
    [InlineData("gpt-image-1.5", "1024x1024", "low", 0.009)]
    [InlineData("gpt-image-1.5-2025-12-16", "1536x1024", "medium", 0.05)]
    [InlineData("gpt-image-1.5", "1024x1024", "high", 0.133)]
    [InlineData("gpt-image-2", "1024x1024", "low", 0.006)]
    [InlineData("gpt-image-2", "1024x1024", "medium", 0.053)]
    [InlineData("gpt-image-2-2026-04-21", "1024x1024", "high", 0.211)]
    [InlineData("gpt-image-2", "1536x1024", "high", 0.165)]
    public void BuiltIn_PicturesByTokens_AreBoundedByThePublishedPrice(string model, string? size, string? quality, double dollars)
    {
        foreach (var provider in (string[])["openai", "azure"])
        {
            var price = List.Find(provider, model)!;
            var pico = price.TokensPerGeneratedImage(size, quality)!.Value * price.PicoPerUnit(BilledUnit.ImageOutputToken);
            Assert.InRange(pico / 1e12, dollars - 0.0005, dollars + 0.0006);
        }
    }

    [Fact]
    public void BuiltIn_PictureOfUnknownSize_HasTheBoundOfAnyPicture()
    {
        var price = List.Find("openai", "gpt-image-2")!;
        Assert.Equal(price.MaxTokensPerGeneratedImage, price.TokensPerGeneratedImage("1040x1040", "low"));
        Assert.Equal(price.MaxTokensPerGeneratedImage, price.TokensPerGeneratedImage("1024x1024", "xhigh"));
        Assert.Null(List.Find("openai", "dall-e-3")!.TokensPerGeneratedImage("1024x1024", "hd"));
    }

    [Fact]
    public void BuiltIn_OpenRouterRouters_HaveNoPrice()
    {
        Assert.Null(List.Find("openrouter", "openrouter/auto"));
        Assert.Null(List.Find("openai", "gpt-nobody-knows"));
    }

    [Fact]
    public void BuiltIn_EveryRow_HasSourceDateAndSaneLimits() => Assert.All(Rows, price =>
    {
        Assert.False(string.IsNullOrWhiteSpace(price.Source));
        Assert.InRange(price.AsOf, new DateOnly(2026, 8, 1), new DateOnly(2027, 1, 1));
        Assert.InRange(price.MaxTokensPerImage, 1, 50_000);
        Assert.True(price.MaxOutputTokens is null or > 0);
        Assert.True(price.MaxInputTokens is null or >= 512);
    });

    [Fact]
    public void BuiltIn_FreeRows_AreTheseOnly() =>
        Assert.Equal(
            ["google/gemma-3-27b-it", "ollama/*", "openai/omni-moderation-latest", "openai/text-moderation-latest", "together/meta-llama/Llama-3.3-70B-Instruct-Turbo-Free", "vllm/*"],
            Rows.Where(price => price.Mode is ModelMode.Moderation || price.PicoPerUnit(BilledUnit.InputToken) + price.PicoPerUnit(BilledUnit.OutputToken) == 0)
                .Where(price => price.Mode is not (ModelMode.Image or ModelMode.AudioSpeech or ModelMode.AudioTranscription))
                .Select(price => $"{price.Provider}/{price.Model}"));

    [Fact]
    public void BuiltIn_LongContextModels_CostMoreAboveTheThreshold() => Assert.All(Rows.Where(price => price.LongContextThreshold is not null), price =>
        Assert.True(price.PicoPerUnit(BilledUnit.InputToken, longContext: true) > price.PicoPerUnit(BilledUnit.InputToken), price.Model));

    [Theory]
    [InlineData("openai", "gpt-4o", 1_445)]
    [InlineData("openai", "gpt-4o-mini", 48_169)]
    [InlineData("openai", "o3", 1_275)]
    [InlineData("anthropic", "claude-sonnet-4-5", 1_640)]
    [InlineData("anthropic", "claude-opus-4-8", 4_784)]
    [InlineData("groq", "llama-3.1-8b-instant", ModelPrice.DefaultMaxTokensPerImage)]
    public void BuiltIn_VisionModels_BoundTheTokensOfAPicture(string provider, string model, int tokens) =>
        Assert.Equal(tokens, List.Find(provider, model)!.MaxTokensPerImage);

    [Fact]
    public void BuiltIn_Modes_CoverTheEndpoints()
    {
        var modes = List.For("openai").Select(price => price.Mode).Distinct();
        Assert.Equal(Enum.GetValues<ModelMode>(), modes.Order());
        Assert.Equal(ModelMode.Responses, List.Find("openai", "gpt-5-pro")!.Mode);
    }
}
