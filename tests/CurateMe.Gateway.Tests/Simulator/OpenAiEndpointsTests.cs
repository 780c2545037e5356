#pragma warning disable OPENAI001 // the client marks its responses API as subject to change
using System.ClientModel;
using System.ClientModel.Primitives;
using System.Text.Json;
using CurateMe.Gateway.Simulator;
using OpenAI;
using OpenAI.Responses;
using Xunit;

namespace CurateMe.Gateway.Tests.Simulator;

/// <summary>The other endpoints against the official OpenAI client, and against the bill.</summary>
public sealed class OpenAiEndpointsTests : IAsyncLifetime
{
    SimulatorClient _simulator = null!;

    public async ValueTask InitializeAsync() => _simulator = await SimulatorClient.StartAsync();

    public ValueTask DisposeAsync() => _simulator.DisposeAsync();

    OpenAIClient Client(string sim = "")
    {
        var options = new OpenAIClientOptions { Endpoint = new Uri(_simulator.Host.BaseUrl("openai") + "/v1"), RetryPolicy = new ClientRetryPolicy(0) };
        if (sim.Length > 0)
            options.AddPolicy(new SimHeader(sim), PipelinePosition.PerCall);
        return new OpenAIClient(new ApiKeyCredential("sk-test"), options);
    }

    BillCounts Billed() => Assert.Single(_simulator.Bill.Entries).Units;

    [Fact]
    public async Task Responses_Whole_ReadsInTheOfficialClient()
    {
        ResponseResult response = await Client().GetResponsesClient().CreateResponseAsync("gpt-5", "Say something");
        Assert.Equal(ResponseStatus.Completed, response.Status);
        Assert.Equal(40, Tokens.Count(response.GetOutputText()));
        Assert.Equal(64, response.Usage.OutputTokenDetails.ReasoningTokenCount);
        Assert.Equal((response.Usage.InputTokenCount, response.Usage.OutputTokenCount), (Billed().PromptTokens, Billed().CompletionTokens));
    }

    [Fact]
    public async Task Responses_Streamed_SendsTheEventsInOrderAndUsageAtTheEnd()
    {
        var text = "";
        var types = new List<Type>();
        ResponseResult? last = null;
        var sequence = -1;
        await foreach (var update in await Client().GetResponsesClient().CreateResponseStreamingAsync("gpt-4o", "Say something"))
        {
            Assert.Equal(++sequence, update.SequenceNumber);
            types.Add(update.GetType());
            text += (update as StreamingResponseOutputTextDeltaUpdate)?.Delta;
            last = (update as StreamingResponseCompletedUpdate)?.Response;
        }
        Assert.Equal(typeof(StreamingResponseCreatedUpdate), types[0]);
        Assert.Equal(typeof(StreamingResponseCompletedUpdate), types[^1]);
        Assert.Equal(40, Tokens.Count(text));
        Assert.Equal(text, last!.GetOutputText());
        Assert.Equal(last.Usage.OutputTokenCount, Billed().CompletionTokens);
    }

    [Fact]
    public async Task Responses_Capped_AreIncomplete()
    {
        var events = SimulatorClient.Events(await _simulator.Text("openai/v1/responses", """{"model":"gpt-4o","input":"x","stream":true,"max_output_tokens":16}"""));
        var response = events[^1].GetProperty("response");
        Assert.Equal("response.incomplete", events[^1].GetProperty("type").GetString());
        Assert.Equal("max_output_tokens", response.GetProperty("incomplete_details").GetProperty("reason").GetString());
        Assert.Equal(16, Billed().CompletionTokens);
    }

