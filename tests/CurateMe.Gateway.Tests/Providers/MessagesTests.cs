using System.Text;
using System.Text.Json;
using CurateMe.Client;
using CurateMe.Gateway.Providers.Anthropic;
using CurateMe.Gateway.Proxy;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Pricing;
using CurateMe.Ledger.Records;
using Xunit;

namespace CurateMe.Gateway.Tests.Providers;

public sealed class MessagesTests
{
    const string Path = "/v1/anthropic/v1/messages";
    const string Model = "claude-sonnet-4-5";

    static Dictionary<string, string> Headers(string sim = "") => new() { ["anthropic-version"] = "2023-06-01", ["X-Sim"] = sim };

    static string Body(string more = "", bool stream = false, string content = "\"ping\"", int? cap = 64) =>
        $$"""{"model":"{{Model}}",{{(cap is null ? "" : $"\"max_tokens\":{cap},")}}"stream":{{(stream ? "true" : "false")}},{{more}}"messages":[{"role":"user","content":{{content}}}]}""";

    static Task<HttpResponseMessage> SendAsync(GatewayRig rig, string key, string body, string sim = "", string path = Path) =>
        rig.ChatAsync(key, JsonDocument.Parse(body).RootElement, path, Headers(sim));

    [Theory]
    [InlineData(Path)]
    [InlineData("/v1/anthropic/messages")]
    [InlineData("/v1/messages")]
    public async Task Messages_EveryPath_SettlesWhatTheProviderBilled(string path)
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();

