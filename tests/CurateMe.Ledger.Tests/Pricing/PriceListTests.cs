using System.Text;
using CurateMe.Ledger.Pricing;
using Xunit;
using static CurateMe.Ledger.Tests.Pricing.Prices;

namespace CurateMe.Ledger.Tests.Pricing;

public sealed class PriceListTests
{
    const string Later = """{ "provider": "acme", "model": "m1", "source": "contract 7", "as_of": "2026-09-01", "prices": { "per_million_tokens": { "input": 0.5 } } }""";

    static string Aliased(params string[] aliases) =>
        Row.Replace("\"mode\"", $"\"aliases\": [{string.Join(",", aliases.Select(alias => $"\"{alias}\""))}], \"mode\"", StringComparison.Ordinal);

    [Fact]
    public void Find_NameThenAliasThenNothing_Ordinal()
    {
        var list = Load(File(Aliased("m1-2026", "älias")));
        var price = list.Find("acme", "m1");
        Assert.NotNull(price);
        Assert.Same(price, list.Find("acme", "m1-2026"));
        Assert.Same(price, list.Find("acme".AsSpan(), "älias".AsSpan()));
        Assert.Same(price, list.Find("acme", "m1-2026"u8));
        Assert.Same(price, list.Find("acme", "älias"u8));
        Assert.Null(list.Find("acme", "M1"));
        Assert.Null(list.Find("Acme", "m1"));
        Assert.Null(list.Find("acme", ""));
        Assert.Null(list.Find("acme", [0xff, 0xfe]));
        Assert.Null(list.Find("acme", Encoding.UTF8.GetBytes(new string('m', PriceList.MaxNameLength + 1))));
        Assert.Equal(["acme"], list.Providers);
        Assert.Equal([price], list.For("acme"));
        Assert.Empty(list.For("nobody"));
    }

    [Fact]
    public void Find_RowForAnyModel_AnswersWhatHasNoRowOfItsOwn()
    {
        var list = Load(File(Row, Row.Replace("\"m1\"", "\"*\"", StringComparison.Ordinal).Replace("\"input\": 1", "\"input\": 0", StringComparison.Ordinal)));
        Assert.Equal("m1", list.Find("acme", "m1")!.Model);
        Assert.Equal("*", list.Find("acme", "anything/at:all")!.Model);
        Assert.Null(list.Find("other", "anything"));
    }

    [Theory]
    [InlineData("ft:base:owner::id", "ft:base")]
    [InlineData("ft:base:owner:suffix:id", "ft:base")]
    [InlineData("ft:base", "ft:base")]
    [InlineData("ft:other:owner::id", null)]
    [InlineData("ft::owner", null)]
    [InlineData("xft:base:owner", null)]
    public void Find_TunedModel_PricedAsItsBase(string model, string? row) =>
        Assert.Equal(row, Load(File(Row.Replace("\"m1\"", "\"ft:base\"", StringComparison.Ordinal))).Find("acme", model)?.Model);

    [Fact]
    public void Find_Called_DoesNotAllocate()
    {
        var list = PriceList.BuiltIn;
        list.Find("openai", "gpt-4o"u8);
        list.Find("openai", "gpt-4o-2024-08-06".AsSpan());
        list.Find("ollama", "llama"u8);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
        {
            list.Find("openai", "gpt-4o"u8);
            list.Find("openai", "gpt-4o-2024-08-06".AsSpan());
            list.Find("ollama", "llama"u8);
        }
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Fact]
    public void Load_LaterRow_AmendsTheEarlierOne()
    {
        var first = Aliased("alias").Replace("\"mode\"", "\"max_output_tokens\": 77, \"mode\"", StringComparison.Ordinal);
        var price = Load(File(first), File(Later)).Find("acme", "alias")!;
        Assert.Equal(500_000, price.PicoPerUnit(BilledUnit.InputToken));
        Assert.Equal(2_000_000, price.PicoPerUnit(BilledUnit.OutputToken));
        Assert.Equal(77, price.MaxOutputTokens);
        Assert.Equal("contract 7", price.Source);
        Assert.Equal(new DateOnly(2026, 9, 1), price.AsOf);
    }

    [Fact]
    public void Load_LaterRowUnderAnAlias_AmendsTheRowItStandsFor()
    {
        var list = Load(File(Aliased("alias")), File(Later.Replace("\"m1\"", "\"alias\"", StringComparison.Ordinal)));
        Assert.Equal(500_000, list.Find("acme", "m1")!.PicoPerUnit(BilledUnit.InputToken));
        Assert.Same(list.Find("acme", "m1"), list.Find("acme", "alias"));
    }

    [Fact]
    public void Load_LaterRowTakesAnAlias_EarlierRowLosesIt()
    {
        var taker = Row.Replace("\"model\": \"m1\"", "\"model\": \"m2\", \"aliases\": [\"alias\"]", StringComparison.Ordinal);
        var list = Load(File(Aliased("alias")), File(taker));
        Assert.Equal("m2", list.Find("acme", "alias")!.Model);
        Assert.Empty(list.Find("acme", "m1")!.Aliases);
        var without = Later.Replace("\"source\"", "\"aliases\": [], \"source\"", StringComparison.Ordinal);
        Assert.Equal("m2", Load(File(Aliased("alias")), File(taker), File(without)).Find("acme", "alias")!.Model);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Load_LaterRowLeavesAnAliasOut_ItMayHaveARowOfItsOwn(bool ownFirst)
    {
        var without = Later.Replace("\"source\"", "\"aliases\": [\"kept\"], \"source\"", StringComparison.Ordinal);
        var own = Row.Replace("\"m1\"", "\"left\"", StringComparison.Ordinal).Replace("\"input\": 1", "\"input\": 9", StringComparison.Ordinal);
        var list = Load(File(Aliased("left", "kept")), ownFirst ? File(own, without) : File(without, own));
        Assert.Equal(9_000_000, list.Find("acme", "left")!.PicoPerUnit(BilledUnit.InputToken));
        Assert.Equal(500_000, list.Find("acme", "m1")!.PicoPerUnit(BilledUnit.InputToken));
        Assert.Same(list.Find("acme", "m1"), list.Find("acme", "kept"));
    }

    [Fact]
    public void Load_LaterRowUnderAnAliasGivesAliases_KeepsTheNameItIsWrittenBy()
    {
        var later = Later.Replace("\"m1\"", "\"alias\", \"aliases\": [\"more\"]", StringComparison.Ordinal);
        var list = Load(File(Aliased("alias")), File(later));
        Assert.Equal(["m1", "m1", "m1"], new[] { "m1", "alias", "more" }.Select(name => list.Find("acme", name)?.Model));
    }

    [Fact]
    public void Load_LaterRowOfTiersLongContextAndPictures_AmendsWhatItNames()
    {
        const string earlier = """
            { "provider": "acme", "model": "m1", "mode": "chat", "source": "s", "as_of": "2026-08-06",
              "prices": { "per_million_tokens": { "input": 1, "output": 2 }, "per_image": { "small": 0.1, "large": 0.2 } },
              "tiers": { "flex": { "per_million_tokens": { "input": 0.5, "output": 1 } } },
              "long_context": { "above_prompt_tokens": 10, "prices": { "per_million_tokens": { "input": 3, "output": 4 } } } }
            """;
        const string later = """
            { "provider": "acme", "model": "m1", "source": "s", "as_of": "2026-08-07", "prices": { "per_image": 0.3 },
              "tiers": { "flex": { "per_million_tokens": { "input": 0.25 } }, "batch": { "per_million_tokens": { "output": 0.75 } } },
              "long_context": { "above_prompt_tokens": 20, "prices": { "per_million_tokens": { "output": 5 } } } }
            """;
        var price = Load(File(earlier), File(later)).Find("acme", "m1")!;
        Assert.Equal(250_000, price.PicoPerUnit(BilledUnit.InputToken, ServiceTier.Flex));
        Assert.Equal(1_000_000, price.PicoPerUnit(BilledUnit.OutputToken, ServiceTier.Flex));
        Assert.Equal(750_000, price.PicoPerUnit(BilledUnit.OutputToken, ServiceTier.Batch));
        Assert.Equal(20, price.LongContextThreshold);
        Assert.Equal(3_000_000, price.PicoPerUnit(BilledUnit.InputToken, longContext: true));
        Assert.Equal(5_000_000, price.PicoPerUnit(BilledUnit.OutputToken, longContext: true));
        Assert.Equal(300_000_000_000, price.PicoPerImage("small"));
    }

    [Fact]
    public void Load_LaterTableOfPictures_ReplacesTheEarlierAndChangesTheVersion()
    {
        static string Table(string counts) => Row.Replace(
            "\"mode\"", $"\"generated_image_tokens_max\": 90, \"generated_image_tokens\": {{ \"source\": \"s\", \"as_of\": \"2026-08-06\", \"by_size_and_quality\": {{ {counts} }} }}, \"mode\"", StringComparison.Ordinal);
        var (earlier, later) = (File(Table("\"1024x1024/low\": 10, \"auto/low\": 20")), File(Table("\"1024x1024/low\": 11")));
        var price = Load(earlier, later).Find("acme", "m1")!;
        Assert.Equal((11L, 90L, 90L), (price.TokensPerGeneratedImage("1024x1024", "low"), price.TokensPerGeneratedImage(null, "low"), price.TokensPerGeneratedImage("1024x1024", null)));
        Assert.Equal(20, Load(earlier, File(Row)).Find("acme", "m1")!.TokensPerGeneratedImage(null, "low"));
        Assert.NotEqual(Load(earlier).Version, Load(earlier, later).Version);
    }

    [Fact]
    public void Load_EveryModel_GivesEachRowWhatItDoesNotSay()
    {
        var list = Load($$"""
            { "provider": "acme", "source": "s", "as_of": "2026-08-06", "every_model": { "per_thousand_calls": { "web_search": 10 } },
              "models": [ { "model": "a", "mode": "chat", "prices": { "per_million_tokens": { "input": 1, "output": 2 } } },
                          { "model": "b", "mode": "chat", "prices": { "per_million_tokens": { "input": 1, "output": 2 }, "per_thousand_calls": { "web_search": 25 } } } ] }
            """);
        Assert.Equal(10_000_000_000, list.Find("acme", "a")!.PicoPerUnit(BilledUnit.WebSearch));
        Assert.Equal(25_000_000_000, list.Find("acme", "b")!.PicoPerUnit(BilledUnit.WebSearch));
    }

    [Fact]
    public void Load_EveryModelOfALaterFile_GoesToRowsWithoutPricesToo()
    {
        const string later = """
            { "provider": "acme", "source": "contract 7", "as_of": "2026-09-01", "every_model": { "per_thousand_calls": { "web_search": 12 } },
              "models": [ { "model": "m1", "max_output_tokens": 9 } ] }
            """;
        var price = Load(File(Row), later).Find("acme", "m1")!;
        Assert.Equal((12_000_000_000, 1_000_000), (price.PicoPerUnit(BilledUnit.WebSearch), price.PicoPerUnit(BilledUnit.InputToken)));
    }

    [Fact]
    public void LoadOver_OperatorsFile_AmendsTheBuiltInList()
    {
        const string contract = """{ "models": [ { "provider": "openai", "model": "gpt-4o", "source": "contract 7", "as_of": "2026-09-01", "prices": { "per_million_tokens": { "input": 2 } } } ] }""";
        using var json = new MemoryStream(Encoding.UTF8.GetBytes(contract));
        var list = PriceList.LoadOver([("prices.json", json)]);
        Assert.Equal(2_000_000, list.Find("openai", "gpt-4o-2024-08-06")!.PicoPerUnit(BilledUnit.InputToken));
        Assert.Equal(1_250_000, list.Find("openai", "gpt-4o")!.PicoPerUnit(BilledUnit.CachedInputToken));
        Assert.NotEqual(PriceList.BuiltIn.Version, list.Version);
    }

    [Fact]
    public void Version_SameFigures_SameWhateverTheFilesLookLike()
    {
        var other = Row.Replace("\"m1\"", "\"m2\"", StringComparison.Ordinal);
        var version = Load(File(Row, other)).Version;
        Assert.Matches("^[0-9a-f]{12}$", version);
        Assert.Equal(version, Load(File(other), File(Row)).Version);
        Assert.Equal(version, Load(File(other, Row.Replace("\"input\": 1,", "\"input\": 1.000,", StringComparison.Ordinal))).Version);
    }

    [Theory]
    [InlineData("\"input\": 1", "\"input\": 1.000001")]
    [InlineData("\"m1\"", "\"m3\"")]
    [InlineData("\"mode\"", "\"aliases\": [\"m9\"], \"mode\"")]
    [InlineData("\"mode\"", "\"max_output_tokens\": 5, \"mode\"")]
    [InlineData("\"per_million_tokens\"", "\"per_image\": {\"small\": 1, \"large\": 2}, \"per_million_tokens\"")]
    [InlineData("\"prices\"", "\"tiers\": { \"flex\": { \"per_million_tokens\": { \"input\": 0.5 } } }, \"prices\"")]
    public void Version_AnotherFigure_Another(string piece, string replacement) =>
        Assert.NotEqual(Load(File(Row)).Version, Load(File(Row.Replace(piece, replacement, StringComparison.Ordinal))).Version);
}