    [Fact]
    public async Task Responses_RequiredTool_IsCalledInBothForms()
    {
        const string Body = """{"model":"gpt-4o","input":"x","tool_choice":"required","tools":[{"type":"function","name":"f","parameters":{"type":"object","properties":{"a":{"type":"integer"}}}}]""";
        var whole = (await _simulator.Json("openai/v1/responses", Body + "}")).GetProperty("output")[0];
        Assert.Equal("function_call", whole.GetProperty("type").GetString());
        var events = SimulatorClient.Events(await _simulator.Text("openai/v1/responses", Body + ",\"stream\":true}"));
        var deltas = string.Concat(events.Where(e => e.GetProperty("type").GetString() == "response.function_call_arguments.delta").Select(e => e.GetProperty("delta").GetString()));
        Assert.Equal(whole.GetProperty("arguments").GetString(), deltas);
        Assert.Equal(_simulator.Bill.Entries[0].Units, _simulator.Bill.Entries[1].Units);
    }

    [Fact]
    public async Task Responses_Previous_IsPartOfThePrompt()
    {
        var first = await _simulator.Json("openai/v1/responses", """{"model":"gpt-4o","input":"x"}""");
        var second = await _simulator.Json("openai/v1/responses", $$"""{"model":"gpt-4o","input":"x","previous_response_id":"{{first.GetProperty("id").GetString()}}"}""");
        Assert.Equal(first.GetProperty("usage").GetProperty("total_tokens").GetInt32() + _simulator.Bill.Entries[0].Units.PromptTokens, second.GetProperty("usage").GetProperty("input_tokens").GetInt32());
        using var unknown = await _simulator.Send("openai/v1/responses", """{"model":"gpt-4o","input":"x","previous_response_id":"resp_none"}""");
        Assert.Equal(400, (int)unknown.StatusCode);
    }

    [Fact]
    public async Task Responses_Background_IsBilledOnceWhenItEndsAndFreeToFetch()
    {
        var queued = await _simulator.Json("openai/v1/responses", """{"model":"gpt-4o","input":"x","background":true}""", id: "gw_bg");
        Assert.Equal("queued", queued.GetProperty("status").GetString());
        Assert.Equal(JsonValueKind.Null, queued.GetProperty("usage").ValueKind);
        var id = queued.GetProperty("id").GetString();
        var done = queued;
        for (var tries = 0; tries < 1000 && done.GetProperty("status").GetString() != "completed"; tries++)
        {
            await Task.Delay(20);
            done = await _simulator.Get($"openai/v1/responses/{id}");
        }
        Assert.Equal(40, done.GetProperty("usage").GetProperty("output_tokens").GetInt32());
        await _simulator.Get($"openai/v1/responses/{id}");
        Assert.Equal(("gw_bg", 40, false), (_simulator.Bill.Entries[0].RequestId, Billed().CompletionTokens, _simulator.Bill.Entries[0].Cancelled));
    }

    [Fact]
    public async Task Responses_BackgroundCancelled_IsBilledForItsPrompt()
    {
        var queued = await _simulator.Json("openai/v1/responses", """{"model":"gpt-4o","input":"x","background":true}""", "latency_ms=600000");
        await _simulator.Waiting(1);
        var cancelled = await _simulator.Json($"openai/v1/responses/{queued.GetProperty("id").GetString()}/cancel", "");
        Assert.Equal("cancelled", cancelled.GetProperty("status").GetString());
        var line = (await _simulator.Billed(1))[0];
        Assert.Equal((true, 0), (line.Cancelled, line.Units.CompletionTokens));
    }

    [Fact]
    public async Task Embeddings_SeveralInputs_ReadInTheOfficialClient()
    {
        var answer = (await Client().GetEmbeddingClient("text-embedding-3-small").GenerateEmbeddingsAsync(["one two", "three"])).Value;
        Assert.Equal(2, answer.Count);
        Assert.Equal(1536, answer[0].ToFloats().Length);
        Assert.Equal((3, 0), (Billed().PromptTokens, Billed().CompletionTokens));
        Assert.Equal(3, answer.Usage.InputTokenCount);
    }

    [Fact]
    public async Task Images_DallE_AreBilledByThePiece()
    {
        var answer = (await Client().GetImageClient("dall-e-3").GenerateImageAsync("a cat")).Value;
        Assert.NotNull(answer.ImageUri);
        Assert.Equal((1, 0), (Billed().Images, Billed().CompletionTokens));
        Assert.Equal("1024x1024/standard", _simulator.Bill.Entries[0].Variant);
    }

