using System.Numerics;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Pricing;
using Xunit;
using static CurateMe.Ledger.Tests.Pricing.Prices;

namespace CurateMe.Ledger.Tests.Pricing;

public sealed class ModelPriceTests
{
    const string Full = """
        { "per_million_tokens": { "input": 4, "cached_input": 0.4, "cache_write_5m": 5, "cache_write_1h": 8, "output": 20, "reasoning": 30 } }
        """;

    const string Rest = """
        , "tiers": { "flex": { "per_million_tokens": { "input": 2, "output": 10 } },
                     "priority": { "per_million_tokens": { "input": 8, "cached_input": 0.8, "output": 40 } } },
          "long_context": { "above_prompt_tokens": 1000,
                            "prices": { "per_million_tokens": { "input": 6, "cached_input": 0.6, "cache_write_5m": 7.5, "cache_write_1h": 12, "output": 25, "reasoning": 35 } },
                            "tiers": { "flex": { "per_million_tokens": { "input": 3 } } } }
        """;

    [Theory]
    [InlineData(BilledUnit.InputToken, ServiceTier.Standard, false, 4_000_000)]
    [InlineData(BilledUnit.CacheWrite1hToken, ServiceTier.Standard, false, 8_000_000)]
    [InlineData(BilledUnit.ReasoningToken, ServiceTier.Standard, true, 35_000_000)]
    [InlineData(BilledUnit.InputToken, ServiceTier.Flex, false, 2_000_000)]
    [InlineData(BilledUnit.CachedInputToken, ServiceTier.Flex, false, 400_000)]
    [InlineData(BilledUnit.ReasoningToken, ServiceTier.Flex, false, 30_000_000)]
    [InlineData(BilledUnit.InputToken, ServiceTier.Flex, true, 3_000_000)]
    [InlineData(BilledUnit.OutputToken, ServiceTier.Flex, true, 25_000_000)]
    [InlineData(BilledUnit.InputToken, ServiceTier.Priority, true, 6_000_000)]
    [InlineData(BilledUnit.InputToken, ServiceTier.Batch, false, 4_000_000)]
    [InlineData(BilledUnit.InputToken, ServiceTier.Fast, true, 6_000_000)]
    [InlineData(BilledUnit.WebSearch, ServiceTier.Standard, false, 0)]
    public void PicoPerUnit_TierAndLength_FallsBackByTheRules(BilledUnit unit, ServiceTier tier, bool longContext, long pico) =>
        Assert.Equal(pico, WithPrices(Full, Rest).PicoPerUnit(unit, tier, longContext));

    [Theory]
    [InlineData("""{ "input": 1, "output": 2 }""", BilledUnit.ReasoningToken, 2_000_000)]
    [InlineData("""{ "input": 1, "output": 2 }""", BilledUnit.CachedInputToken, 1_000_000)]
    [InlineData("""{ "input": 1, "output": 2 }""", BilledUnit.CacheWrite5mToken, 1_000_000)]
    [InlineData("""{ "input": 1, "output": 2 }""", BilledUnit.CacheWrite1hToken, 1_000_000)]
    [InlineData("""{ "input": 1, "output": 2, "cache_write_5m": 1.25 }""", BilledUnit.CacheWrite1hToken, 1_250_000)]
    [InlineData("""{ "input": 1, "output": 2, "cached_input": 0.1 }""", BilledUnit.CachedAudioInputToken, 100_000)]
    [InlineData("""{ "input": 1, "output": 2, "cached_input": 0.1, "audio_input": 9 }""", BilledUnit.CachedAudioInputToken, 9_000_000)]
    [InlineData("""{ "input": 1, "output": 2, "cached_input": 0.1, "image_input": 7 }""", BilledUnit.CachedImageInputToken, 7_000_000)]
    [InlineData("""{ "input": 1, "output": 2 }""", BilledUnit.AudioInputToken, 1_000_000)]
    [InlineData("""{ "input": 1, "output": 2 }""", BilledUnit.ImageOutputToken, 2_000_000)]
    [InlineData("""{ "input": 1, "output": 2 }""", BilledUnit.CitationToken, 0)]
    public void PicoPerUnit_UnitWithoutItsOwnPrice_CostsWhatItsKinCosts(string perMillion, BilledUnit unit, long pico)
    {
        var price = WithPrices($$"""{ "per_million_tokens": {{perMillion}} }""");
        Assert.Equal(pico, price.PicoPerUnit(unit));
        Assert.Equal(pico != 0, price.IsPriced(unit));
    }

