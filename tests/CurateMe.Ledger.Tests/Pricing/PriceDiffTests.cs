using System.Text;
using CurateMe.Ledger.Pricing;
using Xunit;
using static CurateMe.Ledger.Tests.Pricing.Prices;

namespace CurateMe.Ledger.Tests.Pricing;

public sealed class PriceDiffTests
{
    const string Source = "https://models.test/api.json";
    static readonly DateOnly Day = new(2026, 9, 1);

    static PriceList Known(string rest = "", string prices = """{ "per_million_tokens": { "input": 1, "cached_input": 0.1, "output": 2 } }""") => Load(File($$"""
        { "provider": "openai", "model": "m1", "aliases": ["m1-latest"], "mode": "chat", "max_output_tokens": 100, "source": "s", "as_of": "2026-08-06", "prices": {{prices}}{{rest}} }
        """));

    static string Catalogue(string model, string provider = "openai") => $$"""{ "{{provider}}": { "id": "{{provider}}", "models": { {{model}} } } }""";

    static PriceDiff Compare(PriceList list, string json, params string[] providers)
    {
        using var stream = new MemoryStream(Encoding.UTF8.GetBytes(json));
        return PriceDiff.Compare(list, stream, Source, Day, providers.Length == 0 ? null : providers);
    }

    static string Written(PriceDiff diff)
    {
        using var stream = new MemoryStream();
        diff.WriteFile(stream);
        return Encoding.UTF8.GetString(stream.ToArray());
    }

    [Fact]
    public void Compare_SameFigures_NothingToDo()
    {
        var diff = Compare(Known(), Catalogue("""
            "m1": { "cost": { "input": 1.00, "output": 2, "cache_read": 0.1, "cache_write": 1 }, "limit": { "context": 1000, "output": 100 } }
            """));
        Assert.Empty(diff.Changes);
        Assert.Empty(diff.Notes);
        Assert.DoesNotContain("m1", Written(diff), StringComparison.Ordinal);
    }

    [Fact]
    public void Compare_OtherPricesAndLimit_ListedAndFollowedByTheFile()
    {
        var list = Known();
        var diff = Compare(list, Catalogue("""
            "m1-latest": { "cost": { "input": 0.9, "output": 3, "cache_read": 0.09 }, "limit": { "output": 200 } }
            """));
        PriceChange[] expected =
        [
            new("openai", "m1", PriceChangeKind.Cheaper, "prices.per_million_tokens.input", "1", "0.9"),
            new("openai", "m1", PriceChangeKind.Cheaper, "prices.per_million_tokens.cached_input", "0.1", "0.09"),
            new("openai", "m1", PriceChangeKind.Dearer, "prices.per_million_tokens.output", "2", "3"),
            new("openai", "m1", PriceChangeKind.Limit, "max_output_tokens", "100", "200"),
        ];
        Assert.Equal(expected, diff.Changes);

        var row = """
            { "provider": "openai", "model": "m1", "aliases": ["m1-latest"], "mode": "chat", "max_output_tokens": 100, "source": "s", "as_of": "2026-08-06",
              "prices": { "per_million_tokens": { "input": 1, "cached_input": 0.1, "output": 2 } } }
            """;
        var after = Load(File(row), Written(diff)).Find("openai", "m1-latest")!;
        Assert.Equal([900_000L, 90_000L, 3_000_000L], new[] { BilledUnit.InputToken, BilledUnit.CachedInputToken, BilledUnit.OutputToken }.Select(unit => after.PicoPerUnit(unit)));
        Assert.Equal((200, Source, Day), (after.MaxOutputTokens, after.Source, after.AsOf));
    }

    [Fact]
    public void Compare_NewModel_WrittenWhole()
    {
        var diff = Compare(Known(), Catalogue("""
            "m2": { "modalities": { "output": ["text"] }, "cost": { "input": 2, "output": 8, "cache_read": 0.2, "context_over_200k": { "input": 4, "output": 12 } }, "limit": { "context": 1000, "output": 50 } }
            """));
        Assert.All(diff.Changes, change => Assert.Equal((PriceChangeKind.New, "m2"), (change.Kind, change.Model)));
        var after = Load(Written(diff)).Find("openai", "m2")!;
        Assert.Equal((1000, 50, 200_000), (after.MaxInputTokens, after.MaxOutputTokens, after.LongContextThreshold));
        Assert.Equal(200_000, after.PicoPerUnit(BilledUnit.CachedInputToken));
        Assert.Equal(4_000_000, after.PicoPerUnit(BilledUnit.CachedInputToken, longContext: true));
        Assert.Equal(12_000_000, after.PicoPerUnit(BilledUnit.OutputToken, longContext: true));
    }