    [Fact]
    public async Task Images_GptImage_AreBilledByTokens()
    {
        var answer = await _simulator.Json("openai/v1/images/generations", """{"model":"gpt-image-1","prompt":"a cat","n":2,"quality":"low","size":"1024x1536"}""");
        Assert.Equal(816, answer.GetProperty("usage").GetProperty("output_tokens").GetInt32());
        Assert.Equal((816, 816, 2, 0), (Billed().CompletionTokens, Billed().ImageCompletionTokens, Billed().PromptTokens, Billed().Images));
    }

    [Fact]
    public async Task Speech_Tts_IsBilledByCharacters()
    {
        var audio = (await Client().GetAudioClient("tts-1").GenerateSpeechAsync("héllo 😀", OpenAI.Audio.GeneratedSpeechVoice.Alloy)).Value;
        Assert.True(audio.ToMemory().Length > 0);
        Assert.Equal(7, Billed().Characters);
    }

    [Fact]
    public async Task Speech_GptTts_IsBilledByTokens()
    {
        var events = SimulatorClient.Events(await _simulator.Text("openai/v1/audio/speech", """{"model":"gpt-4o-mini-tts","input":"hello world of money","voice":"alloy","stream_format":"sse"}"""));
        var usage = events[^1].GetProperty("usage");
        Assert.Equal((usage.GetProperty("input_tokens").GetInt32(), usage.GetProperty("output_tokens").GetInt32()), (Billed().PromptTokens, Billed().AudioCompletionTokens));
        Assert.Equal(28, Billed().CompletionTokens);
    }

    [Theory]
    [InlineData("whisper-1", 2000, 0)]
    [InlineData("gpt-4o-transcribe", 0, 20)]
    public async Task Transcriptions_OfTwoSeconds_AreBilledByTimeOrByTokens(string model, int milliseconds, int audioTokens)
    {
        using var file = new MemoryStream(new byte[32_000]);
        var answer = (await Client().GetAudioClient(model).TranscribeAudioAsync(file, "a.mp3")).Value;
        Assert.Equal(6, Tokens.Count(answer.Text));
        Assert.Equal((milliseconds, audioTokens), (Billed().AudioMilliseconds, Billed().AudioPromptTokens));
    }

    [Fact]
    public async Task Moderations_AreFree()
    {
        var answer = (await Client().GetModerationClient("omni-moderation-latest").ClassifyTextAsync("hello")).Value;
        Assert.False(answer.Flagged);
        Assert.Empty(_simulator.Bill.Entries);
    }

    [Fact]
    public async Task Models_ReadInTheOfficialClient()
    {
        var models = (await Client().GetOpenAIModelClient().GetModelsAsync()).Value;
        Assert.Contains(models, model => model.Id == "gpt-4o");
        Assert.Empty(_simulator.Bill.Entries);
    }

    [Fact]
    public async Task Completions_BestOf_BillsAllThatWasMade()
    {
        var answer = await _simulator.Json("openai/v1/completions", """{"model":"gpt-3.5-turbo-instruct","prompt":["a","b"],"max_tokens":10,"n":1,"best_of":3}""");
        Assert.Equal(2, answer.GetProperty("choices").GetArrayLength());
        Assert.Equal("length", answer.GetProperty("choices")[0].GetProperty("finish_reason").GetString());
        Assert.Equal((2, 60), (Billed().PromptTokens, Billed().CompletionTokens));
        Assert.Equal(60, answer.GetProperty("usage").GetProperty("completion_tokens").GetInt32());
    }

