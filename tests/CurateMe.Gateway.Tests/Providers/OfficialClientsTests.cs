using System.ClientModel;
using System.Text.Json;
using Anthropic;
using Anthropic.Exceptions;
using Anthropic.Models.Messages;
using OpenAI;
using OpenAI.Audio;
using OpenAI.Chat;
using OpenAI.Images;
using OpenAI.Responses;
using Xunit;

#pragma warning disable OPENAI001 // the clients mark these as subject to change; the wire format is not

namespace CurateMe.Gateway.Tests.Providers;

/// <summary>The official .NET clients with nothing changed but address and key: every operation, and the bill afterwards. Chat and retries stand in AC18.</summary>
public sealed class OfficialClientsTests
{
    const string Png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==";

    static OpenAIClientOptions At(GatewayRig rig) => new() { Endpoint = new Uri(rig.Address, "/v1/openai") };

    static AnthropicClient Claude(GatewayRig rig, string key) => new() { ApiKey = key, BaseUrl = new Uri(rig.Address, "/v1/anthropic").ToString(), MaxRetries = 0 };

    static MessageCreateParams Ask(string model = "claude-sonnet-4-5") => new() { MaxTokens = 100, Messages = [new UserMessageParam("ping")], Model = model };

    [Fact]
    public async Task OpenAi_Responses_PlainStreamedAndFetchedAgain()
    {
        await using var rig = await GatewayRig.StartAsync();
        var client = new OpenAIClient(new ApiKeyCredential(await rig.KeyAsync()), At(rig)).GetResponsesClient();

        ResponseResult made = await client.CreateResponseAsync("gpt-5-mini", "ping");
        ResponseResult again = await client.GetResponseAsync(made.Id);
        var text = "";
        await foreach (var update in await client.CreateResponseStreamingAsync("gpt-5-mini", "ping"))
        {
            text += update is StreamingResponseOutputTextDeltaUpdate delta ? delta.Delta : "";
        }

        Assert.Equal(made.Id, again.Id);
        Assert.NotEmpty(text);
        var records = await Bills.AssertEqualAsync(rig);
        Assert.Equal(2, records.Count);
        Assert.Equal(made.Usage.OutputTokenCount, records.First(static r => !r.Stream).Usage.CompletionTokens);
    }

    [Fact]
    public async Task OpenAi_EmbeddingsImagesSpeechTranscriptionModeration()
    {
        await using var rig = await GatewayRig.StartAsync();
        var client = new OpenAIClient(new ApiKeyCredential(await rig.KeyAsync()), At(rig));

        Assert.True((await client.GetEmbeddingClient("text-embedding-3-small").GenerateEmbeddingAsync("ping")).Value.ToFloats().Length > 0);
        Assert.NotNull((await client.GetImageClient("dall-e-3").GenerateImageAsync("a cat", new ImageGenerationOptions { Size = GeneratedImageSize.W1024xH1024 })).Value);
        var audio = client.GetAudioClient("tts-1");
        var sound = (await audio.GenerateSpeechAsync("hello", GeneratedSpeechVoice.Alloy)).Value;
        Assert.False(sound.ToMemory().IsEmpty);
        using var stream = sound.ToStream();
        Assert.NotEmpty((await client.GetAudioClient("whisper-1").TranscribeAudioAsync(stream, "a.mp3")).Value.Text);
        Assert.False((await client.GetModerationClient("omni-moderation-latest").ClassifyTextAsync("ping")).Value.Flagged);

        Assert.Equal(5, (await Bills.AssertEqualAsync(rig)).Count);
    }

    [Theory]
    [InlineData("gpt-image-1")]
    [InlineData("dall-e-2")]
    public async Task OpenAi_ImageEdits(string model)
    {
        await using var rig = await GatewayRig.StartAsync();
        var client = new OpenAIClient(new ApiKeyCredential(await rig.KeyAsync()), At(rig)).GetImageClient(model);
        using var picture = new MemoryStream(Convert.FromBase64String(Png));

        var made = await client.GenerateImageEditAsync(picture, "a.png", "make it blue");

        Assert.NotNull(made.Value);
        var record = Assert.Single(await Bills.AssertEqualAsync(rig));
        Assert.Equal("images.edits", record.Endpoint);
        Assert.True(record.Cost.Value > 0 && record.Cost <= record.Hold, $"{record.Cost} of {record.Hold}");
    }