    [Theory]
    [InlineData("""{ "cost": { "input": 0, "output": 0 } }""", "listed at 0")]
    [InlineData("""{ "cost": { "input": 1 } }""", "add it by hand")]
    [InlineData("""{ "modalities": { "output": ["image"] }, "cost": { "input": 1, "output": 2 } }""", "add it by hand")]
    [InlineData("""{ "cost": { "input": -1, "output": 2 } }""", "cost.input is not a believable price")]
    [InlineData("""{ "cost": { "input": 1e308, "output": 2 } }""", "cost.input is not a believable price")]
    [InlineData("""{ "cost": { "input": "NaN", "output": 2 } }""", "cost.input is not a believable price")]
    [InlineData("""{ "cost": { "input": 0.30000000000000004, "output": 2 } }""", "cost.input is not a believable price")]
    [InlineData("""{ "cost": { "input": 1, "output": 2, "context_over_200k": { "input": -4 } } }""", "cost.context_over_200k.input is not a believable price")]
    public void AC14_Compare_NewModelThatCannotBeTrusted_NotedAndLeftOut(string model, string note)
    {
        var diff = Compare(Known(), Catalogue($"\"m2\": {model}"));
        Assert.Contains(note, Assert.Single(diff.Notes), StringComparison.Ordinal);
        Assert.Empty(diff.Changes);
    }

    [Fact]
    public void Compare_NameThatNoCallerCanSend_NotedAndLeftOut() =>
        Assert.Contains("a name with blanks", Assert.Single(Compare(Known(), Catalogue(""" "m 2": { "cost": { "input": 1, "output": 2 } } """)).Notes), StringComparison.Ordinal);

    [Fact]
    public void Compare_FreeModelThatSaysSo_Taken() =>
        Assert.Equal(2, Compare(Known(), Catalogue("""  "m2:free": { "cost": { "input": 0, "output": 0 } } """)).Changes.Count);