    [Fact]
    public async Task Completions_Streamed_TellUsageWhenAsked()
    {
        var events = SimulatorClient.Events(await _simulator.Text("openai/v1/completions", """{"model":"gpt-3.5-turbo-instruct","prompt":"a","stream":true,"stream_options":{"include_usage":true}}"""));
        Assert.Equal(16, events[^1].GetProperty("usage").GetProperty("completion_tokens").GetInt32());
        Assert.Equal(16, Tokens.Count(string.Concat(events[..^1].Select(e => e.GetProperty("choices")[0].GetProperty("text").GetString()))));
    }

    [Fact]
    public async Task Chat_SeveralChoices_AreEachMadeAndBilled()
    {
        var answer = await _simulator.Json(SimulatorClient.ChatPath, """{"model":"gpt-4o","n":3,"max_tokens":5,"messages":[{"role":"user","content":"x"}]}""");
        Assert.Equal(3, answer.GetProperty("choices").EnumerateArray().Select(choice => choice.GetProperty("message").GetProperty("content").GetString()).Distinct().Count());
        Assert.Equal(15, Billed().CompletionTokens);
    }

    [Fact]
    public async Task Chat_Picture_IsCountedByItsTiles()
    {
        static string Body(string detail) => $$$"""{"model":"gpt-4o","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://example.com/a.png","detail":"{{{detail}}}"}}]}]}""";
        await _simulator.Json(SimulatorClient.ChatPath, Body("low"));
        await _simulator.Json(SimulatorClient.ChatPath, Body("high"));
        Assert.Equal([91, 771], _simulator.Bill.Entries.Select(line => line.Units.PromptTokens));
    }

    [Fact]
    public async Task Chat_CachedTokens_AreToldAndBilled()
    {
        var answer = await _simulator.Json(SimulatorClient.ChatPath, SimulatorClient.Chat, "cached_tokens=4");
        Assert.Equal(4, answer.GetProperty("usage").GetProperty("prompt_tokens_details").GetProperty("cached_tokens").GetInt32());
        Assert.Equal(4, Billed().CacheReadTokens);
    }

    [Theory]
    [InlineData("groq", "llama-3.3-70b", 200)]
    [InlineData("groq", "unknown-model", 404)]
    [InlineData("openai", "sim-unpriced", 200)]
    [InlineData("openai", "llama-3.3-70b", 404)]
    public async Task Model_OfAProvider_IsKnownByItsFamily(string provider, string model, int status)
    {
        using var response = await _simulator.Send($"{provider}/v1/chat/completions", SimulatorClient.Chat.Replace("gpt-4o", model));
        Assert.Equal(status, (int)response.StatusCode);
    }

    [Fact]
    public async Task Chat_OldCapForAReasoningModel_IsRefused()
    {
        using var response = await _simulator.Send(SimulatorClient.ChatPath, """{"model":"o3","max_tokens":5,"messages":[{"role":"user","content":"x"}]}""");
        Assert.Equal(400, (int)response.StatusCode);
        Assert.Contains("unsupported_parameter", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Fast_SameBody_GetsTheSameBytesWithRightUsageAndNoBill()
    {
        await using var fast = await SimulatorClient.StartAsync(new SimulatorOptions { Fast = true });
        var first = await fast.Text(SimulatorClient.ChatPath, SimulatorClient.Chat);
        Assert.Equal(first, await fast.Text(SimulatorClient.ChatPath, SimulatorClient.Chat));
        var usage = JsonElement.Parse(first).GetProperty("usage");
        var slow = (await _simulator.Json(SimulatorClient.ChatPath, SimulatorClient.Chat)).GetProperty("usage");
        Assert.Equal(slow.GetRawText(), usage.GetRawText());
        Assert.EndsWith("data: [DONE]\n\n", await fast.Text(SimulatorClient.ChatPath, SimulatorClient.ChatStream), StringComparison.Ordinal);
        Assert.Empty(fast.Bill.Entries);
        // What cannot be answered from ready bytes is answered in the usual way
        using var refused = await fast.Send(SimulatorClient.ChatPath, SimulatorClient.Chat.Replace("gpt-4o", "unknown"));
        Assert.Equal(404, (int)refused.StatusCode);
    }
}
