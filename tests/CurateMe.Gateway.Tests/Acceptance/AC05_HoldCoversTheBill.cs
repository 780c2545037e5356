using System.Text;
using CurateMe.Client;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;
using Xunit;

namespace CurateMe.Gateway.Tests.Acceptance;

public sealed class AC05_HoldCoversTheBill
{
    static readonly string Picture = "data:image/png;base64," + Convert.ToBase64String(new byte[3000]);
    static readonly string Sound = Convert.ToBase64String(new byte[480_000]);

    // Name, model, body fields over the usual ones, behaviour of the provider.
    public static TheoryData<string, string, string, string> Requests => new()
    {
        { "no cap", Chat.Model, """{"max_tokens":null}""", "output_tokens=9000" },
        { "cap null", Chat.Model, """{"max_tokens":null,"max_completion_tokens":null}""", "output_tokens=300" },
        { "cap 1 beside a large one", Chat.Model, """{"max_tokens":1,"max_completion_tokens":5000}""", "output_tokens=5000" },
        { "large cap beside cap 1", Chat.Model, """{"max_tokens":5000,"max_completion_tokens":1}""", "output_tokens=5000" },
        { "new cap only", Chat.Model, """{"max_tokens":null,"max_completion_tokens":700}""", "output_tokens=900" },
        { "n", Chat.Model, """{"n":8,"max_tokens":50}""", "output_tokens=80" },
        { "n without a cap", Chat.Model, """{"n":3,"max_tokens":null}""", "output_tokens=2000" },
        { "reasoning", "gpt-5-mini", """{"max_tokens":null,"max_completion_tokens":400}""", "output_tokens=100;reasoning_tokens=300" },
        { "reasoning without a cap", "gpt-5.1", """{"max_tokens":null,"reasoning_effort":"high"}""", "output_tokens=500;reasoning_tokens=4000" },
        { "cjk", Chat.Model, $$"""{"messages":[{"role":"user","content":"{{Repeat("价格上限必须守住", 400)}}"}]}""", "output_tokens=20" },
        { "emoji", Chat.Model, $$"""{"messages":[{"role":"user","content":"{{Repeat("👩‍👩‍👧‍👦🏴󠁧󠁢󠁥󠁮󠁧󠁿", 200)}}"}]}""", "output_tokens=20" },
        { "rare letters", Chat.Model, $$"""{"messages":[{"role":"user","content":"{{Repeat("ꙮ𒐫﷽", 300)}}"}]}""", "output_tokens=20" },
        { "single letters", Chat.Model, $$"""{"messages":[{"role":"user","content":"{{Repeat("! ? # ", 1000)}}"}]}""", "output_tokens=20" },
        { "many tiny messages", Chat.Model, $$"""{"messages":[{{string.Join(',', Enumerable.Repeat("""{"role":"user","content":"a"}""", 300))}}]}""", "output_tokens=20" },
        { "picture inline", Chat.Model, $$$$"""{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"{{{{Picture}}}}"}}]}]}""", "output_tokens=20" },
        { "pictures by address", Chat.Model, """{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://e.com/1.png"}},{"type":"image_url","image_url":{"url":"https://e.com/2.png","detail":"low"}}]}]}""", "output_tokens=20" },
        { "sound in", "gpt-4o-mini-audio-preview", $$$$"""{"messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"{{{{Sound}}}}","format":"wav"}}]}]}""", "output_tokens=20" },
        { "sound out", "gpt-4o-mini-audio-preview", """{"modalities":["text","audio"],"audio":{"voice":"alloy","format":"wav"},"max_tokens":90}""", "output_tokens=30" },
        { "tools", Chat.Model, $$"""{"tools":[{{string.Join(',', Enumerable.Range(0, 40).Select(i => Tool($"tool_{i}")))}}],"tool_choice":"required"}""", "output_tokens=20" },
        { "schema", Chat.Model, """{"max_tokens":200,"response_format":{"type":"json_schema","json_schema":{"name":"a","strict":true,"schema":{"type":"object","properties":{"b":{"type":"string"},"c":{"type":"array","items":{"type":"integer"}}}}}}}""", "output_tokens=20" },
        { "cached prompt", Chat.Model, $$"""{"messages":[{"role":"user","content":"{{Repeat("the same again ", 500)}}"}]}""", "cached_tokens=1024;output_tokens=20" },
        { "flex tier", "gpt-5-mini", """{"service_tier":"flex","max_tokens":null,"max_completion_tokens":90}""", "output_tokens=20" },
        { "priority tier", Chat.Model, """{"service_tier":"priority"}""", "output_tokens=20" },
        { "long context", "gpt-5.1", $$"""{"max_tokens":null,"max_completion_tokens":90,"messages":[{"role":"user","content":"{{Repeat("word ", 90_000)}}"}]}""", "output_tokens=20" },
    };

