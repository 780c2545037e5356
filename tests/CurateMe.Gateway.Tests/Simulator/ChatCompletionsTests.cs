using System.ClientModel;
using System.ClientModel.Primitives;
using System.Text.Json;
using CurateMe.Gateway.Simulator;
using OpenAI;
using OpenAI.Chat;
using Xunit;

namespace CurateMe.Gateway.Tests.Simulator;

/// <summary>The simulator against the official OpenAI client.</summary>
public sealed class ChatCompletionsTests : IAsyncLifetime
{
    SimulatorHost _host = null!;

    public async ValueTask InitializeAsync() => _host = await SimulatorHost.StartAsync();

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    ChatClient Client(string model, string sim = "", string key = "sk-test")
    {
        var options = new OpenAIClientOptions { Endpoint = new Uri(_host.BaseUrl("openai") + "/v1"), RetryPolicy = new ClientRetryPolicy(0) };
        if (sim.Length > 0)
            options.AddPolicy(new SimHeader(sim), PipelinePosition.PerCall);
        return new ChatClient(model, new ApiKeyCredential(key), options);
    }

    [Fact]
    public async Task Whole_DefaultRequest_ReadsInTheOfficialClientAndMatchesTheBill()
    {
        ChatCompletion answer = await Client("gpt-4o-mini").CompleteChatAsync(["Say something"]);
        Assert.Equal(ChatFinishReason.Stop, answer.FinishReason);
        Assert.Equal(Behaviour.DefaultOutputTokens, answer.Usage.OutputTokenCount);
        Assert.Equal(Behaviour.DefaultOutputTokens, Tokens.Count(answer.Content[0].Text));
        var line = Assert.Single(_host.Bill.Entries);
        Assert.Equal(("openai", "gpt-4o-mini", "chat.completions", false, false), (line.Provider, line.Model, line.Operation, line.Stream, line.Cancelled));
        Assert.Equal(answer.Usage.InputTokenCount, line.Units.PromptTokens);
        Assert.Equal(answer.Usage.OutputTokenCount, line.Units.CompletionTokens);
    }

    [Fact]
    public async Task Streamed_DefaultRequest_SaysTheSameTextAndUsageAsTheWhole()
    {
        var updates = new List<StreamingChatCompletionUpdate>();
        await foreach (var update in Client("gpt-4o-mini").CompleteChatStreamingAsync(["Say something"]))
            updates.Add(update);
        var text = string.Concat(updates.SelectMany(update => update.ContentUpdate).Select(part => part.Text));
        Assert.Equal(Behaviour.DefaultOutputTokens, Tokens.Count(text));
        var usage = Assert.Single(updates, update => update.Usage is not null).Usage;
        Assert.Equal(Behaviour.DefaultOutputTokens, usage.OutputTokenCount);
        Assert.Equal(ChatFinishReason.Stop, Assert.Single(updates, update => update.FinishReason is not null).FinishReason);
        var line = Assert.Single(_host.Bill.Entries);
        Assert.True(line.Stream);
        Assert.Equal(usage.InputTokenCount, line.Units.PromptTokens);
        Assert.Equal(usage.OutputTokenCount, line.Units.CompletionTokens);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(39)]
    public async Task Whole_CapBelowWanted_StopsAtTheCap(int cap)
    {
        ChatCompletion answer = await Client("gpt-4o").CompleteChatAsync([new UserChatMessage("x")], new ChatCompletionOptions { MaxOutputTokenCount = cap });
        Assert.Equal(ChatFinishReason.Length, answer.FinishReason);
        Assert.Equal(cap, answer.Usage.OutputTokenCount);
        Assert.Equal(cap, _host.Bill.Entries[0].Units.CompletionTokens);
    }

    [Fact]
    public async Task Whole_ReasoningModel_CountsThoughtWithinTheCap()
    {
        ChatCompletion answer = await Client("gpt-5").CompleteChatAsync([new UserChatMessage("x")], new ChatCompletionOptions { MaxOutputTokenCount = 70 });
        Assert.Equal(64, answer.Usage.OutputTokenDetails.ReasoningTokenCount);
        Assert.Equal(70, answer.Usage.OutputTokenCount);
        Assert.Equal(6, Tokens.Count(answer.Content[0].Text));
        Assert.Equal(ChatFinishReason.Length, answer.FinishReason);
    }

    [Fact]
    public async Task Whole_IgnoreCap_GoesOverItAndBillsIt()
    {
        ChatCompletion answer = await Client("gpt-4o", "ignore_cap=1; output_tokens=5").CompleteChatAsync([new UserChatMessage("x")], new ChatCompletionOptions { MaxOutputTokenCount = 10 });
        Assert.Equal(15, answer.Usage.OutputTokenCount);
        Assert.Equal(15, _host.Bill.Entries[0].Units.CompletionTokens);
    }

