using System.Text.Json;
using CurateMe.Client;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;
using Xunit;

namespace CurateMe.Gateway.Tests.Proxy;

public sealed class ChatTests
{
    static object Ask(string model = "gpt-4o-mini", int? cap = 20, bool stream = false) =>
        cap is null
            ? new { model, stream, messages = new[] { new { role = "user", content = "ping" } } }
            : new { model, stream, max_tokens = cap, messages = new[] { new { role = "user", content = "ping" } } };

    [Fact]
    public async Task Chat_PlainAnswer_SettlesWhatTheProviderBilled()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();

        using var answer = await rig.ChatAsync(key, Ask());

        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, text);
        Assert.Equal("chat.completion", JsonDocument.Parse(text).RootElement.GetProperty("object").GetString());
        var record = Assert.Single(await rig.RecordsAsync());
        Assert.Equal(UsageSource.Provider, record.Source);
        Assert.Equal(RecordStatus.Settled, record.Status);
        Assert.Equal(rig.Bill(), record.Cost);
        Assert.True(record.Cost > NanoUsd.Zero);
        Assert.Equal(record.Id.ToString(), answer.Headers.GetValues("X-CM-Request-ID").Single());
        Assert.Equal(record.Cost.ToString(), answer.Headers.GetValues("X-CM-Cost").Single());
        Assert.Equal(record.Cost.ToString(), answer.Headers.GetValues("X-CM-Daily-Cost").Single());
        Assert.Equal(record.Cost, (await rig.CellAsync("org")).Spent);
        Assert.Equal(NanoUsd.Zero, (await rig.CellAsync("org")).Held);
    }

    [Fact]
    public async Task Chat_Stream_SettlesWithTrailersAndHidesTheUsageItAskedFor()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();

        using var answer = await rig.ChatAsync(key, Ask(stream: true));

        var text = await answer.Content.ReadAsStringAsync();
        Assert.Contains("data: [DONE]", text, StringComparison.Ordinal);
        Assert.DoesNotContain("prompt_tokens", text, StringComparison.Ordinal);
        var record = Assert.Single(await rig.RecordsAsync());
        Assert.Equal(UsageSource.Provider, record.Source);
        Assert.Equal(rig.Bill(), record.Cost);
        Assert.Equal(record.Cost.ToString(), answer.TrailingHeaders.GetValues("X-CM-Cost").Single());
    }

    [Fact]
    public async Task Chat_BudgetGone_IsRefusedAndNothingStaysHeld()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync(policy: new PolicyDocument { DailyBudget = new MoneyLimit(NanoUsd.Parse("0.0000001")) });

        using var answer = await rig.ChatAsync(key, Ask());

        Assert.Equal(403, (int)answer.StatusCode);
        Assert.Equal("false", answer.Headers.GetValues("x-should-retry").Single());
        var error = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement.GetProperty("error");
        Assert.Equal("daily_budget", error.GetProperty("code").GetString());
        Assert.Equal("GW_COST_002", error.GetProperty("gateway_error_code").GetString());
        Assert.Equal(NanoUsd.Zero, (await rig.CellAsync("org")).Held);
        Assert.Empty(rig.Simulator.Bill.Entries);
    }

    [Fact]
    public async Task Chat_NoCap_SendsTheCapThatTheBudgetAffords()
    {
        await using var rig = await GatewayRig.StartAsync();
        // gpt-4o-mini: 0.6 µ$ a token of output, so about a hundred tokens and the input.
        var key = await rig.KeyAsync(policy: new PolicyDocument { DailyBudget = new MoneyLimit(NanoUsd.Parse("0.00008")) });

        using var answer = await rig.ChatAsync(key, Ask(cap: null), headers: new Dictionary<string, string> { ["X-Sim"] = "output_tokens=1000" });

        Assert.Equal(200, (int)answer.StatusCode);
        var record = Assert.Single(await rig.RecordsAsync());
        Assert.Equal(rig.Bill(), record.Cost);
        Assert.True(record.Cost <= record.Hold, $"cost {record.Cost} > hold {record.Hold}");
        Assert.True(record.Usage.CompletionTokens is > 50 and < 150, $"{record.Usage.CompletionTokens} tokens");
    }

    [Fact]
    public async Task Answers_WithoutAHold_TellWhatTheOrgHasSpentToday()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync(policy: new PolicyDocument { ModelAllowlist = ["gpt-4o-mini", "no-such-model"], MaxCostPerRequest = new MoneyLimit(new NanoUsd(1_000_000)) });
        using (await rig.ChatAsync(key, Ask())) { }
        var spent = Assert.Single(await rig.RecordsAsync()).Cost;
        object[] refused = [new { model = "gpt-4o-mini" }, Ask("gpt-4o"), Ask("no-such-model"), Ask(cap: 16_000), new { model = "gpt-4o-mini", n = -1, messages = Array.Empty<object>() }];

        foreach (var body in refused)
        {
            using var answer = await rig.ChatAsync(key, body);
            Assert.True((int)answer.StatusCode is 400 or 403, await answer.Content.ReadAsStringAsync());
            Assert.Equal(spent.ToString(), answer.Headers.GetValues("X-CM-Daily-Cost").Single());
        }
        using var models = new HttpRequestMessage(HttpMethod.Get, "/v1/models") { Headers = { Authorization = new("Bearer", key) } };
        using var listed = await rig.Http.SendAsync(models);
        Assert.Equal(spent.ToString(), listed.Headers.GetValues("X-CM-Daily-Cost").Single());
    }
}
