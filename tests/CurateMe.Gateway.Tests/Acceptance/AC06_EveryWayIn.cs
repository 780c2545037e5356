using CurateMe.Client;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;
using Xunit;

namespace CurateMe.Gateway.Tests.Acceptance;

public sealed class AC06_EveryWayIn
{
    [Theory]
    [InlineData("/v1/openai/chat/completions", "gpt-4o-mini", "openai", "gpt-4o-mini")]
    [InlineData("/v1/chat/completions", "gpt-4o-mini", "openai", "gpt-4o-mini")]
    [InlineData("/v1/chat/completions", "openai/gpt-4o-mini", "openai", "gpt-4o-mini")]
    [InlineData("/v1/chat/completions", "gpt-4o-mini-2024-07-18", "openai", "gpt-4o-mini")]
    [InlineData("/v1/deepseek/chat/completions", "deepseek-chat", "deepseek", null)]
    [InlineData("/v1/chat/completions", "deepseek/deepseek-chat", "deepseek", null)]
    [InlineData("/v1/groq/chat/completions", "llama-3.3-70b-versatile", "groq", null)]
    public async Task Path_SameGateAndSameRecord(string path, string asked, string provider, string? model)
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();
        foreach (var stream in new[] { false, true })
        {
            var answer = await rig.AskAsync(key, Chat.Body(stream: stream, model: asked), path: path);
            Assert.True(answer.Status == 200, answer.ToString());
        }
        var records = await rig.RecordsAsync();
        Assert.Equal(2, records.Count);
        Assert.All(records, r => Assert.True(r.Provider == provider && r.RequestedModel == asked && (model is null || r.Model == model) && r.Endpoint == "chat.completions" && r.Source == UsageSource.Provider && r.Cost > NanoUsd.Zero));
        Assert.Equal(2, rig.Simulator.Bill.Entries.Count);
        await rig.PolicyAsync("org_test", new PolicyDocument { DailyBudget = new MoneyLimit(NanoUsd.Zero) });
        await rig.AssertRefusedAsync(await rig.AskAsync(key, Chat.Body(model: asked), path: path), 403, "daily_budget");
    }

    [Fact]
    public async Task Unpriced_AllowedByPolicy_IsRecordedAtNothing()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync(policy: new PolicyDocument { OnUnpricedModel = OnUnpricedModel.Allow });

        var answer = await rig.AskAsync(key, Chat.Body(model: "sim-unpriced"));

        Assert.True(answer.Status == 200, answer.ToString());
        var record = await rig.RecordAsync();
        Assert.Equal((NanoUsd.Zero, "sim-unpriced", UsageSource.Provider), (record.Cost, record.Model, record.Source));
        Assert.True(record.Usage.CompletionTokens > 0);
    }

    [Fact]
    public async Task Alias_OfThePolicy_IsAskedForAndRecorded()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync(policy: new PolicyDocument { ModelAliases = new Dictionary<string, string> { ["cheap"] = Chat.Model } });

        var answer = await rig.AskAsync(key, Chat.Body(model: "cheap"));

        Assert.True(answer.Status == 200, answer.ToString());
        var record = Assert.Single(await rig.AssertBooksAsync());
        Assert.Equal((Chat.Model, "cheap"), (record.Model, record.RequestedModel));
    }

    [Fact]
    public async Task ProviderKey_FromTheCaller_ReachesTheProvider()
    {
        await using var upstream = new ScriptedUpstream();
        await using var rig = await GatewayRig.StartAsync(settings: upstream.Behind);
        var key = await rig.KeyAsync();
        foreach (var (name, value) in new[] { ("X-Provider-Key", "sk-own-1"), ("Authorization", "Bearer sk-own-2") })
        {
            upstream.Answer("""{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}""");
            using var request = new HttpRequestMessage(HttpMethod.Post, Chat.Path) { Content = new StringContent(Chat.Body(), System.Text.Encoding.UTF8, "application/json") };
            request.Headers.TryAddWithoutValidation("X-CM-API-Key", key);
            request.Headers.TryAddWithoutValidation(name, value);
            using var answer = await rig.Http.SendAsync(request);
            Assert.Equal(200, (int)answer.StatusCode);
        }
        Assert.Equal(["Bearer sk-own-1", "Bearer sk-own-2"], upstream.Requests.Select(static r => r.Split("Authorization: ")[1].Split("\r\n")[0]));
    }

    [Theory]
    [InlineData("X-Provider-Key", "cm_sk_of-a-neighbour")]
    [InlineData("Authorization", "Bearer cm_at_of-an-operator")]
    [InlineData("x-api-key", "cm_sk_of-a-neighbour")]
    [InlineData("x-goog-api-key", " cm_rt_of-a-runner")]
    [InlineData("api-key", "cm_sk_of-a-neighbour")]
    [InlineData("X-Provider-Key", "Bearer cm_sk_of-a-neighbour")]
    [InlineData("x-api-key", "bearer  cm_at_of-an-operator")]
    [InlineData("Authorization", "Bearer Bearer cm_sk_of-a-neighbour")]
    public async Task GatewaySecret_WhereAProvidersKeyMayStand_StaysHereAndTheStoredKeyIsUsed(string name, string value)
    {
        await using var upstream = new ScriptedUpstream();
        await using var rig = await GatewayRig.StartAsync(settings: upstream.Behind);
        upstream.Answer("""{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}""");
        using var request = new HttpRequestMessage(HttpMethod.Post, Chat.Path) { Content = new StringContent(Chat.Body(), System.Text.Encoding.UTF8, "application/json") };
        request.Headers.TryAddWithoutValidation("X-CM-API-Key", await rig.KeyAsync());
        request.Headers.TryAddWithoutValidation(name, value);
        using var answer = await rig.Http.SendAsync(request);
        Assert.Equal(200, (int)answer.StatusCode);
        var sent = Assert.Single(upstream.Requests);
        Assert.DoesNotContain("cm_", sent, StringComparison.Ordinal);
        Assert.Contains("\r\nAuthorization: Bearer ", sent, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ProvidersRateLimit_UnderTheGatewaysNames_IsNotPassedOnAsTheGateways()
    {
        await using var upstream = new ScriptedUpstream();
        await using var rig = await GatewayRig.StartAsync(settings: upstream.Behind);
        upstream.Answer("""{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}""", headers: "X-RateLimit-Limit: 9999\r\nx-ratelimit-remaining: 9998\r\nX-RateLimit-Reset: 1\r\nx-ratelimit-limit-requests: 77\r\n");
        var answer = await rig.AskAsync(await rig.KeyAsync(policy: new Client.PolicyDocument { RateLimitRpm = new Client.CountLimit(5) }));
        Assert.Equal(("5", "4", "77"), (answer.Header("X-RateLimit-Limit"), answer.Header("X-RateLimit-Remaining"), answer.Header("x-ratelimit-limit-requests")));
    }
}
