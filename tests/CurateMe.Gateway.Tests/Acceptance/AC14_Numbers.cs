using System.Text.Json;
using CurateMe.Client;
using CurateMe.Gateway.Configuration;
using CurateMe.Testing;
using Xunit;

namespace CurateMe.Gateway.Tests.Acceptance;

public sealed class AC14_Numbers
{
    [Theory]
    [InlineData("NaN")]
    [InlineData("Infinity")]
    [InlineData("\"NaN\"")]
    [InlineData("\"Infinity\"")]
    [InlineData("1e308")]
    [InlineData("9223372037")]
    [InlineData("0.0000000001")]
    public void Policy_AmountThatIsNoMoney_IsRefused(string amount) =>
        Assert.Throws<JsonException>(() => JsonSerializer.Deserialize($$"""{"daily_budget":{{amount}}}""", AdminJson.Default.PolicyDocument));

    [Theory]
    [InlineData("-1")]
    [InlineData("1e308")]
    [InlineData("\"NaN\"")]
    [InlineData("\"Infinity\"")]
    [InlineData("9007199254740993")]
    public async Task Prices_ThatAreAbsurd_RefuseTheStartWithTheirPlace(string price)
    {
        using var directory = new TemporaryDirectory();
        var file = Path.Combine(directory.Path, "mine.json");
        await File.WriteAllTextAsync(file, $$"""
            { "models": [ { "provider": "openai", "model": "m", "mode": "chat", "source": "test", "as_of": "2026-01-01", "prices": { "per_million_tokens": { "input": {{price}}, "output": 1 } } } ] }
            """);
        var refusal = await Assert.ThrowsAsync<ConfigurationException>(async () =>
        {
            await using var rig = await GatewayRig.StartAsync(new Dictionary<string, string?> { ["CM_PRICES"] = file });
        });
        Assert.Contains("mine.json", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Prices_WhenOneFileIsBadAndOneMissing_RefuseTheStartWithBoth()
    {
        using var directory = new TemporaryDirectory();
        var (bad, none) = (Path.Combine(directory.Path, "bad.json"), Path.Combine(directory.Path, "none.json"));
        await File.WriteAllTextAsync(bad, """{ "models": [ { "provider": "openai", "model": "m" } ] }""");
        var refusal = await Assert.ThrowsAsync<ConfigurationException>(async () =>
        {
            await using var rig = await GatewayRig.StartAsync(new Dictionary<string, string?> { ["CM_PRICES"] = $"{bad}{Path.PathSeparator}{none}" });
        });
        Assert.Contains($"{bad}: openai/m: mode is missing", refusal.Message, StringComparison.Ordinal);
        Assert.Contains($"{none}: cannot be read", refusal.Message, StringComparison.Ordinal);
    }
}
