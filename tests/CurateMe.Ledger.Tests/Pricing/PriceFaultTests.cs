using System.Text;
using CurateMe.Ledger.Pricing;
using Xunit;
using static CurateMe.Ledger.Tests.Pricing.Prices;

namespace CurateMe.Ledger.Tests.Pricing;

public sealed class PriceFaultTests
{
    static IReadOnlyList<string> Faults(params string[] files) => Assert.Throws<PriceListException>(() => Load(files)).Faults;

    /// <summary>The smallest valid row with one piece of its text replaced.</summary>
    static string RowWith(string piece, string replacement)
    {
        Assert.Contains(piece, Row, StringComparison.Ordinal);
        return Row.Replace(piece, replacement, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_SmallestRow_NoFault() => Assert.Equal(1_000_000, One(Row).PicoPerUnit(BilledUnit.InputToken));

    [Theory]
    [InlineData("\"input\": 1", "\"input\": -1", "prices.per_million_tokens.input is -1; a price is 0 or more")]
    [InlineData("\"input\": 1", "\"input\": -0.000001", "prices.per_million_tokens.input is -0.000001; a price is 0 or more")]
    [InlineData("\"input\": 1", "\"input\": \"NaN\"", "prices.per_million_tokens.input is \"NaN\"; write dollars per million tokens as a number without quotes")]
    [InlineData("\"input\": 1", "\"input\": \"1.0\"", "prices.per_million_tokens.input is \"1.0\"; write dollars per million tokens as a number without quotes")]
    [InlineData("\"input\": 1", "\"input\": null", "prices.per_million_tokens.input is null; write dollars per million tokens as a number without quotes")]
    [InlineData("\"input\": 1", "\"input\": 1e308", "prices.per_million_tokens.input is 1e308, which nobody charges; write dollars per million tokens, at most 10000")]
    [InlineData("\"input\": 1", "\"input\": 9007199254740993", "prices.per_million_tokens.input is 9007199254740993, which nobody charges; write dollars per million tokens, at most 10000")]
    [InlineData("\"input\": 1", "\"input\": 10000.000001", "prices.per_million_tokens.input is 10000.000001, which nobody charges; write dollars per million tokens, at most 10000")]
    [InlineData("\"input\": 1", "\"input\": 0.0000001", "prices.per_million_tokens.input is 0.0000001, finer than a pico-dollar per unit; write at most 6 decimals")]
    [InlineData("\"input\": 1", "\"input\": 1, \"per_image\": 1", "prices.per_million_tokens.per_image is not a field; write one of input, cached_input")]
    [InlineData("\"per_million_tokens\": {", "\"per_image\": 100.01, \"per_million_tokens\": {", "prices.per_image is 100.01, which nobody charges; write dollars per picture, at most 100")]
    [InlineData("\"per_million_tokens\": {", "\"per_image\": { \"1024x1024\": -3 }, \"per_million_tokens\": {", "prices.per_image.1024x1024 is -3; a price is 0 or more")]
    [InlineData("\"per_million_tokens\": {", "\"per_image\": {}, \"per_million_tokens\": {", "prices.per_image has no sizes or more than 200")]
    [InlineData("\"per_million_tokens\": {", "\"per_second\": { \"input\": 1 }, \"per_hour\": { \"input\": 1 }, \"per_million_tokens\": {", "prices.per_hour.input is priced twice")]
    [InlineData("\"per_million_tokens\": {", "\"per_hundred\": {}, \"per_million_tokens\": {", "prices.per_hundred is not a field; write one of per_million_tokens")]
    [InlineData("\"prices\": { \"per_million_tokens\": { \"input\": 1, \"output\": 2 } }", "\"prices\": []", "prices is not an object")]
    [InlineData("\"output\": 2", "\"reasoning\": 2", "prices.per_million_tokens.output is missing; a model that writes text needs it")]
    [InlineData("\"input\": 1,", "", "prices.per_million_tokens.input is missing; a model that reads text needs it")]
    [InlineData("\"input\": 1,", "\"input\": 1, \"cached_input\": 1.1,", "prices.per_million_tokens.cached_input is above per_million_tokens.input")]
    [InlineData("\"chat\"", "\"image\"", "the price of a picture is missing")]
    [InlineData("\"chat\"", "\"audio_transcription\"", "the price of audio is missing")]
    [InlineData("\"chat\"", "\"talk\"", "mode is not known; write one of chat, responses, embedding")]
    [InlineData("\"mode\": \"chat\",", "", "mode is missing; write one of chat, responses")]
    [InlineData("\"source\": \"https://acme.test/prices\",", "", "source is missing; name the page or the contract")]
    [InlineData("\"https://acme.test/prices\"", "\" \"", "source is not a text of 1 to 1000 characters")]
    [InlineData("\"as_of\": \"2026-08-06\",", "", "as_of is missing; write the day the figures were taken")]
    [InlineData("2026-08-06", "2026-02-30", "as_of is not a day; write it as \"2026-08-06\"")]
    [InlineData("\"mode\"", "\"max_output_tokens\": 0, \"mode\"", "max_output_tokens is 0; write a whole number above 0")]
    [InlineData("\"mode\"", "\"max_output_tokens\": -5, \"mode\"", "max_output_tokens is -5; write a whole number above 0")]
    [InlineData("\"mode\"", "\"max_input_tokens\": 1.5, \"mode\"", "max_input_tokens is 1.5; write a whole number above 0")]
    [InlineData("\"mode\"", "\"image_tokens_max\": 99999999999, \"mode\"", "image_tokens_max is 99999999999; write a whole number above 0")]
    [InlineData("\"mode\"", "\"generated_image_tokens\": 7, \"mode\"", "generated_image_tokens is not an object")]
    [InlineData("\"mode\"", "\"generated_image_tokens_max\": 9, \"generated_image_tokens\": { \"as_of\": \"2026-08-06\", \"by_size_and_quality\": { \"auto/low\": 9 } }, \"mode\"",
        "generated_image_tokens.source is missing; name the page")]
    [InlineData("\"mode\"", "\"generated_image_tokens_max\": 9, \"generated_image_tokens\": { \"source\": \"a\", \"by_size_and_quality\": { \"auto/low\": 9 } }, \"mode\"",
        "generated_image_tokens.as_of is missing; write the day")]
    [InlineData("\"mode\"", "\"generated_image_tokens_max\": 9, \"generated_image_tokens\": { TAKEN, \"by_size_and_quality\": {} }, \"mode\"",
        "generated_image_tokens.by_size_and_quality is not an object of 1 to 200 counts")]
    [InlineData("\"mode\"", "\"generated_image_tokens_max\": 9, \"generated_image_tokens\": { TAKEN }, \"mode\"",
        "generated_image_tokens.by_size_and_quality is not an object of 1 to 200 counts")]
    [InlineData("\"mode\"", "\"generated_image_tokens_max\": 9, \"generated_image_tokens\": { TAKEN, \"by_size_and_quality\": { \"1024x1024/low\": 0 } }, \"mode\"",
        "generated_image_tokens.by_size_and_quality.1024x1024/low is 0; write a whole number above 0")]
    [InlineData("\"mode\"", "\"generated_image_tokens_max\": 9, \"generated_image_tokens\": { TAKEN, \"by_size_and_quality\": { \"1024-x-1024/low\": 9 } }, \"mode\"",
        "generated_image_tokens.by_size_and_quality.1024-x-1024/low is not a size and a quality")]
    [InlineData("\"mode\"", "\"generated_image_tokens\": { TAKEN, \"by_size_and_quality\": { \"1024x1024/low\": 9 } }, \"mode\"", "generated_image_tokens_max is missing; sizes that are not in")]
    [InlineData("\"mode\"", "\"generated_image_tokens_max\": 9, \"generated_image_tokens\": { TAKEN, \"by_size_and_quality\": { \"1024x1024/low\": 10 } }, \"mode\"",
        "generated_image_tokens.by_size_and_quality.1024x1024/low is above generated_image_tokens_max, 9")]
    [InlineData("\"mode\"", "\"generated_image_tokens_max\": 9, \"generated_image_tokens\": { TAKEN, \"by_size_and_quality\": { \"1024x1024/low\": 9, \"auto/low\": 8 } }, \"mode\"",
        "generated_image_tokens.by_size_and_quality.auto/low is 8, below 1024x1024/low, which it may become")]
    [InlineData("\"mode\"", "\"aliases\": \"m2\", \"mode\"", "aliases is not a list of at most 200 names")]
    [InlineData("\"mode\"", "\"aliases\": [\"m 2\"], \"mode\"", "aliases is not a name of 1 to 256 characters without blanks")]
    [InlineData("\"mode\"", "\"aliases\": [\"m1\"], \"mode\"", "the name m1 is taken by m1 in the same file")]
    [InlineData("\"mode\"", "\"price\": 1, \"mode\"", "price is not a field; write one of provider, model, aliases")]
    [InlineData("\"prices\"", "\"tiers\": { \"turbo\": {} }, \"prices\"", "tiers.turbo is not a field; write one of flex, priority, fast, batch")]
    [InlineData("\"prices\"", "\"tiers\": { \"flex\": { \"per_image\": 1 } }, \"prices\"", "tiers.flex.per_image is not a field of a tier")]
    [InlineData("\"prices\"", "\"long_context\": { \"prices\": {} }, \"prices\"", "long_context.above_prompt_tokens is missing")]
    [InlineData("\"prices\"", "\"long_context\": { \"above_prompt_tokens\": 1000 }, \"prices\"", "long_context.prices is missing; write what long prompts cost")]
    [InlineData("\"prices\"", "\"long_context\": { \"above_prompt_tokens\": 1000, \"prices\": { \"per_million_tokens\": { \"input\": 2 } } }, \"prices\"",
        "long_context.prices.per_million_tokens.output is missing; write its price above 1000 tokens")]
    [InlineData("\"prices\"", "\"long_context\": { \"above_prompt_tokens\": 1000, \"prices\": { \"per_million_tokens\": { \"input\": 0.5, \"output\": 2 } } }, \"prices\"",
        "long_context.prices.per_million_tokens.input is below prices.per_million_tokens.input")]
    public void AC14_Load_OneFault_NamedWithPlaceAndRemedy(string piece, string replacement, string fault)
    {
        const string Taken = "\"source\": \"https://acme.test/pictures\", \"as_of\": \"2026-08-06\"";
        var text = Assert.Single(Faults(File(RowWith(piece, replacement.Replace("TAKEN", Taken, StringComparison.Ordinal)))));
        Assert.StartsWith("file1.json: acme/m1: " + fault, text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{ \"models\": [ NaN ] }", "file1.json: line 1: not JSON")]
    [InlineData("{\n\"models\": [ { \"model\": \"a\", \"model\": \"b\" } ] }", "file1.json: not JSON")]
    [InlineData("", "file1.json: line 1: not JSON")]
    [InlineData("[]", "file1.json: is not an object")]
    [InlineData("{}", "file1.json: models is missing; write a list of rows")]
    [InlineData("{ \"models\": {} }", "file1.json: models is missing; write a list of rows")]
    [InlineData("{ \"modles\": [], \"models\": [] }", "file1.json: modles is not a field; write one of provider, source")]
    [InlineData("{ \"models\": [ 7 ] }", "file1.json: models[0]: is not an object")]
    [InlineData("{ \"models\": [ { \"model\": \"a\" } ] }", "file1.json: a: provider is missing")]
    [InlineData("{ \"provider\": \"acme\", \"models\": [ { \"mode\": \"chat\" } ] }", "file1.json: models[0]: model is missing; write the name a caller sends")]
    [InlineData("{ \"provider\": \"Acme Inc\", \"models\": [ ] }", "file1.json: provider is not a name of 1 to 256 characters without blanks")]
    [InlineData("{ \"provider\": \"acme\", \"as_of\": 7, \"models\": [ ] }", "file1.json: as_of is not a day")]
    [InlineData("{ \"provider\": \"acme\", \"every_model\": { \"per_thousand_calls\": { \"web_search\": -1 } }, \"models\": [ ] }", "file1.json: every_model.per_thousand_calls.web_search is -1; a price is 0 or more")]
    public void AC14_Load_FileThatIsNotAPriceFile_NamedWithPlace(string json, string fault) =>
        Assert.Contains(Faults(json), text => text.StartsWith(fault, StringComparison.Ordinal));

    [Fact]
    public void Load_ManyFaultsInManyFiles_AllListedAtOnce()
    {
        var faults = Faults(
            File(RowWith("\"input\": 1", "\"input\": -1"), RowWith("\"m1\"", "\"m2\"").Replace("\"mode\": \"chat\",", "", StringComparison.Ordinal)),
            File(RowWith("2026-08-06", "yesterday").Replace("m1", "m3", StringComparison.Ordinal)),
            "not a price file");
        Assert.Contains(faults, fault => fault.StartsWith("file1.json: acme/m1: prices.per_million_tokens.input is -1", StringComparison.Ordinal));
        Assert.Contains(faults, fault => fault.StartsWith("file1.json: acme/m2: mode is missing", StringComparison.Ordinal));
        Assert.Contains(faults, fault => fault.StartsWith("file2.json: acme/m3: as_of is not a day", StringComparison.Ordinal));
        Assert.Contains(faults, fault => fault.StartsWith("file3.json: line 1: not JSON", StringComparison.Ordinal));
        var thrown = Assert.Throws<PriceListException>(() => Load("{}", "{}"));
        Assert.Equal(2, thrown.Faults.Count);
        Assert.All(thrown.Faults, fault => Assert.Contains(fault, thrown.Message, StringComparison.Ordinal));
    }

    [Fact]
    public void Load_TwoRowsOfOneNameInAFile_Refused()
    {
        Assert.Contains("the name m1 is taken by m1 in the same file", Assert.Single(Faults(File(Row, Row))), StringComparison.Ordinal);
        var second = RowWith("\"model\": \"m1\"", "\"model\": \"m2\", \"aliases\": [\"m1\"]");
        Assert.Contains("acme/m2: the name m1 is taken by m1", Assert.Single(Faults(File(Row, second))), StringComparison.Ordinal);
    }

    [Fact]
    public void Load_TwoRowsOfAFileForOneModel_Refused()
    {
        var earlier = File(RowWith("\"mode\"", "\"aliases\": [\"m1-2026\"], \"mode\""));
        var dated = RowWith("\"m1\"", "\"m1-2026\"").Replace("\"input\": 1", "\"input\": 9", StringComparison.Ordinal);
        Assert.StartsWith("file2.json: acme/m1-2026: stands for the same model, m1, as m1 in the same file; keep one of them", Assert.Single(Faults(earlier, File(Row, dated))), StringComparison.Ordinal);
        Assert.StartsWith("file2.json: acme/m1: stands for the same model, m1, as m1-2026 in the same file", Assert.Single(Faults(earlier, File(dated, Row))), StringComparison.Ordinal);
    }

    [Fact]
    public void Load_AliasThatHasARowInAnEarlierFile_Refused()
    {
        var taker = RowWith("\"model\": \"m1\"", "\"model\": \"m2\", \"aliases\": [\"m1\"]");
        Assert.StartsWith("file2.json: acme/m2: aliases names m1, which has a row of its own in an earlier file", Assert.Single(Faults(File(Row), File(taker))), StringComparison.Ordinal);
    }

    [Fact]
    public void Load_FileLargerThanTheLimit_Refused()
    {
        using var huge = new MemoryStream(Encoding.UTF8.GetBytes(new string(' ', PriceFile.MaxBytes + 1)));
        var thrown = Assert.Throws<PriceListException>(() => PriceList.Load([("huge.json", huge)]));
        Assert.Contains("huge.json: larger than", Assert.Single(thrown.Faults), StringComparison.Ordinal);
    }
}
