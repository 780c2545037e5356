using System.Text.Json;
using CurateMe.Client;
using CurateMe.Ledger.Money;
using Xunit;

namespace CurateMe.Gateway.Tests.Acceptance;

public sealed class AC05_CapIsSent
{
    const string Usage = """{"id":"x","object":"chat.completion","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":5,"total_tokens":10}}""";

    [Theory]
    [InlineData("/v1/openai/chat/completions", Chat.Model, """{"max_tokens":null}""", "max_completion_tokens", 16_384)]
    [InlineData("/v1/openai/chat/completions", Chat.Model, """{"max_tokens":null,"max_completion_tokens":null}""", "max_completion_tokens", 16_384)]
    [InlineData("/v1/openai/chat/completions", Chat.Model, """{"max_tokens":77}""", "max_tokens", 77)]
    [InlineData("/v1/deepseek/chat/completions", "deepseek-chat", """{"max_tokens":null,"max_completion_tokens":33}""", "max_tokens", 33)]
    [InlineData("/v1/deepseek/chat/completions", "deepseek-chat", """{"max_completion_tokens":33}""", "max_tokens", 33)]
    public async Task Cap_ReachesTheProviderInTheFieldItReads(string path, string model, string fields, string field, long most)
    {
        await using var upstream = new ScriptedUpstream();
        await using var rig = await GatewayRig.StartAsync(settings: upstream.Behind);
        var key = await rig.KeyAsync(policy: new PolicyDocument { MaxCostPerRequest = MoneyLimit.Unlimited });
        upstream.Answer(Usage);
        // Both max_tokens null and absent are tried: the second by leaving the field out of the text.
        var body = Chat.Body(cap: null, model: model, more: fields);

        var answer = await rig.AskAsync(key, body, path: path);

        Assert.True(answer.Status == 200, answer.ToString());
        Assert.Equal(most, JsonElement.Parse(upstream.Body).GetProperty(field).GetInt64());
        Assert.Single(upstream.Body.Split($"\"{field}\"").Skip(1));
    }

    [Fact]
    public async Task Payload_ButForThePatches_IsForwardedByteForByte()
    {
        await using var upstream = new ScriptedUpstream();
        await using var rig = await GatewayRig.StartAsync(settings: upstream.Behind);
        var key = await rig.KeyAsync();
        upstream.Answer(Usage);
        const string Body = "  {\r\n \"messages\" : [ {\"role\":\"user\",\"content\":\"\\u00e9\\n \\ud83d\\ude00\"} ],\t\"temperature\":1.0e-1 , \"max_tokens\" :\t20, \"x\":[1.0,{}],\"model\": \"gpt-4o-mini\"} \n";

        Assert.Equal(200, (await rig.AskAsync(key, Body)).Status);

        Assert.Equal(Body, upstream.Body);
    }

    [Theory]
    [InlineData("""{"stream":true}""")]
    [InlineData("""{"stream":true,"stream_options":null}""")]
    [InlineData("""{"stream":true,"stream_options":{}}""")]
    [InlineData("""{"stream":true,"stream_options":{"include_usage":false}}""")]
    [InlineData("""{"stream":true,"stream_options":{"include_usage":null,"include_obfuscation":false}}""")]
    [InlineData("""{"stream":true,"stream_options":{"include_obfuscation":false}}""")]
    public async Task Stream_UsageIsAskedForOnce(string fields)
    {
        await using var upstream = new ScriptedUpstream();
        await using var rig = await GatewayRig.StartAsync(settings: upstream.Behind);
        var key = await rig.KeyAsync();
        upstream.Answer("data: [DONE]\n\n", type: "text/event-stream");

        Assert.Equal(200, (await rig.AskAsync(key, Chat.Body(more: fields))).Status);

        var sent = JsonElement.Parse(upstream.Body).GetProperty("stream_options");
        Assert.True(sent.GetProperty("include_usage").GetBoolean());
        Assert.Equal(fields.Contains("obfuscation", StringComparison.Ordinal), sent.TryGetProperty("include_obfuscation", out _));
        Assert.Single(upstream.Body.Split("include_usage").Skip(1));
    }

    [Fact]
    public async Task Headers_OursAndSecretsStay_TheCallersPass()
    {
        await using var upstream = new ScriptedUpstream();
        await using var rig = await GatewayRig.StartAsync(settings: upstream.Behind);
        var key = await rig.KeyAsync();
        upstream.Answer(Usage, headers: "X-Upstream: caf\u00e9\r\nSet-Cookie: a=b\r\nX-CM-Cost: 99\r\nX-Odd: a\u0001b\r\n");

        var answer = await rig.AskAsync(key, headers: [("X-Mine", "na\u00efve \u4f60"), ("X-CM-Tags", "a=b"), ("Cookie", "c=d"), ("OpenAI-Organization", "org-1"), ("Idempotency-Key", "i1")]);

        Assert.True(answer.Status == 200, answer.ToString());
        var sent = upstream.Requests.Single();
        Assert.Contains("X-Mine: ", sent, StringComparison.Ordinal);
        Assert.Contains("OpenAI-Organization: org-1", sent, StringComparison.Ordinal);
        Assert.Contains("Authorization: Bearer sk-demo", sent, StringComparison.Ordinal);
        Assert.DoesNotContain(key, sent, StringComparison.Ordinal);
        Assert.DoesNotContain("X-CM-", sent, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("Cookie", sent, StringComparison.OrdinalIgnoreCase);
        Assert.NotNull(answer.Header("X-Upstream"));
        Assert.Null(answer.Header("Set-Cookie"));
        Assert.Null(answer.Header("X-Odd"));
        Assert.Equal((await rig.RecordAsync()).Cost, answer.Cost);
    }

    [Fact]
    public async Task Usage_BeyondAnyMoney_IsPresumedNotAFailure()
    {
        await using var upstream = new ScriptedUpstream();
        await using var rig = await GatewayRig.StartAsync(settings: upstream.Behind);
        var key = await rig.KeyAsync(policy: new PolicyDocument { MaxCostPerRequest = MoneyLimit.Unlimited });
        upstream.Answer("""{"choices":[],"usage":{"prompt_tokens":9007199254740991,"completion_tokens":9007199254740991}}""");

        var answer = await rig.AskAsync(key, Chat.Body(model: "gpt-4o"));

        Assert.True(answer.Status == 200, answer.ToString());
        var record = await rig.RecordAsync();
        Assert.Equal(CurateMe.Ledger.Records.UsageSource.Presumed, record.Source);
        Assert.Equal(record.Hold, record.Cost);
        Assert.Equal(NanoUsd.Zero, (await rig.CellAsync("org")).Held);
    }
}