    [Fact]
    public void Compare_PriceFallsToZero_NotFollowed()
    {
        var diff = Compare(Known(), Catalogue(""" "m1": { "cost": { "input": 0, "output": 2 } } """));
        Assert.Empty(diff.Changes);
        Assert.Contains("prices.per_million_tokens.input falls from 1 to 0", Assert.Single(diff.Notes), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(200_000)]
    [InlineData(199_999)]
    public void Compare_LongContextPrices_FollowedAtTheListsThreshold(long threshold)
    {
        var rest = $$""", "long_context": { "above_prompt_tokens": {{threshold}}, "prices": { "per_million_tokens": { "input": 2, "cached_input": 0.2, "output": 4 } } }""";
        var diff = Compare(Known(rest), Catalogue(""" "m1": { "cost": { "input": 1, "output": 2, "context_over_200k": { "input": 2.5, "output": 4 } } } """));
        Assert.Equal(new PriceChange("openai", "m1", PriceChangeKind.Dearer, "long_context.prices.per_million_tokens.input", "2", "2.5"), Assert.Single(diff.Changes));
        Assert.Contains($"\"above_prompt_tokens\": {threshold}", Written(diff), StringComparison.Ordinal);
    }

    [Fact]
    public void Compare_LongContextAtAnotherThreshold_NotedOnly()
    {
        const string rest = """, "long_context": { "above_prompt_tokens": 272000, "prices": { "per_million_tokens": { "input": 2, "cached_input": 0.2, "output": 4 } } }""";
        var diff = Compare(Known(rest), Catalogue(""" "m1": { "cost": { "input": 1, "output": 2, "context_over_200k": { "input": 9 } } } """));
        Assert.Empty(diff.Changes);
        Assert.Contains("begin at 272000 tokens in the list", Assert.Single(diff.Notes), StringComparison.Ordinal);
    }

    [Fact]
    public void Compare_LongPricesWithTheirThreshold_ComparedAtIt()
    {
        const string rest = """, "long_context": { "above_prompt_tokens": 272000, "prices": { "per_million_tokens": { "input": 2, "cached_input": 0.2, "output": 4 } } }""";
        var diff = Compare(Known(rest), Catalogue("""
            "m1": { "cost": { "input": 1, "output": 2, "tiers": [ { "tier": { "type": "context", "size": 272000 }, "input": 2, "output": 5, "cache_read": 0.2 } ], "context_over_200k": { "input": 9 } } }
            """));
        Assert.Equal(new PriceChange("openai", "m1", PriceChangeKind.Dearer, "long_context.prices.per_million_tokens.output", "4", "5"), Assert.Single(diff.Changes));
    }

    [Theory]
    [InlineData("""[ { "tier": { "type": "moon", "size": 1 }, "input": 2 } ]""")]
    [InlineData("""[ { "input": 2 } ]""")]
    [InlineData("""[ { "tier": { "type": "context", "size": 1000 }, "input": 2 }, { "tier": { "type": "context", "size": 2000 }, "input": 3 } ]""")]
    public void Compare_TiersOfAnotherShape_ModelNotedAndLeftOut(string tiers)
    {
        var diff = Compare(Known(), Catalogue($$""" "m1": { "cost": { "input": 5, "output": 6, "tiers": {{tiers}} } } """));
        Assert.Empty(diff.Changes);
        Assert.Contains("cost.tiers is not one tier of context", Assert.Single(diff.Notes), StringComparison.Ordinal);
    }

    [Fact]
    public void Compare_ModesOfAModel_AreTiers()
    {
        const string json = """
            "m1": { "cost": { "input": 1, "output": 2 }, "experimental": { "modes": {
              "fast": { "cost": { "input": 2, "output": 5 }, "provider": { "body": { "service_tier": "priority" } } },
              "quick": { "cost": { "input": 6 }, "provider": { "body": { "speed": "fast" } } },
              "other": { "cost": { "input": 7 }, "provider": { "body": { "mood": "good" } } } } } }
            """;
        const string tiers = """, "tiers": { "priority": { "per_million_tokens": { "input": 2, "output": 4 } } }""";
        var diff = Compare(Known(tiers), Catalogue(json));
        Assert.Equal(
            [
                new PriceChange("openai", "m1", PriceChangeKind.Dearer, "tiers.priority.per_million_tokens.output", "4", "5"),
                new PriceChange("openai", "m1", PriceChangeKind.Dearer, "tiers.fast.per_million_tokens.input", null, "6"),
            ], diff.Changes);
        Assert.Contains("\"fast\"", Written(diff), StringComparison.Ordinal);
    }

    [Fact]
    public void Compare_NewLongContextPrices_NoTextUnitIsLeftAtTheShortPrice()
    {
        var list = Known();
        var diff = Compare(list, Catalogue(""" "m1": { "cost": { "input": 1, "output": 2, "context_over_200k": { "input": 2, "output": 3 } } } """));
        var row = """
            { "provider": "openai", "model": "m1", "mode": "chat", "source": "s", "as_of": "2026-08-06", "prices": { "per_million_tokens": { "input": 1, "cached_input": 0.1, "output": 2 } } }
            """;
        var after = Load(File(row), Written(diff)).Find("openai", "m1")!;
        Assert.Equal(2_000_000, after.PicoPerUnit(BilledUnit.CachedInputToken, longContext: true));
        Assert.Equal(3_000_000, after.PicoPerUnit(BilledUnit.ReasoningToken, longContext: true));
    }

    [Fact]
    public void Compare_PricesACatalogueCannotGive_NamedInTheNoteOfTheRow()
    {
        var list = Known(""", "tiers": { "flex": { "per_million_tokens": { "input": 0.5 } }, "batch": { "per_million_tokens": { "input": 0.5 } } }""",
            """{ "per_million_tokens": { "input": 1, "cache_write_5m": 1.25, "cache_write_1h": 2, "output": 2 } }""");
        var diff = Compare(list, Catalogue(""" "m1": { "cost": { "input": 1.1, "output": 2 } } """));
        Assert.Contains("compare by hand: cache_write_1h, tiers.flex, tiers.batch", Written(diff), StringComparison.Ordinal);
    }

    [Fact]
    public void Compare_Providers_NamedAsThisProductDoesAndOnlyThoseAsked()
    {
        const string json = """
            { "togetherai": { "models": { "a": { "cost": { "input": 1, "output": 2 } } } },
              "moonshotai": { "models": { "b": { "cost": { "input": 1, "output": 2 } } } },
              "unheard-of": { "models": { "c": { "cost": { "input": 1, "output": 2 } } } },
              "openai": { "models": { "no-cost": { }, "d": { "cost": { "input": 1, "output": 2 } } } } }
            """;
        Assert.Equal(["moonshot", "openai", "together"], Compare(PriceList.BuiltIn, json).Changes.Select(change => change.Provider).Distinct());
        Assert.Equal(["together"], Compare(PriceList.BuiltIn, json, "together").Changes.Select(change => change.Provider).Distinct());
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{ \"openai\": ")]
    public void Compare_NotACatalogue_Refused(string json) => Assert.Throws<InvalidDataException>(() => Compare(PriceList.BuiltIn, json));

    [Fact]
    public void WriteFile_OverTheBuiltInList_IsAValidPriceFileAndThenNothingDiffers()
    {
        const string json = """
            { "openai": { "models": { "gpt-4o": { "cost": { "input": 2.25, "output": 9, "cache_read": 1.125 }, "limit": { "output": 32768 } },
                                      "gpt-9": { "cost": { "input": 7, "output": 70, "cache_read": 0.7, "context_over_200k": { "input": 14, "output": 105, "cache_read": 1.4 } } } } },
              "google": { "models": { "gemini-2.5-pro": { "cost": { "input": 1.5, "output": 11, "cache_read": 0.15, "context_over_200k": { "input": 3, "output": 16.5, "cache_read": 0.3 } } } } } }
            """;
        var first = Compare(PriceList.BuiltIn, json);
        Assert.NotEmpty(first.Changes);
        using var stream = new MemoryStream(Encoding.UTF8.GetBytes(Written(first)));
        var followed = PriceList.LoadOver([("update.json", stream)]);
        Assert.Empty(Compare(followed, json).Changes);
        Assert.Equal(16_500_000, followed.Find("google", "gemini-2.5-pro")!.PicoPerUnit(BilledUnit.OutputToken, longContext: true));
    }
}
