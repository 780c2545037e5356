using System.Text;
using System.Text.Json;
using CurateMe.Client;
using CurateMe.Gateway.Providers.Gemini;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Pricing;
using CurateMe.Ledger.Records;
using Xunit;

namespace CurateMe.Gateway.Tests.Providers;

public sealed class GenerateContentTests
{
    const string Whole = "/v1/google/v1beta/models/gemini-2.5-flash:generateContent";
    const string Array = "/v1/google/v1beta/models/gemini-2.5-flash:streamGenerateContent";
    const string Events = Array + "?alt=sse";

    static string Body(string config = "\"maxOutputTokens\":200", string more = "", string parts = "{\"text\":\"ping\"}") =>
        $$"""{{{more}}"generationConfig":{{{config}}},"contents":[{"role":"user","parts":[{{parts}}]}]}""";

    static Task<HttpResponseMessage> SendAsync(GatewayRig rig, string key, string body, string path = Whole, string sim = "") =>
        rig.ChatAsync(key, JsonDocument.Parse(body).RootElement, path, new Dictionary<string, string> { ["X-Sim"] = sim });

    [Theory]
    [InlineData(Whole)]
    [InlineData(Array)]
    [InlineData(Events)]
    public async Task AC12_GenerateContent_EveryForm_IsBilledToTheNanoDollar(string path)
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();
        foreach (var (body, sim) in new[]
        {
            (Body(), ""),
            (Body(), "split=1"),
            (Body("\"max_output_tokens\":300,\"thinking_config\":{\"thinking_budget\":128}"), "reasoning_tokens=90"),
            (Body("\"candidateCount\":3,\"maxOutputTokens\":50"), ""),
            (Body(), "cached_tokens=2"),
            (Body(parts: "{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"iVBORw0KGgoAAAANSUhEUg==\"}},{\"text\":\"[what] {is} \\\"it\\\"\"}"), ""),
            (Body(parts: "{\"inline_data\":{\"mime_type\":\"audio/wav\",\"data\":\"" + new string('A', 200_000) + "\"}}"), ""),
            (Body(parts: "{\"text\":\"你好，世界 🌍 مرحبا\"}"), ""),
        })
        {
            using var answer = await SendAsync(rig, key, body, path, sim);
            var text = await answer.Content.ReadAsStringAsync();
            Assert.True(answer.IsSuccessStatusCode, text);
            Assert.Contains("usageMetadata", text, StringComparison.Ordinal);
            if (path != Events)
            {
                JsonDocument.Parse(text);
            }
        }
        var records = await Bills.AssertEqualAsync(rig, path);
        Assert.Equal(8, records.Count);
        Assert.All(records, r => Assert.Equal(UsageSource.Provider, r.Source));
        Assert.Contains(records, r => r.Usage[BilledUnit.ReasoningToken] == 90);
        Assert.Contains(records, r => r.Usage[BilledUnit.AudioInputToken] > 0);
        Assert.Contains(records, r => r.Usage[BilledUnit.CachedInputToken] == 2);
    }

    [Theory]
    [InlineData("""{"contents":[{"parts":[{"text":"ping"}]}]}""")]
    [InlineData("""{"generationConfig":{},"contents":[{"parts":[{"text":"ping"}]}]}""")]
    [InlineData("""{"generationConfig":{"temperature":0},"contents":[{"parts":[{"text":"ping"}]}]}""")]
    [InlineData("""{"generationConfig":null,"contents":[{"parts":[{"text":"ping"}]}]}""")]
    [InlineData("""{"generationConfig":{"maxOutputTokens":null},"contents":[{"parts":[{"text":"ping"}]}]}""")]
    public async Task GenerateContent_NoCap_SendsTheCapThatTheBudgetAffords(string body)
    {
        await using var rig = await GatewayRig.StartAsync();
        // gemini-2.5-flash: 2.5 µ$ a token of output, so about a hundred tokens.
        var key = await rig.KeyAsync(policy: new PolicyDocument { DailyBudget = new MoneyLimit(NanoUsd.Parse("0.00025")) });

        using var answer = await SendAsync(rig, key, body, sim: "output_tokens=1000;reasoning_tokens=0");

        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        var record = Assert.Single(await Bills.AssertEqualAsync(rig));
        Assert.True(record.Usage.CompletionTokens is > 40 and <= 100, $"{record.Usage.CompletionTokens} tokens");
    }

    [Fact]
    public async Task GenerateContent_KeyInGooglesHeader_IsNotForwarded()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();
        using var request = new HttpRequestMessage(HttpMethod.Post, Whole + "?key=cm_sk_in_the_address") { Content = new StringContent(Body(), null, "application/json") };
        request.Headers.Add("x-goog-api-key", key);

        using var answer = await rig.Http.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        Assert.Single(await Bills.AssertEqualAsync(rig));
    }

    [Fact]
    public async Task GenerateContent_BudgetGone_IsRefusedInGooglesShape()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync(policy: new PolicyDocument { DailyBudget = new MoneyLimit(NanoUsd.Zero) });

        using var answer = await SendAsync(rig, key, Body());

        Assert.Equal(403, (int)answer.StatusCode);
        var error = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement.GetProperty("error");
        Assert.Equal("PERMISSION_DENIED", error.GetProperty("status").GetString());
        Assert.Equal("daily_budget", error.GetProperty("details")[0].GetProperty("reason").GetString());
        Assert.Empty(rig.Simulator.Bill.Entries);
    }

    [Fact]
    public async Task CountTokens_BudgetGone_IsFree_OtherVerbsHaveNoMeter()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync(policy: new PolicyDocument { DailyBudget = new MoneyLimit(NanoUsd.Zero) });

        using var count = await SendAsync(rig, key, """{"contents":[{"parts":[{"text":"ping"}]}]}""", "/v1/google/v1beta/models/gemini-2.5-flash:countTokens");
        using var embed = await SendAsync(rig, key, "{}", "/v1/google/v1beta/models/gemini-embedding-001:embedContent");

        Assert.Contains("totalTokens", await count.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(404, (int)embed.StatusCode);
        Assert.Empty(await rig.RecordsAsync());
    }

    [Theory]
    [InlineData("gemini-2.5-flash", 1)]
    [InlineData("gemini-3-pro-preview", 10)]
    public void CachedContent_MayHoldTools_IsBoundedAsIfItDid(string model, long searches)
    {
        foreach (var name in (string[])["cachedContent", "cached_content"])
        {
            var with = new GenerateContentReader(Encoding.UTF8.GetBytes(Body(more: $"\"{name}\":\"cachedContents/a\","))).Read(model, stream: false);
            Assert.Equal((searches, 1L), (with.Input[BilledUnit.WebSearch], with.Input[BilledUnit.MapsSearch]));
            var without = new GenerateContentReader(Encoding.UTF8.GetBytes(Body(more: $"\"{name}\":null,"))).Read(model, stream: false);
            Assert.Equal((0L, 0L), (without.Input[BilledUnit.WebSearch], without.Input[BilledUnit.MapsSearch]));
        }
    }

    [Theory]
    [InlineData(Array)]
    [InlineData(Events)]
    public async Task GenerateContent_StreamCut_IsEstimatedFromTheProvidersOwnCounts(string path)
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();

        await Assert.ThrowsAnyAsync<Exception>(async () =>
        {
            using var answer = await SendAsync(rig, key, Body(), path, "fail=cut_after_bytes:1500;reasoning_tokens=0");
            await answer.Content.ReadAsByteArrayAsync();
        });

        await rig.QuietAsync();
        var record = Assert.Single(await rig.RecordsAsync());
        Assert.Equal(UsageSource.Estimated, record.Source);
        Assert.Equal(Assert.Single(rig.Simulator.Bill.Entries).Units.PromptTokens, record.Usage.PromptTokens);
        Assert.True(record.Cost <= record.Hold);
    }
}
