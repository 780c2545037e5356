using CurateMe.Client;
using CurateMe.Gateway.Proxy;
using CurateMe.Gateway.Tests.Acceptance;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Pricing;
using CurateMe.Ledger.Records;
using Xunit;

namespace CurateMe.Gateway.Tests.Providers;

/// <summary>What is held for pictures that are billed by tokens: what goes in, size and quality of each picture, and those shown on the way.</summary>
public sealed class ImageHoldTests
{
    const string Path = "/v1/images/generations";
    const long TextTokens = 4_096;

    static readonly PolicyDocument Generous = new() { MaxCostPerRequest = new MoneyLimit(NanoUsd.FromDollars(100)) };

    [Theory]
    [InlineData("gpt-image-1", "\"size\":\"1024x1024\",\"quality\":\"low\"", 1, 272)]
    [InlineData("gpt-image-1", "\"size\":\"1024x1536\",\"quality\":\"medium\"", 4, 4 * 1_584)]
    [InlineData("gpt-image-1", "\"size\":\"1536x1024\",\"quality\":\"high\",\"partial_images\":3", 2, 2 * (6_208 + 300))]
    [InlineData("gpt-image-1", "\"size\":\"auto\",\"quality\":\"low\"", 1, 408)]
    [InlineData("gpt-image-1", "\"quality\":\"medium\"", 1, 1_584)]
    [InlineData("gpt-image-1", "\"size\":\"1024x1024\"", 1, 4_160)]
    [InlineData("gpt-image-1", "\"size\":\"1024x1024\",\"quality\":\"LOW\"", 1, 6_240)]
    [InlineData("gpt-image-1", "\"size\":\"2048x2048\",\"quality\":\"low\"", 1, 6_240)]
    [InlineData("gpt-image-1", "\"user\":\"a\"", 1, 6_240)]
    [InlineData("gpt-image-1-mini", "\"size\":\"1024x1024\",\"quality\":\"low\"", 1, 688)]
    [InlineData("gpt-image-1.5-2025-12-16", "\"size\":\"1024x1536\",\"quality\":\"low\"", 1, 408)]
    [InlineData("gpt-image-2", "\"size\":\"1024x1024\",\"quality\":\"high\"", 1, 7_024)]
    [InlineData("gpt-image-2-2026-04-21", "\"size\":\"1536x1024\",\"quality\":\"medium\"", 1, 1_372)]
    [InlineData("gpt-image-2", "\"user\":\"a\"", 1, 23_719)]
    [InlineData("gpt-image-2", "\"size\":\"1040x1040\",\"quality\":\"low\"", 1, 65_536)]
    public async Task AC05_Pictures_AreHeldBySizeQualityAndNumber(string model, string fields, int n, long tokens)
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync(policy: Generous);
        var body = $$"""{"model":"{{model}}","prompt":"a cat","n":{{n}},{{fields}}}""";

        Assert.Equal(200, (await rig.AskAsync(key, body, path: Path)).Status);