    [Fact]
    public async Task OpenAi_Vision_AndErrors()
    {
        await using var rig = await GatewayRig.StartAsync();
        var client = new OpenAIClient(new ApiKeyCredential(await rig.KeyAsync()), At(rig));
        var picture = ChatMessageContentPart.CreateImagePart(BinaryData.FromBytes(Convert.FromBase64String(Png)), "image/png");

        var seen = await client.GetChatClient("gpt-4o").CompleteChatAsync(new UserChatMessage(ChatMessageContentPart.CreateTextPart("what is it"), picture));

        Assert.NotEmpty(seen.Value.Content[0].Text);
        Assert.Single(await Bills.AssertEqualAsync(rig));
        foreach (var failing in (Func<Task>[])
            [() => client.GetChatClient("no-such-model").CompleteChatAsync("ping"), () => client.GetEmbeddingClient("no-such-model").GenerateEmbeddingAsync("ping"), () => client.GetResponsesClient().CreateResponseAsync("no-such-model", "ping")])
        {
            var refused = await Assert.ThrowsAsync<ClientResultException>(failing);
            Assert.Equal(403, refused.Status);
            Assert.Contains("model_not_priced", refused.Message + refused.GetRawResponse()?.Content, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Anthropic_PlainAndStreamed()
    {
        await using var rig = await GatewayRig.StartAsync();
        var client = Claude(rig, await rig.KeyAsync());

        var message = await client.Messages.Create(Ask());
        Assert.True(message.Content[0].TryPickText(out var whole));
        Assert.NotEmpty(whole!.Text);
        var text = "";
        long output = 0;
        await foreach (var update in client.Messages.CreateStreaming(Ask()))
        {
            text += update.TryPickContentBlockDelta(out var delta) && delta.Delta.TryPickText(out var piece) ? piece.Text : "";
            output = update.TryPickDelta(out var end) ? end.Usage.OutputTokens : output;
        }

        Assert.NotEmpty(text);
        var records = await Bills.AssertEqualAsync(rig);
        Assert.Equal(message.Usage.OutputTokens, records.Single(static r => !r.Stream).Usage.CompletionTokens);
        Assert.Equal(output, records.Single(static r => r.Stream).Usage.CompletionTokens);
    }

    [Fact]
    public async Task Anthropic_ToolsVisionAndStructuredInput()
    {
        await using var rig = await GatewayRig.StartAsync();
        var client = Claude(rig, await rig.KeyAsync());
        var tool = new Tool
        {
            Name = "get_weather",
            InputSchema = new InputSchema { Properties = new Dictionary<string, JsonElement> { ["city"] = JsonElement.Parse("""{"type":"string"}""") }, Required = ["city"] },
        };

        var called = await client.Messages.Create(Ask() with { Tools = [tool], ToolChoice = new ToolChoiceAny() });
        Assert.True(called.Content[^1].TryPickToolUse(out var use));
        Assert.Equal("get_weather", use!.Name);
        Assert.Equal(JsonValueKind.String, use.Input["city"].ValueKind);
        var picture = new ImageBlockParam(new Base64ImageSource { Data = Png, MediaType = MediaType.ImagePng });
        var seen = await client.Messages.Create(Ask() with { Messages = [new UserMessageParam { Content = new List<ContentBlockParam> { picture, new TextBlockParam("what is it") } }] });
        Assert.True(seen.Content[0].TryPickText(out _));

        Assert.Equal(2, (await Bills.AssertEqualAsync(rig)).Count);
    }

    [Fact]
    public async Task Anthropic_Errors_AreItsOwn()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();

        var refused = await Assert.ThrowsAsync<AnthropicForbiddenException>(() => Claude(rig, key).Messages.Create(Ask("no-such-model")));
        Assert.Contains("model_not_priced", refused.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<AnthropicUnauthorizedException>(() => Claude(rig, "cm_sk_unknown").Messages.Create(Ask()));
        Assert.Empty(await rig.RecordsAsync());
    }
}
