using System.ClientModel;
using System.ClientModel.Primitives;
using CurateMe.Client;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;
using OpenAI;
using OpenAI.Chat;
using Xunit;

namespace CurateMe.Gateway.Tests.Acceptance;

public sealed class AC18_OfficialClient
{
    [Fact]
    public async Task Denial_WithTheClientsOwnRetries_IsAskedOnce()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync(policy: new PolicyDocument { DailyBudget = new MoneyLimit(NanoUsd.Zero) });
        using var counter = new Counter();
        var chat = Client(rig, key, counter);

        var refused = await Assert.ThrowsAsync<ClientResultException>(() => chat.CompleteChatAsync("ping"));

        Assert.Equal(403, refused.Status);
        Assert.Contains("Daily budget exhausted", refused.Message, StringComparison.Ordinal);
        Assert.Equal(1, counter.Sent);
        var streamed = await Assert.ThrowsAsync<ClientResultException>(async () =>
        {
            await foreach (var _ in chat.CompleteChatStreamingAsync("ping"))
            {
            }
        });
        Assert.Equal(403, streamed.Status);
        Assert.Equal(2, counter.Sent);
        Assert.Empty(rig.Simulator.Bill.Entries);
    }

    [Theory]
    [InlineData("cm_sk_unknown", 401)]
    [InlineData(null, 400)]
    public async Task Refusal_OfKeyOrRequest_IsAskedOnce(string? secret, int status)
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = secret ?? await rig.KeyAsync();
        using var counter = new Counter();
        var options = new ChatCompletionOptions { MaxOutputTokenCount = -1 };

        var refused = await Assert.ThrowsAsync<ClientResultException>(() => Client(rig, key, counter).CompleteChatAsync(["ping"], options));

        Assert.Equal((status, 1), (refused.Status, counter.Sent));
    }

    [Fact]
    public async Task Plain_AnswerAndUsageAreTheClients()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();
        using var counter = new Counter();

        ClientResult<ChatCompletion> result = await Client(rig, key, counter).CompleteChatAsync(["ping"], new ChatCompletionOptions { MaxOutputTokenCount = 12 });

        Assert.NotEmpty(result.Value.Content[0].Text);
        Assert.Equal(ChatFinishReason.Length, result.Value.FinishReason);
        var record = Assert.Single(await rig.AssertBooksAsync());
        Assert.Equal(result.Value.Usage.OutputTokenCount, record.Usage.CompletionTokens);
        Assert.Equal(result.Value.Usage.InputTokenCount, record.Usage.PromptTokens);
        Assert.True(result.GetRawResponse().Headers.TryGetValue("X-CM-Cost", out var cost));
        Assert.Equal(record.Cost.ToString(), cost);
    }

    [Fact]
    public async Task Streamed_TextIsWholeAndTheUsageItAsksForArrives()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();
        using var counter = new Counter();
        var text = "";
        ChatTokenUsage? usage = null;

        await foreach (var update in Client(rig, key, counter).CompleteChatStreamingAsync(["ping"], new ChatCompletionOptions { MaxOutputTokenCount = 50 }))
        {
            text += string.Concat(update.ContentUpdate.Select(static c => c.Text));
            usage = update.Usage ?? usage;
        }

        Assert.NotEmpty(text);
        var record = Assert.Single(await rig.AssertBooksAsync());
        Assert.Equal(record.Usage.CompletionTokens, usage?.OutputTokenCount ?? record.Usage.CompletionTokens);
        Assert.Equal(UsageSource.Provider, record.Source);
    }

    [Fact]
    public async Task Tools_AreCalledPlainAndStreamed()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();
        using var counter = new Counter();
        var chat = Client(rig, key, counter);
        var options = new ChatCompletionOptions { MaxOutputTokenCount = 200, ToolChoice = ChatToolChoice.CreateRequiredChoice() };
        options.Tools.Add(ChatTool.CreateFunctionTool("get_weather", "Weather of a place", BinaryData.FromString("""{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}""")));

        ChatCompletion plain = await chat.CompleteChatAsync(["weather?"], options);
        var call = Assert.Single(plain.ToolCalls);
        Assert.Equal("get_weather", call.FunctionName);
        Assert.True(System.Text.Json.JsonElement.Parse(call.FunctionArguments).TryGetProperty("city", out _));

        var name = "";
        var arguments = "";
        await foreach (var update in chat.CompleteChatStreamingAsync(["weather?"], options))
        {
            name += string.Concat(update.ToolCallUpdates.Select(static u => u.FunctionName));
            arguments += string.Concat(update.ToolCallUpdates.Select(static u => u.FunctionArgumentsUpdate?.ToString()));
        }
        Assert.Equal("get_weather", name);
        Assert.True(System.Text.Json.JsonElement.Parse(arguments).TryGetProperty("city", out _));
        Assert.Equal(2, (await rig.AssertBooksAsync()).Count);
    }

    [Fact]
    public async Task StructuredOutput_FitsItsSchema()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();
        using var counter = new Counter();
        var schema = BinaryData.FromString("""{"type":"object","properties":{"steps":{"type":"array","items":{"type":"string"}},"done":{"type":"boolean"}},"required":["steps","done"],"additionalProperties":false}""");
        var options = new ChatCompletionOptions { MaxOutputTokenCount = 500, ResponseFormat = ChatResponseFormat.CreateJsonSchemaFormat("plan", schema, jsonSchemaIsStrict: true) };

        ChatCompletion answer = await Client(rig, key, counter).CompleteChatAsync(["plan"], options);

        var json = System.Text.Json.JsonElement.Parse(answer.Content[0].Text);
        Assert.True(json.TryGetProperty("steps", out _) && json.TryGetProperty("done", out _), answer.Content[0].Text);
        await rig.AssertBooksAsync();
    }

    [Fact]
    public async Task ProvidersRateLimit_IsTheClientsToRetry_EachTryHasItsRecord()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();
        using var counter = new Counter("status=429;retry_after=0");

        var refused = await Assert.ThrowsAsync<ClientResultException>(() => Client(rig, key, counter).CompleteChatAsync("ping"));

        Assert.Equal(429, refused.Status);
        var records = await rig.AssertBooksAsync();
        Assert.Equal(counter.Sent, records.Count);
        Assert.All(records, static r => Assert.Equal(NanoUsd.Zero, r.Cost));
    }

    static ChatClient Client(GatewayRig rig, string key, Counter counter) => new(
        Chat.Model, new ApiKeyCredential(key),
        new OpenAIClientOptions { Endpoint = new Uri(rig.Address, "/v1/openai"), Transport = new HttpClientPipelineTransport(new HttpClient(counter, disposeHandler: false)) });

    sealed class Counter(string? sim = null) : DelegatingHandler(new SocketsHttpHandler())
    {
        int sent;

        public int Sent => sent;

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref sent);
            if (sim is not null)
            {
                request.Headers.TryAddWithoutValidation("X-Sim", sim);
            }
            return base.SendAsync(request, cancellationToken);
        }
    }
}
