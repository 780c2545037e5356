using CurateMe.Client;
using CurateMe.Gateway.Proxy;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;
using Xunit;

namespace CurateMe.Gateway.Tests.Providers;

public sealed class RoutingTests
{
    static object Ask(string model = "gpt-4o-mini") => new { model, messages = new[] { new { role = "user", content = "ping" } }, max_tokens = 50 };

    static Dictionary<string, string> Sim(string sim) => new() { ["X-Sim"] = sim };

    static Dictionary<string, string?> NoRetries(params (string Key, string Value)[] more)
    {
        var all = more.ToDictionary(p => p.Key, p => (string?)p.Value, StringComparer.Ordinal);
        all["Forward:Retries"] = "0";
        return all;
    }

    [Theory]
    [InlineData("status=503;only=openai")]
    [InlineData("status=429;only=openai")]
    [InlineData("fail=connect_reset_before_headers;only=openai")]
    public async Task AC06_ProviderFails_TheFallbackAnswersAtItsOwnPriceWithinTheHold(string sim)
    {
        await using var rig = await GatewayRig.StartAsync(NoRetries());
        var key = await rig.KeyAsync(policy: new PolicyDocument { Fallbacks = new Dictionary<string, IReadOnlyList<string>> { ["gpt-4o-mini"] = ["nobody/nothing", "xai/grok-3"] } });

        using var answer = await rig.ChatAsync(key, Ask(), headers: Sim(sim));

        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        var record = Assert.Single(await Bills.AssertEqualAsync(rig));
        Assert.Equal("xai", record.Provider);
        Assert.Equal("grok-3", record.Model);
        Assert.Equal("gpt-4o-mini", record.RequestedModel);
        Assert.True(record.Cost > NanoUsd.Zero);
    }

    [Fact]
    public async Task Fallbacks_AsManyAsAPolicyMayName_AreAllTried()
    {
        await using var rig = await GatewayRig.StartAsync(NoRetries());
        string[] names = [.. Enumerable.Range(1, Planner.MaxFallbacks - 1).Select(static i => $"nobody/nothing-{i}"), "xai/grok-3"];
        var key = await rig.KeyAsync(policy: new PolicyDocument { Fallbacks = new Dictionary<string, IReadOnlyList<string>> { ["gpt-4o-mini"] = names } });

        using var answer = await rig.ChatAsync(key, Ask(), headers: Sim("status=503;only=openai"));

        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        Assert.Equal("xai", Assert.Single(await Bills.AssertEqualAsync(rig)).Provider);
    }

    [Fact]
    public async Task Fallback_NotAllowedForTheKey_IsPassedOver()
    {
        await using var rig = await GatewayRig.StartAsync(NoRetries());
        var key = await rig.KeyAsync(policy: new PolicyDocument { ModelAllowlist = ["gpt-4o-mini"], Fallbacks = new Dictionary<string, IReadOnlyList<string>> { ["gpt-4o-mini"] = ["xai/grok-3"] } });

        using var answer = await rig.ChatAsync(key, Ask(), headers: Sim("status=503;only=openai"));

        Assert.Equal(502, (int)answer.StatusCode);
        Assert.Equal(NanoUsd.Zero, Assert.Single(await Bills.AssertEqualAsync(rig)).Cost);
    }

    [Fact]
    public async Task Alias_IsForwardedAndPricedAsTheModelItStandsFor()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync(policy: new PolicyDocument { ModelAliases = new Dictionary<string, string> { ["fast"] = "openai/gpt-4o-mini" } });

        using var answer = await rig.ChatAsync(key, Ask("fast"), path: "/v1/chat/completions");

        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        var record = Assert.Single(await Bills.AssertEqualAsync(rig));
        Assert.Equal("gpt-4o-mini", record.Model);
        Assert.Equal("fast", record.RequestedModel);
    }

    [Fact]
    public async Task Breaker_ProviderKeepsFailing_IsLeftAloneAndNothingIsHeld()
    {
        await using var rig = await GatewayRig.StartAsync(NoRetries(("Forward:BreakerCalls", "4")));
        var key = await rig.KeyAsync();
        for (var i = 0; i < 4; i++)
        {
            using var failed = await rig.ChatAsync(key, Ask(), headers: Sim("status=503"));
            Assert.Equal(502, (int)failed.StatusCode);
            Assert.Contains("upstream_error", await failed.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }

        using var answer = await rig.ChatAsync(key, Ask());
        using var other = await rig.ChatAsync(key, Ask("grok-3"), path: "/v1/xai/chat/completions");

        Assert.Equal(503, (int)answer.StatusCode);
        Assert.Contains("circuit_open", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.True(answer.Headers.Contains("Retry-After"));
        Assert.True(other.IsSuccessStatusCode, "another provider is not touched");
        var records = await Bills.AssertEqualAsync(rig);
        Assert.Equal([.. Enumerable.Repeat((503, UsageSource.Provider), 5), (200, UsageSource.Provider)], records.Select(static r => (r.StatusCode, r.Source)));
    }

    [Fact]
    public void SeveralKeys_TakeTurns()
    {
        using var upstream = new CurateMe.Gateway.Proxy.Upstream(
            new CurateMe.Gateway.Providers.ProviderRow { Name = "p", BaseUrl = "http://127.0.0.1", ApiKey = "a, b,c" }, new CurateMe.Gateway.Proxy.ForwardOptions(), TimeProvider.System);

        var used = Enumerable.Range(0, 6).Select(_ => upstream.NextKey()!.Text).ToArray();

        Assert.Equal(["a", "b", "c"], used.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal));
        Assert.Equal(used[..3], used[3..]);
    }
}