    [Theory]
    [MemberData(nameof(Requests))]
    public async Task Hold_WhateverIsBilled_IsNotBelowIt(string name, string model, string fields, string sim)
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync(policy: new PolicyDocument { MaxCostPerRequest = MoneyLimit.Unlimited, DailyBudget = MoneyLimit.Unlimited, MonthlyBudget = MoneyLimit.Unlimited });
        foreach (var stream in new[] { false, true })
        {
            var answer = await rig.AskAsync(key, Chat.Body(stream: stream, model: model, more: fields), sim);
            Assert.True(answer.Status == 200, $"{name}: {answer}");
        }
        var records = await rig.AssertBooksAsync();
        Assert.Equal(2, records.Count);
        Assert.All(records, r => Assert.True(r.Cost > NanoUsd.Zero && r.Cost <= r.Hold && r.Source == UsageSource.Provider, $"{name}: cost {r.Cost}, hold {r.Hold}, {r.Source}"));
    }

    [Theory]
    [InlineData("""{"max_tokens":0}""", "max_tokens")]
    [InlineData("""{"max_tokens":-1}""", "max_tokens")]
    [InlineData("""{"max_tokens":null,"max_completion_tokens":-5}""", "max_completion_tokens")]
    [InlineData("""{"max_completion_tokens":0}""", "max_completion_tokens")]
    [InlineData("""{"max_tokens":1e308}""", "max_tokens")]
    [InlineData("""{"max_tokens":9007199254740993}""", "max_tokens")]
    [InlineData("""{"max_tokens":2.5}""", "max_tokens")]
    [InlineData("""{"n":0}""", "n")]
    [InlineData("""{"n":100000}""", "n")]
    [InlineData("""{"n":-3}""", "n")]
    public async Task Cap_ThatBoundsNothing_IsRefusedByName(string fields, string param)
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();
        await rig.AssertRefusedAsync(await rig.AskAsync(key, Chat.Body(more: fields)), 400, "invalid_field", param);
    }

    [Fact]
    public async Task NoCap_SmallBudget_IsServedWithinIt()
    {
        await using var rig = await GatewayRig.StartAsync();
        var budget = NanoUsd.Parse("0.0001");
        var key = await rig.KeyAsync(policy: new PolicyDocument { DailyBudget = new MoneyLimit(budget) });
        var served = 0;
        for (Answer answer; (answer = await rig.AskAsync(key, Chat.Body(cap: null), "output_tokens=60")).Status == 200; served++)
        {
            Assert.True(served < 100);
        }
        Assert.True(served >= 2, $"{served} served");
        var records = await rig.AssertBooksAsync();
        Assert.True(records.Sum(static r => r.Cost.Value) <= budget.Value);
    }

    [Fact]
    public async Task IgnoredCap_IsChargedInFullAsOverageAndClosesTheNode()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync(policy: new PolicyDocument { DailyBudget = new MoneyLimit(NanoUsd.Parse("0.0002")) });

        Assert.Equal(200, (await rig.AskAsync(key, Chat.Body(20), "ignore_cap=1;output_tokens=2000")).Status);

        var record = await rig.RecordAsync();
        Assert.True(record.Overage);
        Assert.Equal(rig.Bill(), record.Cost);
        await rig.AssertRefusedAsync(await rig.AskAsync(key), 403, "daily_budget");
        await rig.AssertBooksAsync();
    }

    static string Repeat(string text, int times) => new StringBuilder().Insert(0, text, times).ToString();

    static string Tool(string name) => """{"type":"function","function":{"name":"NAME","description":"does NAME for whoever asks","parameters":{"type":"object","properties":{"x":{"type":"string","description":"an x"}}}}}"""
        .Replace("NAME", name, StringComparison.Ordinal);
}
