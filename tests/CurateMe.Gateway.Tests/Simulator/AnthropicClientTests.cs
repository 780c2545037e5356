using Anthropic;
using Anthropic.Exceptions;
using Anthropic.Models.Messages;
using CurateMe.Gateway.Simulator;
using Xunit;

namespace CurateMe.Gateway.Tests.Simulator;

/// <summary>The simulator against the official Anthropic client.</summary>
public sealed class AnthropicClientTests : IAsyncLifetime
{
    SimulatorHost _host = null!;

    public async ValueTask InitializeAsync() => _host = await SimulatorHost.StartAsync();

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    AnthropicClient Client(string key = "sk-test") => new() { ApiKey = key, BaseUrl = _host.BaseUrl("anthropic"), MaxRetries = 0 };

    static MessageCreateParams Parameters(string model = "claude-sonnet-4-5") =>
        new() { MaxTokens = 100, Messages = [new UserMessageParam("Say something")], Model = model };

    [Fact]
    public async Task Whole_ReadsInTheOfficialClientAndMatchesTheBill()
    {
        var message = await Client().Messages.Create(Parameters());
        Assert.True(message.Content[0].TryPickText(out var text));
        Assert.Equal(40, Tokens.Count(text!.Text));
        var line = Assert.Single(_host.Bill.Entries);
        Assert.Equal((message.Usage.InputTokens, message.Usage.OutputTokens), (line.Units.PromptTokens, line.Units.CompletionTokens));
    }

    [Fact]
    public async Task Streamed_ReadsInTheOfficialClient()
    {
        var text = "";
        long output = 0;
        await foreach (var update in Client().Messages.CreateStreaming(Parameters()))
        {
            if (update.TryPickContentBlockDelta(out var delta) && delta.Delta.TryPickText(out var piece))
                text += piece.Text;
            if (update.TryPickDelta(out var end))
                output = end.Usage.OutputTokens;
        }
        Assert.Equal(40, Tokens.Count(text));
        Assert.Equal(40, output);
        Assert.True(Assert.Single(_host.Bill.Entries).Stream);
    }

    [Fact]
    public async Task Key_Bad_IsRefused() =>
        await Assert.ThrowsAsync<AnthropicUnauthorizedException>(() => Client("sk-bad").Messages.Create(Parameters()));

    [Fact]
    public async Task Model_Unknown_IsRefused() =>
        await Assert.ThrowsAsync<AnthropicNotFoundException>(() => Client().Messages.Create(Parameters("gpt-4o")));
}
