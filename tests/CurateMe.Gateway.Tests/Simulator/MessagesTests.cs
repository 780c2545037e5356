using System.Text.Json;
using CurateMe.Gateway.Simulator;
using Xunit;

namespace CurateMe.Gateway.Tests.Simulator;

/// <summary>Anthropic's endpoints.</summary>
public sealed class MessagesTests : IAsyncLifetime
{
    const string Path = "anthropic/v1/messages";
    SimulatorClient _simulator = null!;

    public async ValueTask InitializeAsync() => _simulator = await SimulatorClient.StartAsync();

    public ValueTask DisposeAsync() => _simulator.DisposeAsync();

    static string Body(string extra = "", int cap = 100) => $$"""{"model":"claude-sonnet-4-5","max_tokens":{{cap}}{{extra}},"messages":[{"role":"user","content":"Say something"}]}""";

    [Fact]
    public async Task Whole_Default_MatchesTheBill()
    {
        var answer = await _simulator.Json(Path, Body(), id: "gw_a");
        Assert.Equal("end_turn", answer.GetProperty("stop_reason").GetString());
        Assert.Equal(40, Tokens.Count(answer.GetProperty("content")[0].GetProperty("text").GetString()!));
        var line = Assert.Single(_simulator.Bill.For("gw_a"));
        Assert.Equal(("messages", answer.GetProperty("usage").GetProperty("input_tokens").GetInt32(), 40), (line.Operation, line.Units.PromptTokens, line.Units.CompletionTokens));
    }

    [Fact]
    public async Task Streamed_WithThought_SendsTheProvidersEvents()
    {
        var stream = await _simulator.Text(Path, Body(""","stream":true,"thinking":{"type":"enabled","budget_tokens":1024}""", cap: 2000));
        var events = SimulatorClient.Events(stream);
        Assert.Equal(events.Select(e => e.GetProperty("type").GetString()), stream.Split('\n').Where(line => line.StartsWith("event: ", StringComparison.Ordinal)).Select(line => line[7..]));
        Assert.Equal("message_start", events[0].GetProperty("type").GetString());
        Assert.Equal("message_stop", events[^1].GetProperty("type").GetString());
        Assert.Single(events, e => e.GetProperty("type").GetString() == "ping");
        Assert.Equal(2, events.Count(e => e.GetProperty("type").GetString() == "content_block_stop"));
        Assert.Equal(104, events[^2].GetProperty("usage").GetProperty("output_tokens").GetInt32());
        Assert.Equal(104, Assert.Single(_simulator.Bill.Entries).Units.CompletionTokens);
    }

    [Fact]
    public async Task Cache_MarkedPrefix_IsWrittenThenRead()
    {
        const string Marked = ""","system":[{"type":"text","text":"one two three four","cache_control":{"type":"ephemeral","ttl":"1h"}},{"type":"text","text":"five six","cache_control":{"type":"ephemeral"}}]""";
        var first = (await _simulator.Json(Path, Body(Marked))).GetProperty("usage");
        Assert.Equal(7, first.GetProperty("cache_creation").GetProperty("ephemeral_1h_input_tokens").GetInt32());
        Assert.Equal(2, first.GetProperty("cache_creation").GetProperty("ephemeral_5m_input_tokens").GetInt32());
        Assert.Equal(9, first.GetProperty("cache_creation_input_tokens").GetInt32());
        var second = (await _simulator.Json(Path, Body(Marked))).GetProperty("usage");
        Assert.Equal(9, second.GetProperty("cache_read_input_tokens").GetInt32());
        Assert.Equal(0, second.GetProperty("cache_creation_input_tokens").GetInt32());
        var bill = _simulator.Bill.Entries;
        Assert.Equal((7, 2, 0), (bill[0].Units.CacheWrite1hTokens, bill[0].Units.CacheWrite5mTokens, bill[0].Units.CacheReadTokens));
        Assert.Equal((0, 0, 9), (bill[1].Units.CacheWrite1hTokens, bill[1].Units.CacheWrite5mTokens, bill[1].Units.CacheReadTokens));
        Assert.Equal(bill[0].Units.PromptTokens, bill[1].Units.PromptTokens);
    }