        var price = rig.Prices.Find("openai", model)!;
        var bound = new PicoUsd(
            ((Int128)n * body.Length * price.PicoPerUnit(BilledUnit.ImageInputToken)) + ((Int128)tokens * price.PicoPerUnit(BilledUnit.ImageOutputToken))
            + ((Int128)TextTokens * price.PicoPerUnit(BilledUnit.OutputToken))).CeilToNano();
        var record = await rig.RecordAsync();
        Assert.Equal(bound, record.Hold);
        Assert.True(record.Cost <= record.Hold, $"{record.Cost} of {record.Hold}");
    }

    [Theory]
    [InlineData("gpt-image-1", "low", "1024x1024", 1, 272)]
    [InlineData("gpt-image-1", "high", "auto", 3, 3 * 6_240)]
    public async Task AC05_Edits_AreHeldByWhatGoesInForEachPicture(string model, string quality, string size, int n, long tokens)
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync(policy: Generous);
        using var form = new MultipartFormDataContent
        {
            { new StringContent(model), "model" }, { new StringContent("a cat"), "prompt" }, { new StringContent(quality), "quality" }, { new StringContent(size), "size" },
            { new StringContent($"{n}"), "n" }, { new ByteArrayContent([1, 2, 3]), "image[]", "a.png" }, { new ByteArrayContent([1, 2, 3]), "image[]", "b.png" },
        };
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/images/edits") { Content = form };

        var answer = await rig.SendAsync(key, request);

        Assert.True(answer.Status == 200, answer.ToString());
        var price = rig.Prices.Find("openai", model)!;
        var input = n * ("a cat".Length + (2L * price.MaxTokensPerImage));
        var bound = new PicoUsd(((Int128)input * price.PicoPerUnit(BilledUnit.ImageInputToken)) + ((Int128)tokens * price.PicoPerUnit(BilledUnit.ImageOutputToken))).CeilToNano();
        Assert.Equal(bound, (await rig.RecordAsync()).Hold);
    }

    [Fact]
    public async Task Pictures_TooDear_TheRemedySpeaksOfSizeQualityAndNumber()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync(policy: new PolicyDocument { MaxCostPerRequest = new MoneyLimit(NanoUsd.FromDollars(1)) });

        var answer = await rig.AskAsync(key, """{"model":"gpt-image-2","prompt":"a cat","n":10,"quality":"high"}""", path: Path);

        await rig.AssertRefusedAsync(answer, 403, "cost_per_request");
        AssertSpeaksOfPictures(answer);
    }

    [Fact]
    public async Task Pictures_BudgetTooSmall_TheRemedySpeaksOfSizeQualityAndNumber()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync(policy: Generous with { DailyBudget = new MoneyLimit(NanoUsd.FromDollars(1)) });

        var answer = await rig.AskAsync(key, """{"model":"gpt-image-2","prompt":"a cat","n":10,"quality":"high"}""", path: Path);

        await rig.AssertRefusedAsync(answer, 403, "daily_budget");
        AssertSpeaksOfPictures(answer);
    }

    static void AssertSpeaksOfPictures(Answer answer)
    {
        var remedy = answer.Error.GetProperty("remediation").GetString()!;
        Assert.All(["size", "quality", "(n)"], word => Assert.Contains(word, remedy, StringComparison.Ordinal));
        Assert.DoesNotContain("output tokens", remedy, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(OnMissingUsage.Estimate)]
    [InlineData(OnMissingUsage.Hold)]
    public async Task AC09_CompletedEventLargerThanTheLimit_IsChargedByWhatThePicturesMayCost(OnMissingUsage policy)
    {
        await using var upstream = new ScriptedUpstream();
        await using var rig = await GatewayRig.StartAsync(settings: s => upstream.Behind(s) with { Forward = new ForwardOptions { MaxEventBytes = 10_000 } });
        var key = await rig.KeyAsync(policy: Generous with { OnMissingUsage = policy });
        upstream.Answer(
            "data: {\"type\":\"image_edit.completed\",\"b64_json\":\"" + new string('A', 50_000) + "\",\"usage\":{\"input_tokens\":7000,\"output_tokens\":6240}}\n\n", type: "text/event-stream");
        using var form = new MultipartFormDataContent
        {
            { new StringContent("gpt-image-1"), "model" }, { new StringContent("a cat"), "prompt" }, { new StringContent("true"), "stream" },
            { new ByteArrayContent([1, 2, 3]), "image", "a.png" },
        };
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/images/edits") { Content = form };

        Assert.Equal(200, (await rig.SendAsync(key, request)).Status);

        var record = await rig.RecordAsync();
        var price = rig.Prices.Find("openai", "gpt-image-1")!;
        var most = default(UsageCounts);
        most[BilledUnit.ImageInputToken] = price.MaxTokensPerImage;
        most[BilledUnit.ImageOutputToken] = 6_240;
        Assert.Equal(policy == OnMissingUsage.Hold ? UsageSource.Presumed : UsageSource.Estimated, record.Source);
        Assert.InRange(record.Cost.Value, price.Cost(in most, ServiceTier.Standard).CeilToNano().Value, record.Hold.Value);
    }
}
