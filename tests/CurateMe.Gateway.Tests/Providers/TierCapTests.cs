using CurateMe.Client;
using CurateMe.Gateway.Governance;
using CurateMe.Gateway.Tests.Acceptance;
using CurateMe.Ledger.Pricing;
using Xunit;

namespace CurateMe.Gateway.Tests.Providers;

/// <summary>Limits of a request's size and of what an answer may think, by tier and policy, before anything is forwarded.</summary>
public sealed class TierCapTests
{
    static readonly (string, string) Version = ("anthropic-version", "2023-06-01");

    [Fact]
    public async Task Body_LargerThanThePolicyAllows_Is413()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync(policy: new PolicyDocument { MaxRequestBytes = 2_000 });
        Assert.Equal(200, (await rig.AskAsync(key)).Status);
        await rig.AssertRefusedAsync(await rig.AskAsync(key, Chat.Body(text: new string('a', 2_000))), 413, "body_too_large");
    }

    [Fact]
    public void Tiers_HaveLimits_ThatAPolicyReplaces()
    {
        Assert.Equal([(1 << 20, 16_384), (4 << 20, 32_768), (16 << 20, 65_536), (64 << 20, (int?)null)], TierDefaults.All.Select(static t => (t.MaxRequestBytes, t.MaxReasoningTokens)));
        var own = OrgPolicy.Resolve(Tier.Free, new PolicyDocument { MaxRequestBytes = 5_000, MaxReasoningTokens = CountLimit.Unlimited });
        Assert.Equal((5_000, null), (own.MaxRequestBytes, own.MaxReasoningTokens));
        Assert.Equal(16_384, OrgPolicy.Resolve(Tier.Free).MaxReasoningTokens);
    }

    public static TheoryData<string, string, int> Requests => new()
    {
        // A budget of its own.
        { "/v1/messages", """{"model":"claude-sonnet-4-5","max_tokens":9000,"thinking":{"type":"enabled","budget_tokens":4096},"messages":[{"role":"user","content":"a"}]}""", 200 },
        { "/v1/messages", """{"model":"claude-sonnet-4-5","max_tokens":9000,"thinking":{"type":"enabled","budget_tokens":4097},"messages":[{"role":"user","content":"a"}]}""", 403 },
        { "/v1/messages", """{"model":"claude-sonnet-4-5","max_tokens":9000,"messages":[{"role":"user","content":"a"}]}""", 200 },
        { "/v1/google/v1beta/models/gemini-2.5-flash:generateContent", """{"contents":[{"parts":[{"text":"a"}]}],"generationConfig":{"maxOutputTokens":9000,"thinkingConfig":{"thinkingBudget":4096}}}""", 200 },
        { "/v1/google/v1beta/models/gemini-2.5-flash:generateContent", """{"contents":[{"parts":[{"text":"a"}]}],"generationConfig":{"maxOutputTokens":9000,"thinkingConfig":{"thinkingBudget":4097}}}""", 403 },
        { "/v1/google/v1beta/models/gemini-2.5-flash:generateContent", """{"contents":[{"parts":[{"text":"a"}]}],"generationConfig":{"maxOutputTokens":9000,"thinking_config":{"thinking_budget":-1}}}""", 403 },
        { "/v1/google/v1beta/models/gemini-2.5-flash:generateContent", """{"contents":[{"parts":[{"text":"a"}]}],"generationConfig":{"maxOutputTokens":9000,"thinkingConfig":{"thinkingBudget":0}}}""", 200 },
        // No budget: thinking may take the whole output.
        { "/v1/chat/completions", """{"model":"gpt-4o-mini","max_tokens":9000,"messages":[{"role":"user","content":"a"}]}""", 200 },
        { "/v1/chat/completions", """{"model":"gpt-5-mini","max_completion_tokens":9000,"messages":[{"role":"user","content":"a"}]}""", 403 },
        { "/v1/chat/completions", """{"model":"gpt-5-mini","max_completion_tokens":4096,"messages":[{"role":"user","content":"a"}]}""", 200 },
        { "/v1/chat/completions", """{"model":"gpt-5-mini","max_completion_tokens":9000,"reasoning_effort":"none","messages":[{"role":"user","content":"a"}]}""", 200 },
        { "/v1/responses", """{"model":"gpt-5-mini","max_output_tokens":9000,"reasoning":{"effort":"high"},"input":"a"}""", 403 },
        { "/v1/responses", """{"model":"gpt-5-mini","max_output_tokens":9000,"reasoning":{"effort":"none"},"input":"a"}""", 200 },
    };

    [Theory]
    [MemberData(nameof(Requests))]
    public async Task Reasoning_AboveThePolicy_IsRefusedBeforeItIsForwarded(string path, string body, int status)
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync(policy: new PolicyDocument { MaxReasoningTokens = new CountLimit(4_096) });

        var answer = await rig.AskAsync(key, body, path: path, headers: Version);

        Assert.True(answer.Status == status, answer.ToString());
        if (status == 403)
        {
            Assert.Contains("\"reasoning_tokens\"", answer.Text, StringComparison.Ordinal);
            Assert.Contains("GW_MODEL_002", answer.Text, StringComparison.Ordinal);
            Assert.Contains("4096", answer.Text, StringComparison.Ordinal);
            Assert.Empty(rig.Simulator.Bill.Entries);
            Assert.Empty(await rig.RecordsAsync());
        }
    }

    [Fact]
    public async Task Reasoning_WithoutACap_IsCappedByTheGateway()
    {
        await using var upstream = new ScriptedUpstream();
        await using var rig = await GatewayRig.StartAsync(settings: upstream.Behind);
        var key = await rig.KeyAsync(policy: new PolicyDocument { MaxReasoningTokens = new CountLimit(700), ClampOutput = false });
        upstream.Answer("""{"choices":[{"message":{"content":"a"}}],"usage":{"prompt_tokens":5,"completion_tokens":5}}""");

        Assert.Equal(200, (await rig.AskAsync(key, """{"model":"gpt-5-mini","messages":[{"role":"user","content":"a"}]}""")).Status);

        Assert.Contains("\"max_completion_tokens\":700", upstream.Body, StringComparison.Ordinal);
    }

    [Fact]
    public void PriceList_KnowsWhichModelsThinkUnasked()
    {
        bool Reasons(string provider, string model) => PriceList.BuiltIn.Find(provider, model)!.Reasons;
        Assert.True(Reasons("openai", "gpt-5-mini") && Reasons("openai", "o3") && Reasons("google", "gemini-2.5-pro") && Reasons("xai", "grok-4.3"));
        Assert.False(Reasons("openai", "gpt-4o") || Reasons("openai", "gpt-5-chat-latest") || Reasons("anthropic", "claude-sonnet-4-5") || Reasons("xai", "grok-3"));
    }
}