    [Fact]
    public async Task Cache_Asked_IsWithinThePrompt()
    {
        var usage = (await _simulator.Json(Path, Body(), "cached_tokens=3; cache_write_5m=2; cache_write_1h=1000")).GetProperty("usage");
        Assert.Equal(0, usage.GetProperty("input_tokens").GetInt32());
        var units = _simulator.Bill.Entries[0].Units;
        Assert.Equal(units.PromptTokens, units.CacheReadTokens + units.CacheWrite5mTokens + units.CacheWrite1hTokens);
    }

    [Fact]
    public async Task Tool_Any_IsUsedInBothForms()
    {
        const string Tools = ""","tool_choice":{"type":"any"},"tools":[{"name":"f","input_schema":{"type":"object","properties":{"a":{"type":"string"}}}}]""";
        var whole = await _simulator.Json(Path, Body(Tools));
        Assert.Equal("tool_use", whole.GetProperty("stop_reason").GetString());
        var events = SimulatorClient.Events(await _simulator.Text(Path, Body(Tools + ",\"stream\":true")));
        var input = string.Concat(events.Where(e => e.GetProperty("type").GetString() == "content_block_delta").Select(e => e.GetProperty("delta").GetProperty("partial_json").GetString()));
        Assert.Equal(whole.GetProperty("content")[0].GetProperty("input").GetRawText(), input);
        Assert.Equal(_simulator.Bill.Entries[0].Units, _simulator.Bill.Entries[1].Units);
    }

    [Fact]
    public async Task WebSearches_AreToldAndBilled()
    {
        var usage = (await _simulator.Json(Path, Body(""","tools":[{"type":"web_search_20250305","name":"web_search"}]"""), "web_searches=2")).GetProperty("usage");
        Assert.Equal(2, usage.GetProperty("server_tool_use").GetProperty("web_search_requests").GetInt32());
        Assert.Equal(2, _simulator.Bill.Entries[0].Units.WebSearches);
    }

    [Fact]
    public async Task Cap_Reached_StopsWithMaxTokens()
    {
        var answer = await _simulator.Json(Path, Body(cap: 5));
        Assert.Equal("max_tokens", answer.GetProperty("stop_reason").GetString());
        Assert.Equal(5, Assert.Single(_simulator.Bill.Entries).Units.CompletionTokens);
    }

    [Theory]
    [InlineData("""{"model":"claude-sonnet-4-5","messages":[{"role":"user","content":"x"}]}""", 400, "max_tokens: Field required")]
    [InlineData("""{"model":"claude-sonnet-4-5","max_tokens":64001,"messages":[{"role":"user","content":"x"}]}""", 400, "maximum allowed number of output tokens")]
    [InlineData("""{"model":"claude-sonnet-4-5","max_tokens":5,"messages":[]}""", 400, "at least one message")]
    [InlineData("""{"model":"gpt-4o","max_tokens":5,"messages":[{"role":"user","content":"x"}]}""", 404, "not_found_error")]
    public async Task Request_Wrong_IsRefusedInAnthropicsShape(string body, int status, string named)
    {
        using var response = await _simulator.Send(Path, body);
        Assert.Equal(status, (int)response.StatusCode);
        var text = await response.Content.ReadAsStringAsync();
        Assert.Contains(named, text, StringComparison.Ordinal);
        Assert.Equal("error", JsonElement.Parse(text).GetProperty("type").GetString());
    }

    [Fact]
    public async Task CountTokens_IsFreeAndAgreesWithTheBill()
    {
        var count = (await _simulator.Json(Path + "/count_tokens", Body())).GetProperty("input_tokens").GetInt32();
        Assert.Empty(_simulator.Bill.Entries);
        await _simulator.Json(Path, Body());
        Assert.Equal(count, _simulator.Bill.Entries[0].Units.PromptTokens);
    }

    [Fact]
    public async Task Usage_Twice_TellsHalfFirst()
    {
        var deltas = SimulatorClient.Events(await _simulator.Text(Path, Body(",\"stream\":true"), "usage=twice")).Where(e => e.GetProperty("type").GetString() == "message_delta");
        Assert.Equal([20, 40], deltas.Select(e => e.GetProperty("usage").GetProperty("output_tokens").GetInt32()));
    }
}