        using var answer = await SendAsync(rig, key, Body(), path: path);

        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, text);
        Assert.Equal("message", JsonDocument.Parse(text).RootElement.GetProperty("type").GetString());
        var record = Assert.Single(await Bills.AssertEqualAsync(rig));
        Assert.Equal(UsageSource.Provider, record.Source);
        Assert.True(record.Cost > NanoUsd.Zero);
    }

    [Fact]
    public async Task AC12_Messages_EveryUnit_IsBilledToTheNanoDollar()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();
        const string cached = """[{"type":"text","text":"a long and steady prefix that is kept","cache_control":{"type":"ephemeral"}},{"type":"text","text":"and more","cache_control":{"type":"ephemeral","ttl":"1h"}}]""";
        foreach (var stream in (bool[])[false, true])
        {
            foreach (var (body, sim) in new[]
            {
                (Body(stream: stream, content: cached), ""),
                (Body(stream: stream, content: cached), ""),
                (Body(stream: stream, content: cached), "cache_write_5m=5;cache_write_1h=7;cached_tokens=3"),
                (Body("\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024},", stream, cap: 2000), "reasoning_tokens=50"),
                (Body("\"tools\":[{\"type\":\"web_search_20250305\",\"name\":\"web_search\",\"max_uses\":3}],", stream), "web_searches=3"),
                (Body("\"tools\":[{\"type\":\"web_search_20250305\",\"name\":\"web_search\"}],", stream), "web_searches=2"),
                (Body("\"tools\":[{\"name\":\"f\",\"input_schema\":{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}}}}],\"tool_choice\":{\"type\":\"any\"},", stream), ""),
                (Body(stream: stream, content: """[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBORw0KGgoAAAANSUhEUg=="}},{"type":"text","text":"what is it"}]"""), ""),
            })
            {
                using var answer = await SendAsync(rig, key, body, sim);
                Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
                await answer.Content.ReadAsByteArrayAsync();
            }
        }
        var records = await Bills.AssertEqualAsync(rig);
        Assert.Equal(16, records.Count);
        Assert.All(records, r => Assert.Equal(UsageSource.Provider, r.Source));
        Assert.Contains(records, r => r.Usage[BilledUnit.CacheWrite1hToken] > 0 && r.Usage[BilledUnit.CachedInputToken] > 0);
        Assert.Contains(records, r => r.Usage[BilledUnit.WebSearch] == 3);
    }

    [Fact]
    public async Task Messages_Stream_PassesEveryEventAndEndsWithTrailers()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();

        using var answer = await SendAsync(rig, key, Body("\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024},", stream: true, cap: 2000), "crlf=1;keepalive=1");

        var text = await answer.Content.ReadAsStringAsync();
        foreach (var name in (string[])["message_start", "ping", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "message_stop"])
        {
            Assert.Contains($"event: {name}\r\n", text, StringComparison.Ordinal);
        }
        var record = Assert.Single(await Bills.AssertEqualAsync(rig));
        Assert.Equal(record.Cost.ToString(), answer.TrailingHeaders.GetValues("X-CM-Cost").Single());
    }

    [Fact]
    public async Task Messages_NoCap_SendsOneAboveTheThinkingBudget()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync(policy: new PolicyDocument { DailyBudget = new MoneyLimit(NanoUsd.Parse("0.05")) });

        using var answer = await SendAsync(rig, key, Body("\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2048},", cap: null));

        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        Assert.Single(await Bills.AssertEqualAsync(rig));
    }

    [Fact]
    public async Task Messages_NoCapWhereNothingClamps_IsRefusedInAnthropicsShape()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync(policy: new PolicyDocument { ClampOutput = false });

        using var answer = await SendAsync(rig, key, Body(cap: null));

        Assert.Equal(400, (int)answer.StatusCode);
        var root = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
        Assert.Equal("error", root.GetProperty("type").GetString());
        Assert.Equal("invalid_request_error", root.GetProperty("error").GetProperty("type").GetString());
        Assert.Equal("missing_field", root.GetProperty("error").GetProperty("code").GetString());
        Assert.Equal("max_tokens", root.GetProperty("error").GetProperty("param").GetString());
    }

    [Fact]
    public async Task CountTokens_BudgetGone_IsAnsweredWithoutARecord()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync(policy: new PolicyDocument { DailyBudget = new MoneyLimit(NanoUsd.Zero) });

        using var answer = await SendAsync(rig, key, Body(cap: null), path: Path + "/count_tokens");
        using var denied = await SendAsync(rig, key, Body());
        using var stranger = await SendAsync(rig, "cm_sk_nobody", Body(cap: null), path: Path + "/count_tokens");

        Assert.True(JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement.GetProperty("input_tokens").GetInt32() > 0);
        Assert.Equal(403, (int)denied.StatusCode);
        Assert.Equal(401, (int)stranger.StatusCode);
        Assert.Empty(await rig.RecordsAsync());
        Assert.Empty(rig.Simulator.Bill.Entries);
    }

    [Fact]
    public async Task Messages_StreamCutAfterItsStart_KeepsTheProvidersInputAndEstimatesTheRest()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();

        await Assert.ThrowsAnyAsync<Exception>(async () =>
        {
            using var answer = await SendAsync(rig, key, Body(stream: true), "fail=cut_after_bytes:1500");
            await answer.Content.ReadAsByteArrayAsync();
        });

        await rig.QuietAsync();
        var record = Assert.Single(await rig.RecordsAsync());
        var entry = Assert.Single(rig.Simulator.Bill.Entries);
        Assert.Equal(UsageSource.Estimated, record.Source);
        Assert.Equal(RecordStatus.UpstreamBroken, record.Status);
        Assert.Equal(entry.Units.PromptTokens, record.Usage[BilledUnit.InputToken]);
        Assert.True(record.Cost <= record.Hold);
    }

    [Theory]
    [InlineData("absent")]
    [InlineData("null")]
    [InlineData("malformed")]
    [InlineData("string_numbers")]
    [InlineData("negative")]
    [InlineData("huge")]
    [InlineData("exponent")]
    [InlineData("nan")]
    public async Task AC09_Messages_UsageUnusable_IsEstimatedWithinTheHold(string form)
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();
        foreach (var stream in (bool[])[false, true])
        {
            using var answer = await SendAsync(rig, key, Body(stream: stream), $"usage={form}");
            await answer.Content.ReadAsByteArrayAsync();
        }
        await rig.QuietAsync();
        Assert.All(await rig.RecordsAsync(), record =>
        {
            Assert.Equal(UsageSource.Estimated, record.Source);
            Assert.True(record.Cost > NanoUsd.Zero && record.Cost <= record.Hold, $"{record.Cost} of {record.Hold}");
        });
    }

    [Theory]
    [InlineData("usage=zero")]
    [InlineData("usage=twice")]
    public async Task AC09_Messages_UsageZeroOrTwice_IsTakenAsTheProviderSaid(string sim)
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();
        using var answer = await SendAsync(rig, key, Body(stream: true), sim);
        await answer.Content.ReadAsByteArrayAsync();
        var record = Assert.Single(await rig.RecordsAsync());
        Assert.Equal(UsageSource.Provider, record.Source);
        Assert.Equal(sim == "usage=zero" ? NanoUsd.Zero : rig.Bill(), record.Cost);
    }

    [Theory]
    [InlineData(true, @"{""edits"":[{""type"":""compact_20260112"",""trigger"":{""type"":""input_tokens"",""value"":50000}}]}")]
    [InlineData(true, @"{""edits"":[{""\u0074ype"":""\u0063ompact_20260112""}]}")]
    [InlineData(false, @"{""edits"":[{""type"":""clear_tool_uses_20250919"",""trigger"":{""type"":""input_tokens"",""value"":50000}}]}")]
    [InlineData(false, "null")]
    public void Messages_Compaction_IsRefusedAndOtherEditsAreNot(bool refused, string management)
    {
        var body = Encoding.UTF8.GetBytes(Body($"\"context_management\":{management},"));
        var thrown = Record.Exception(() => new MessagesRequestReader(body).Read());
        Assert.Equal(refused, thrown is RefusedException);
        Assert.Equal(refused, thrown?.Message.Contains("compaction", StringComparison.Ordinal) == true);
    }

    [Theory]
    [InlineData("tools", "\"tools\":[{\"type\":\"advisor_20260301\",\"name\":\"advisor\",\"model\":\"claude-opus-4-6\",\"max_uses\":2}],")]
    [InlineData("tools", "\"tools\":[{\"name\":\"a\",\"input_schema\":{}},{\"model\":\"claude-opus-4-6\",\"name\":\"advisor\",\"type\":\"\\u0061dvisor_20270101\"}],")]
    [InlineData("fallbacks", "\"fallbacks\":[{\"model\":\"claude-opus-4-6\"}],")]
    [InlineData(null, "\"fallbacks\":null,")]
    [InlineData(null, "\"tools\":[{\"name\":\"advisor\",\"input_schema\":{}}],")]
    public void Messages_ModelsBesideTheOneThatIsPriced_AreRefused(string? field, string fields)
    {
        var thrown = Record.Exception(() => new MessagesRequestReader(Encoding.UTF8.GetBytes(Body(fields))).Read());
        Assert.Equal(field, (thrown as RefusedException)?.Param);
        Assert.Equal(field is null, thrown is null);
    }

    [Fact]
    public async Task Messages_ErrorsOfTheProvider_PassUnchangedAndCostNothing()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();

        using var answer = await SendAsync(rig, key, Body(), "status=429;retry_after=7");

        Assert.Equal(429, (int)answer.StatusCode);
        Assert.Equal("7", answer.Headers.GetValues("Retry-After").Single());
        Assert.Contains("rate_limit_error", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(NanoUsd.Zero, Assert.Single(await Bills.AssertEqualAsync(rig)).Cost);
    }

    [Fact]
    public async Task UnknownPath_OfAnthropic_IsRefusedInItsShape()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();
        using var answer = await SendAsync(rig, key, Body(), path: "/v1/anthropic/v1/messages/batches");
        Assert.Equal(404, (int)answer.StatusCode);
        Assert.Equal("not_found_error", JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement.GetProperty("error").GetProperty("type").GetString());
    }
}
