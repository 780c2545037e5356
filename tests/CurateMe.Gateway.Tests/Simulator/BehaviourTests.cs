using System.Net;
using System.Text.Json;
using CurateMe.Gateway.Simulator;
using Xunit;

namespace CurateMe.Gateway.Tests.Simulator;

public sealed class BehaviourTests : IAsyncLifetime
{
    const string Path = SimulatorClient.ChatPath;
    SimulatorClient _simulator = null!;

    public async ValueTask InitializeAsync() => _simulator = await SimulatorClient.StartAsync();

    public ValueTask DisposeAsync() => _simulator.DisposeAsync();

    [Theory]
    [InlineData("colour=blue", "colour")]
    [InlineData("status=many", "status")]
    [InlineData("latency_ms=-1", "latency_ms")]
    [InlineData("usage=odd", "understated")]
    [InlineData("split=maybe", "split")]
    public async Task Header_Wrong_Is400NamingIt(string sim, string named)
    {
        using var response = await _simulator.Send(Path, SimulatorClient.Chat, sim);
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains(named, await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("openai/v1/chat/completions", 429, "rate_limit_exceeded")]
    [InlineData("anthropic/v1/messages", 529, "overloaded_error")]
    [InlineData("google/v1beta/models/gemini-2.5-flash:generateContent", 503, "UNAVAILABLE")]
    public async Task Status_Asked_IsInTheProvidersShape(string path, int status, string named)
    {
        var body = path[0] == 'g' ? """{"contents":[{"parts":[{"text":"x"}]}]}""" : SimulatorClient.Chat.Replace("gpt-4o", path[0] == 'a' ? "claude-sonnet-4-5\",\"max_tokens\":\"50" : "gpt-4o").Replace("\"50\"", "50");
        using var response = await _simulator.Send(path, body, $"status={status}; retry_after=7");
        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal(7, response.Headers.RetryAfter!.Delta!.Value.TotalSeconds);
        Assert.Contains(named, await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Empty(_simulator.Bill.Entries);
    }

    [Fact]
    public async Task Defaults_SetForTheNextCalls_EndAfterThem()
    {
        using (var set = await _simulator.Send("_sim/behaviour", """{"status":500,"next":2}""", method: HttpMethod.Put))
            Assert.Equal(HttpStatusCode.NoContent, set.StatusCode);
        Assert.Equal("500 500 200", await Statuses(3));
    }

    [Fact]
    public async Task Defaults_Set_HoldUntilReset()
    {
        using (await _simulator.Send("_sim/behaviour", """{"output_tokens":3}""", method: HttpMethod.Put)) { }
        Assert.Equal(3, Completion(await _simulator.Json(Path, SimulatorClient.Chat)));
        Assert.Equal(4, Completion(await _simulator.Json(Path, SimulatorClient.Chat, "output_tokens=4")));
        using (await _simulator.Send("_sim/behaviour", "", method: HttpMethod.Delete)) { }
        Assert.Equal(Behaviour.DefaultOutputTokens, Completion(await _simulator.Json(Path, SimulatorClient.Chat)));
    }

    [Fact]
    public async Task Defaults_WrongJson_Is400()
    {
        using var response = await _simulator.Send("_sim/behaviour", """{"status":500,"next":0}""", method: HttpMethod.Put);
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Equal("200", await Statuses(1));
    }

    [Fact]
    public async Task Only_AnotherProvider_IsSpared()
    {
        Assert.Equal("200", await Statuses(1, "status=500; only=groq"));
        Assert.Equal("500", await Statuses(1, "status=500; only=openai"));
    }

    [Fact]
    public async Task Attempts_OfOneRequest_FailSoOften()
    {
        Assert.Equal("503 503 200", await Statuses(3, "status=503; attempts=2", "gw_one"));
        Assert.Equal("503", await Statuses(1, "status=503; attempts=2", "gw_two"));
    }

    [Fact]
    public async Task Percent_Half_StrikesSomeAndSparesSome()
    {
        var statuses = await Statuses(40, "status=500; percent=50; seed=5");
        Assert.InRange(statuses.Split("500").Length - 1, 5, 35);
    }

    [Theory]
    [InlineData("usage=zero", 0)]
    [InlineData("usage=understated", 20)]
    [InlineData("usage=overstated", 80)]
    [InlineData("usage=negative", -41)]
    [InlineData("usage=huge", (1L << 53) + 41)]
    public async Task Usage_Number_IsToldAsAsked(string sim, long expected)
    {
        var usage = (await _simulator.Json(Path, SimulatorClient.Chat, sim)).GetProperty("usage");
        Assert.Equal(expected, usage.GetProperty("completion_tokens").GetInt64());
        Assert.Equal(40, _simulator.Bill.Entries[0].Units.CompletionTokens);
    }

    [Theory]
    [InlineData("usage=string_numbers", "\"completion_tokens\":\"40\"")]
    [InlineData("usage=float_numbers", "\"completion_tokens\":40.0")]
    [InlineData("usage=exponent", "\"completion_tokens\":1e308")]
    [InlineData("usage=nan", "\"completion_tokens\":NaN")]
    [InlineData("usage=null", "\"usage\":null")]
    [InlineData("usage=malformed", "\"usage\":\"see invoice\"")]
    public async Task Usage_OddForm_IsToldAsAsked(string sim, string expected)
    {
        Assert.Contains(expected, await _simulator.Text(Path, SimulatorClient.Chat, sim), StringComparison.Ordinal);
        Assert.Equal(40, _simulator.Bill.Entries[0].Units.CompletionTokens);
    }

    [Fact]
    public async Task Usage_Absent_IsNowhereInPlainOrStream()
    {
        Assert.DoesNotContain("usage", await _simulator.Text(Path, SimulatorClient.Chat, "usage=absent"), StringComparison.Ordinal);
        Assert.DoesNotContain("usage", await _simulator.Text(Path, SimulatorClient.ChatStream, "usage=absent"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", 1, true)]
    [InlineData("usage=twice", 2, true)]
    [InlineData("usage=with_choices", 1, false)]
    [InlineData("usage=cumulative", 41, true)]
    public async Task Usage_InAStream_StandsWhereAsked(string sim, int told, bool lastWithoutChoices)
    {
        var events = SimulatorClient.Events(await _simulator.Text(Path, SimulatorClient.ChatStream, sim));
        var withUsage = events.Where(e => e.TryGetProperty("usage", out var usage) && usage.ValueKind == JsonValueKind.Object).ToList();
        Assert.Equal(told, withUsage.Count);
        Assert.Equal(40, Completion(withUsage[^1]));
        Assert.Equal(lastWithoutChoices, withUsage[^1].GetProperty("choices").GetArrayLength() == 0);
    }

    [Fact]
    public async Task Usage_NotAskedFor_IsNotInTheStream() =>
        Assert.DoesNotContain("usage", await _simulator.Text(Path, SimulatorClient.ChatStream.Replace("true}", "false}")), StringComparison.Ordinal);

    [Fact]
    public async Task Framing_SplitCrlfAndKeepalive_CarryTheSameEvents()
    {
        var plain = SimulatorClient.Events(await _simulator.Text(Path, SimulatorClient.ChatStream));
        var odd = await _simulator.Text(Path, SimulatorClient.ChatStream, "split=1; crlf=1; keepalive=1");
        Assert.Contains(": ping\r\n\r\n", odd, StringComparison.Ordinal);
        Assert.DoesNotContain("\n", odd.Replace("\r\n", ""), StringComparison.Ordinal);
        Assert.Equal(plain.Select(Content), SimulatorClient.Events(odd.Replace("\r\n", "\n")).Select(Content));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(700)]
    [InlineData(5000)]
    public async Task Cut_AfterBytes_SendsExactlySoMany(int bytes)
    {
        using var response = await _simulator.Send(Path, SimulatorClient.ChatStream, $"cut_after_bytes={bytes}; chunk_delay_ms=1");
        await using var body = await response.Content.ReadAsStreamAsync();
        var buffer = new byte[16 * 1024];
        var read = 0;
        try
        {
            for (int got; (got = await body.ReadAsync(buffer.AsMemory(read))) > 0;)
                read += got;
            Assert.Fail("the end was a good one");
        }
        catch (Exception e) when (e is IOException or HttpRequestException)
        {
            Assert.Equal(bytes, read);
        }
        var line = (await _simulator.Billed(1))[0];
        Assert.True(line.Cancelled);
        Assert.InRange(line.Units.CompletionTokens, 0, 39);
    }

    [Theory]
    [InlineData("fail=garbage_sse", false)]
    [InlineData("fail=malformed_json", false)]
    [InlineData("fail=end_early", true)]
    [InlineData("fail=error_event", true)]
    public async Task Stream_Spoilt_IsBilledForWhatWasMade(string sim, bool early)
    {
        var text = await _simulator.Text(Path, SimulatorClient.ChatStream, sim);
        Assert.Equal(!early, text.EndsWith("data: [DONE]\n\n", StringComparison.Ordinal));
        var line = (await _simulator.Billed(1))[0];
        Assert.Equal((early ? 20 : 40, early), (line.Units.CompletionTokens, line.Cancelled));
    }

    [Theory]
    [InlineData("fail=hang", 0)]
    [InlineData("fail=stall", 1)]
    public async Task Silence_EndsWhenTheCallerLeaves(string sim, int lines)
    {
        using var leaving = new CancellationTokenSource();
        var call = _simulator.Send(Path, SimulatorClient.ChatStream, sim, until: HttpCompletionOption.ResponseContentRead, ct: leaving.Token);
        await _simulator.Waiting(1);
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        var bill = await _simulator.Billed(lines);
        Assert.All(bill, line => Assert.Equal((20, true), (line.Units.CompletionTokens, line.Cancelled)));
    }

    [Fact]
    public void Arguments_OfTheVerb_AreRead()
    {
        var arguments = SimulatorArguments.Parse(["--urls", "http://127.0.0.1:9100", "--latency-ms", "5", "--bill", "none", "--fast", "--sim", "usage=zero; output_tokens=7"]);
        Assert.Equal((9100, "none", true), (arguments.Options.Port, arguments.Options.Bill, arguments.Options.Fast));
        Assert.Equal((5, UsageForm.Zero, 7), (arguments.Options.Behaviour.LatencyMs, arguments.Options.Behaviour.Usage, arguments.Options.Behaviour.OutputTokens!.Value));
        Assert.Throws<FormatException>(() => SimulatorArguments.Parse(["--colour", "blue"]));
        Assert.Throws<FormatException>(() => SimulatorArguments.Parse(["--urls", "https://127.0.0.1:1"]));
    }

    async Task<string> Statuses(int calls, string sim = "", string? id = null)
    {
        var statuses = new List<int>();
        for (var i = 0; i < calls; i++)
        {
            using var response = await _simulator.Send(Path, SimulatorClient.Chat, sim, id);
            statuses.Add((int)response.StatusCode);
        }
        return string.Join(' ', statuses);
    }

    static int Completion(JsonElement answer) => answer.GetProperty("usage").GetProperty("completion_tokens").GetInt32();

    static string? Content(JsonElement chunk) =>
        chunk.GetProperty("choices") is var choices && choices.GetArrayLength() > 0 && choices[0].GetProperty("delta").TryGetProperty("content", out var content) ? content.GetString() : null;
}