    [Fact]
    public async Task Tools_Required_CallsTheFirstToolWithArgumentsOfItsSchema()
    {
        var options = new ChatCompletionOptions
        {
            ToolChoice = ChatToolChoice.CreateRequiredChoice(),
            Tools = { ChatTool.CreateFunctionTool("get_weather", "w", BinaryData.FromString("""{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer"}}}""")) },
        };
        ChatCompletion whole = await Client("gpt-4o").CompleteChatAsync([new UserChatMessage("x")], options);
        Assert.Equal(ChatFinishReason.ToolCalls, whole.FinishReason);
        var call = Assert.Single(whole.ToolCalls);
        Assert.Equal("get_weather", call.FunctionName);
        using var arguments = JsonDocument.Parse(call.FunctionArguments);
        Assert.Equal(JsonValueKind.Number, arguments.RootElement.GetProperty("days").ValueKind);

        var streamed = "";
        await foreach (var update in Client("gpt-4o").CompleteChatStreamingAsync([new UserChatMessage("x")], options))
            streamed += string.Concat(update.ToolCallUpdates.Select(part => part.FunctionArgumentsUpdate?.ToString()));
        Assert.Equal(call.FunctionArguments.ToString(), streamed);
        Assert.Equal(_host.Bill.Entries[0].Units, _host.Bill.Entries[1].Units);
    }

    [Fact]
    public async Task Structured_JsonSchema_AnswersJsonThatFits()
    {
        var format = ChatResponseFormat.CreateJsonSchemaFormat("verdict", BinaryData.FromString(
            """{"type":"object","properties":{"ok":{"type":"boolean"},"tags":{"type":"array","items":{"$ref":"#/$defs/tag"}}},"$defs":{"tag":{"enum":["a","b"]}}}"""));
        ChatCompletion answer = await Client("gpt-4o").CompleteChatAsync([new UserChatMessage("x")], new ChatCompletionOptions { ResponseFormat = format });
        using var json = JsonDocument.Parse(answer.Content[0].Text);
        Assert.True(json.RootElement.GetProperty("ok").ValueKind is JsonValueKind.True or JsonValueKind.False);
        Assert.Equal("a", json.RootElement.GetProperty("tags")[0].GetString());
    }

    [Fact]
    public async Task Key_Bad_IsRefusedInTheProvidersWordsAndNotBilled()
    {
        var error = await Assert.ThrowsAsync<ClientResultException>(() => Client("gpt-4o", key: "sk-bad").CompleteChatAsync(["x"]));
        Assert.Equal(401, error.Status);
        Assert.Contains("invalid_api_key", error.Message);
        Assert.Empty(_host.Bill.Entries);
    }

    [Fact]
    public async Task Model_Unknown_Is404()
    {
        var error = await Assert.ThrowsAsync<ClientResultException>(() => Client("no-such-model").CompleteChatAsync(["x"]));
        Assert.Equal(404, error.Status);
        Assert.Contains("model_not_found", error.Message);
    }

    [Fact]
    public async Task Cap_AboveTheModelsLimit_Is400()
    {
        var error = await Assert.ThrowsAsync<ClientResultException>(() =>
            Client("gpt-4o").CompleteChatAsync([new UserChatMessage("x")], new ChatCompletionOptions { MaxOutputTokenCount = 16_385 }));
        Assert.Equal(400, error.Status);
        Assert.Empty(_host.Bill.Entries);
    }

    [Fact]
    public async Task Prompt_AboveTheContext_Is400()
    {
        var error = await Assert.ThrowsAsync<ClientResultException>(() => Client("gpt-4").CompleteChatAsync([string.Concat(Enumerable.Repeat("a ", 9000))]));
        Assert.Equal(400, error.Status);
        Assert.Contains("context_length_exceeded", error.Message);
    }
}

/// <summary>Sends an <c>X-Sim</c> header with every call of an official client.</summary>
sealed class SimHeader(string value) : PipelinePolicy
{
    public override void Process(PipelineMessage message, IReadOnlyList<PipelinePolicy> pipeline, int currentIndex)
    {
        message.Request.Headers.Set(Behaviour.Header, value);
        ProcessNext(message, pipeline, currentIndex);
    }

    public override ValueTask ProcessAsync(PipelineMessage message, IReadOnlyList<PipelinePolicy> pipeline, int currentIndex)
    {
        message.Request.Headers.Set(Behaviour.Header, value);
        return ProcessNextAsync(message, pipeline, currentIndex);
    }
}