    [Theory]
    [InlineData("""{ "per_million_tokens": { "input": 0, "output": 0, "citation": 0.000001 } }""", BilledUnit.CitationToken, 1)]
    [InlineData("""{ "per_million_tokens": { "input": 0, "output": 0 }, "per_million_characters": { "input": 15 } }""", BilledUnit.Character, 15_000_000)]
    [InlineData("""{ "per_million_tokens": { "input": 0, "output": 0 }, "per_second": { "input": 0.0001 } }""", BilledUnit.InputSecond, 100_000_000)]
    [InlineData("""{ "per_million_tokens": { "input": 0, "output": 0 }, "per_hour": { "input": 0.36 } }""", BilledUnit.InputSecond, 100_000_000)]
    [InlineData("""{ "per_million_tokens": { "input": 0, "output": 0 }, "per_hour": { "output": 0.111 } }""", BilledUnit.OutputSecond, 30_833_334)]
    [InlineData("""{ "per_million_tokens": { "input": 0, "output": 0 }, "per_thousand_calls": { "web_search": 10 } }""", BilledUnit.WebSearch, 10_000_000_000)]
    [InlineData("""{ "per_million_tokens": { "input": 0, "output": 0 }, "per_session": { "code": 0.03 } }""", BilledUnit.CodeSession, 30_000_000_000)]
    [InlineData("""{ "per_million_tokens": { "input": 0, "output": 0 }, "per_image": 0.04 }""", BilledUnit.Image, 40_000_000_000)]
    public void PicoPerUnit_EveryGroup_ScaledExactlyAndUp(string prices, BilledUnit unit, long pico)
    {
        var price = WithPrices(prices);
        Assert.Equal(pico, price.PicoPerUnit(unit));
        Assert.False(price.IsFree);
    }

    [Theory]
    [InlineData(1_000, 4_000)]
    [InlineData(1_001, 6_006)]
    public void Cost_PromptAroundTheThreshold_WholeRequestChangesPrice(long input, long microUsd) =>
        Assert.Equal(new NanoUsd(microUsd * 1_000), WithPrices(Full, Rest).Cost(Usage((BilledUnit.InputToken, input)), ServiceTier.Standard).CeilToNano());

    [Fact]
    public void Cost_CachedWrittenAudioAndImageTokens_CountTowardsTheThreshold()
    {
        var price = WithPrices(Full, Rest);
        BilledUnit[] prompt = [BilledUnit.InputToken, BilledUnit.CachedInputToken, BilledUnit.CacheWrite5mToken, BilledUnit.CacheWrite1hToken,
            BilledUnit.AudioInputToken, BilledUnit.CachedAudioInputToken, BilledUnit.ImageInputToken, BilledUnit.CachedImageInputToken];
        foreach (var unit in prompt)
        {
            var usage = Usage((unit, 1_001), (BilledUnit.OutputToken, 1));
            var outputPart = price.Cost(usage, ServiceTier.Standard).Value - (Int128)1_001 * price.PicoPerUnit(unit, longContext: true);
            Assert.True(outputPart == 25_000_000, unit.ToString());
        }
        Assert.Equal(20_000_000 * 2_000L, (long)price.Cost(Usage((BilledUnit.OutputToken, 2_000)), ServiceTier.Standard).Value);
    }

    [Theory]
    [InlineData(null, 120)]
    [InlineData("1024x1024/standard", 40)]
    [InlineData("1024x1024/hd", 80)]
    [InlineData("512x512/hd", 10)]
    [InlineData("512x512", 10)]
    [InlineData("9x9/hd", 120)]
    [InlineData("", 120)]
    public void Cost_PictureOfASize_PricedByItElseAsTheDearest(string? variant, int milliUsd)
    {
        var price = One("""
            { "provider": "acme", "model": "m1", "mode": "image", "source": "s", "as_of": "2026-08-06",
              "prices": { "per_image": { "1024x1024/standard": 0.04, "1024x1024/hd": 0.08, "512x512": 0.01, "huge": 0.12 } } }
            """);
        var cost = price.Cost(Usage((BilledUnit.Image, 3)), ServiceTier.Batch, variant);
        Assert.Equal(new NanoUsd(3L * milliUsd * 1_000_000), cost.CeilToNano());
        Assert.Equal(4, price.ImageVariants.Count);
    }

    [Fact]
    public void HighestPico_OfText_BoundsEveryPriceThatMayApply()
    {
        var price = WithPrices(Full, Rest);
        Assert.Equal(6_000_000, price.HighestInputPico(ServiceTier.Standard, cacheWrites: false));
        Assert.Equal(12_000_000, price.HighestInputPico(ServiceTier.Standard, cacheWrites: true));
        Assert.Equal(35_000_000, price.HighestOutputPico(ServiceTier.Standard));
        Assert.Equal(8_000_000, price.HighestInputPico(ServiceTier.Priority, cacheWrites: false));
        Assert.Equal(40_000_000, price.HighestOutputPico(ServiceTier.Priority));
        Assert.Equal(600_000, price.HighestPico(BilledUnit.CachedInputToken));
    }

    [Theory]
    [InlineData(0, 4_000_000, 8_000_000, 30_000_000)]
    [InlineData(1_000, 4_000_000, 8_000_000, 30_000_000)]
    [InlineData(1_001, 6_000_000, 12_000_000, 35_000_000)]
    [InlineData(long.MaxValue, 6_000_000, 12_000_000, 35_000_000)]
    public void HighestPico_PromptOfAtMostSoManyTokens_LongPriceOnlyWhereItCanApply(long promptTokens, long input, long withWrites, long output)
    {
        var price = WithPrices(Full, Rest);
        Assert.Equal(input, price.HighestInputPico(ServiceTier.Standard, cacheWrites: false, promptTokens));
        Assert.Equal(withWrites, price.HighestInputPico(ServiceTier.Standard, cacheWrites: true, promptTokens));
        Assert.Equal(output, price.HighestOutputPico(ServiceTier.Standard, promptTokens));
        Assert.Equal(input, price.HighestPico(BilledUnit.InputToken, ServiceTier.Standard, promptTokens));
        Assert.Equal(4_000_000, WithPrices(Full).HighestInputPico(ServiceTier.Standard, cacheWrites: false, promptTokens));
    }

