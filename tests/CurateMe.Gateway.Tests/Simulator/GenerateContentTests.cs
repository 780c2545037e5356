using System.Text.Json;
using CurateMe.Gateway.Simulator;
using Xunit;

namespace CurateMe.Gateway.Tests.Simulator;

/// <summary>Gemini's endpoints.</summary>
public sealed class GenerateContentTests : IAsyncLifetime
{
    const string Models = "google/v1beta/models/";
    SimulatorClient _simulator = null!;

    public async ValueTask InitializeAsync() => _simulator = await SimulatorClient.StartAsync();

    public ValueTask DisposeAsync() => _simulator.DisposeAsync();

    static string Body(string settings = "", string more = "") => $$$"""{"contents":[{"role":"user","parts":[{"text":"Say something"}{{{more}}}]}],"generationConfig":{ {{{settings}}} }}""";

    BillCounts Billed() => Assert.Single(_simulator.Bill.Entries).Units;

    [Fact]
    public async Task Whole_WithThought_MatchesTheBill()
    {
        var answer = await _simulator.Json(Models + "gemini-2.5-flash:generateContent", Body("""  "thinkingConfig":{"thinkingBudget":20}  """));
        var usage = answer.GetProperty("usageMetadata");
        Assert.Equal((40, 20), (usage.GetProperty("candidatesTokenCount").GetInt32(), usage.GetProperty("thoughtsTokenCount").GetInt32()));
        Assert.Equal((60, 20), (Billed().CompletionTokens, Billed().ReasoningTokens));
        Assert.Equal(usage.GetProperty("totalTokenCount").GetInt32(), Billed().PromptTokens + Billed().CompletionTokens);
        Assert.Equal("STOP", answer.GetProperty("candidates")[0].GetProperty("finishReason").GetString());
    }

    [Theory]
    [InlineData("?alt=sse")]
    [InlineData("")]
    public async Task Streamed_InBothModes_SaysTheSameAsTheWhole(string query)
    {
        var whole = await _simulator.Json(Models + "gemini-2.0-flash:generateContent", Body());
        var text = await _simulator.Text(Models + "gemini-2.0-flash:streamGenerateContent" + query, Body());
        var chunks = query.Length > 0 ? SimulatorClient.Events(text.Replace("\r\n", "\n")) : [.. JsonElement.Parse(text).EnumerateArray()];
        Assert.Equal(10, chunks.Count);
        var parts = chunks.Select(chunk => chunk.GetProperty("candidates")[0].GetProperty("content").GetProperty("parts")[0].GetProperty("text").GetString());
        Assert.Equal(whole.GetProperty("candidates")[0].GetProperty("content").GetProperty("parts")[0].GetProperty("text").GetString(), string.Concat(parts));
        Assert.Equal(whole.GetProperty("usageMetadata").GetRawText(), chunks[^1].GetProperty("usageMetadata").GetRawText());
        Assert.Equal(_simulator.Bill.Entries[0].Units, _simulator.Bill.Entries[1].Units);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(64)]
    [InlineData(70)]
    public async Task Cap_Reached_HoldsThoughtAndTextTogether(int cap)
    {
        var answer = await _simulator.Json(Models + "gemini-2.5-flash:generateContent", Body($"\"maxOutputTokens\":{cap}"));
        Assert.Equal("MAX_TOKENS", answer.GetProperty("candidates")[0].GetProperty("finishReason").GetString());
        Assert.Equal(cap, Billed().CompletionTokens);
    }

    [Fact]
    public async Task Prompt_OfSeveralKinds_IsToldByModality()
    {
        var answer = await _simulator.Json(Models + "gemini-2.0-flash:generateContent", Body(more: """,{"inlineData":{"mimeType":"audio/wav","data":"AAAA"}},{"inline_data":{"mime_type":"image/png","data":"AAAA"}}"""));
        var details = answer.GetProperty("usageMetadata").GetProperty("promptTokensDetails").EnumerateArray().ToDictionary(d => d.GetProperty("modality").GetString()!, d => d.GetProperty("tokenCount").GetInt32());
        Assert.Equal(Billed().PromptTokens, details.Values.Sum());
        Assert.Equal((Billed().ImagePromptTokens, Billed().AudioPromptTokens), (details["IMAGE"], details["AUDIO"]));
    }

    [Fact]
    public async Task Cached_NamedCache_IsPartOfThePrompt()
    {
        var usage = (await _simulator.Json(Models + "gemini-2.0-flash:generateContent", Body()[..^1] + ",\"cachedContent\":\"cachedContents/a\"}", "cached_tokens=500")).GetProperty("usageMetadata");
        Assert.Equal(500, usage.GetProperty("cachedContentTokenCount").GetInt32());
        Assert.Equal(500, Billed().CacheReadTokens);
        Assert.True(Billed().PromptTokens > 500);
    }

    [Fact]
    public async Task Tool_Any_IsCalledInBothForms()
    {
        var body = Body()[..^1] + ""","tools":[{"functionDeclarations":[{"name":"f","parameters":{"type":"OBJECT","properties":{"a":{"type":"STRING"}}}}]}],"toolConfig":{"functionCallingConfig":{"mode":"ANY"}}}""";
        var whole = await _simulator.Json(Models + "gemini-2.0-flash:generateContent", body);
        var call = whole.GetProperty("candidates")[0].GetProperty("content").GetProperty("parts")[0].GetProperty("functionCall");
        Assert.Equal("f", call.GetProperty("name").GetString());
        Assert.Equal(JsonValueKind.String, call.GetProperty("args").GetProperty("a").ValueKind);
        var chunk = Assert.Single(SimulatorClient.Events((await _simulator.Text(Models + "gemini-2.0-flash:streamGenerateContent?alt=sse", body)).Replace("\r\n", "\n")));
        Assert.Equal(call.GetRawText(), chunk.GetProperty("candidates")[0].GetProperty("content").GetProperty("parts")[0].GetProperty("functionCall").GetRawText());
        Assert.Equal(_simulator.Bill.Entries[0].Units, _simulator.Bill.Entries[1].Units);
    }

    [Fact]
    public async Task CountTokens_IsFreeAndAgreesWithTheBill()
    {
        var count = (await _simulator.Json(Models + "gemini-2.0-flash:countTokens", Body())).GetProperty("totalTokens").GetInt32();
        Assert.Empty(_simulator.Bill.Entries);
        await _simulator.Json(Models + "gemini-2.0-flash:generateContent", Body());
        Assert.Equal(count, Billed().PromptTokens);
    }

    [Theory]
    [InlineData("gemini-2.0-flash:generateContent", """{"contents":[]}""", 400, "INVALID_ARGUMENT")]
    [InlineData("gpt-4o:generateContent", """{"contents":[{"parts":[{"text":"x"}]}]}""", 404, "NOT_FOUND")]
    [InlineData("gemini-2.0-flash:generateContent", """{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{"maxOutputTokens":8193}}""", 400, "INVALID_ARGUMENT")]
    public async Task Request_Wrong_IsRefusedInGeminisShape(string target, string body, int status, string named)
    {
        using var response = await _simulator.Send(Models + target, body);
        Assert.Equal(status, (int)response.StatusCode);
        var error = JsonElement.Parse(await response.Content.ReadAsStringAsync()).GetProperty("error");
        Assert.Equal((status, named), (error.GetProperty("code").GetInt32(), error.GetProperty("status").GetString()));
    }
}