    [Fact]
    public void HighestPico_EveryBuiltInModel_NeverBelowTheCost()
    {
        const int seed = 20260809;
        var random = new Random(seed);
        var tiers = Enum.GetValues<ServiceTier>();
        foreach (var price in PriceList.BuiltIn.Providers.SelectMany(PriceList.BuiltIn.For))
        {
            var tier = tiers[random.Next(tiers.Length)];
            var writes = random.Next(2) == 0;
            var usage = Usage(
                (BilledUnit.InputToken, random.Next(400_000)), (BilledUnit.CachedInputToken, random.Next(10_000)),
                (BilledUnit.CacheWrite5mToken, writes ? random.Next(10_000) : 0), (BilledUnit.CacheWrite1hToken, writes ? random.Next(10_000) : 0),
                (BilledUnit.OutputToken, random.Next(10_000)), (BilledUnit.ReasoningToken, random.Next(10_000)));
            var prompt = usage.PromptTokens;
            var bound = PicoUsd.Of(prompt, price.HighestInputPico(tier, writes, prompt)) + PicoUsd.Of(usage.CompletionTokens, price.HighestOutputPico(tier, prompt));
            Assert.True(price.Cost(usage, tier) <= bound, $"seed {seed}: {price.Provider}/{price.Model} {tier}: {usage}");
        }
    }

    [Fact]
    public void Cost_RandomUsage_MatchesBigInteger()
    {
        const int seed = 20260810;
        var random = new Random(seed);
        var price = WithPrices(Full, Rest);
        for (var round = 0; round < 5_000; round++)
        {
            var usage = default(UsageCounts);
            foreach (var unit in Enum.GetValues<BilledUnit>()) if (random.Next(3) == 0) usage[unit] = random.NextInt64(UsageCounts.MaxCount) >> random.Next(53);
            var tier = (ServiceTier)random.Next(5);
            var reference = BigInteger.Zero;
            foreach (var unit in Enum.GetValues<BilledUnit>()) reference += (BigInteger)usage[unit] * price.PicoPerUnit(unit, tier, usage.PromptTokens > 1_000);
            Assert.True((BigInteger)price.Cost(usage, tier).Value == reference, $"seed {seed}, round {round}: {tier} {usage}");
        }
    }

    [Fact]
    public void AC14_Cost_LargestCountsAtTheLargestPrice_ExactThenRefusedByTheRounding()
    {
        var price = WithPrices("""{ "per_million_tokens": { "input": 10000, "output": 10000 } }""");
        var usage = default(UsageCounts);
        foreach (var unit in Enum.GetValues<BilledUnit>()) usage[unit] = UsageCounts.MaxCount;
        var cost = price.Cost(usage, ServiceTier.Standard);
        Assert.Equal((Int128)UsageCounts.MaxCount * 10_000_000_000 * 12, cost.Value);
        Assert.Throws<OverflowException>(() => cost.CeilToNano());
    }

    [Fact]
    public void Cost_Called_DoesNotAllocate()
    {
        var price = PriceList.BuiltIn.Find("openai", "dall-e-3")!;
        var usage = Usage((BilledUnit.InputToken, 10), (BilledUnit.Image, 1));
        price.Cost(usage, ServiceTier.Standard, "1024x1024/hd");
        price.Cost(usage, ServiceTier.Standard, "9x9/none");
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
        {
            price.Cost(usage, ServiceTier.Flex, "1024x1024/hd");
            price.Cost(usage, ServiceTier.Standard, "9x9/none");
        }
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Fact]
    public void IsPriced_Tier_TrueForThoseTheListNames()
    {
        var price = WithPrices(Full, Rest);
        Assert.Equal([ServiceTier.Standard, ServiceTier.Flex, ServiceTier.Priority], Enum.GetValues<ServiceTier>().Where(price.IsPriced));
    }

    [Fact]
    public void AC16_IsFree_EverythingAtZero_True()
    {
        var price = WithPrices("""{ "per_million_tokens": { "input": 0, "output": 0 } }""");
        Assert.True(price.IsFree);
        Assert.Equal(PicoUsd.Zero, price.Cost(Usage((BilledUnit.InputToken, 1_000_000)), ServiceTier.Standard));
    }

    [Fact]
    public void MaxTokensPerImage_NotGiven_IsTheSafeDefault()
    {
        Assert.Equal(ModelPrice.DefaultMaxTokensPerImage, WithPrices(Full).MaxTokensPerImage);
        Assert.Equal(1_445, WithPrices(Full, """, "image_tokens_max": 1445 """).MaxTokensPerImage);
    }
}
