using System.Text.Json;
using CurateMe.Client;
using CurateMe.Gateway.Tests.Acceptance;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;
using Xunit;

namespace CurateMe.Gateway.Tests.Proxy;

/// <summary>A provider's server errors and redirects are the gateway's own 502, in the dialect's shape, and cost nothing.</summary>
public sealed class ProviderFailureTests
{
    const string Claude = """{"model":"claude-haiku-4-5","max_tokens":20,"messages":[{"role":"user","content":"ping"}]}""";
    const string Gemini = """{"contents":[{"parts":[{"text":"ping"}]}]}""";

    [Theory]
    [InlineData(500, "had an error")]
    [InlineData(501, "had an error")]
    [InlineData(503, "overloaded")]
    [InlineData(504, "had an error")]
    [InlineData(529, "Overloaded")]
    public async Task Provider_FailsForGood_UpstreamErrorNamesItsStatusAndNothingIsCharged(int status, string words)
    {
        await using var rig = await GatewayRig.StartAsync(settings: AC07_FailureAtEveryStep.Quick);
        var key = await rig.KeyAsync();
        foreach (var stream in new[] { false, true })
        {
            var answer = await rig.AskAsync(key, Chat.Body(stream: stream), $"status={status};retry_after=7");

            Assert.Equal((502, "upstream_error", "server_error"), (answer.Status, answer.Code, answer.Error.GetProperty("type").GetString()));
            Assert.Equal("GW_UP_001", answer.Error.GetProperty("gateway_error_code").GetString());
            Assert.StartsWith($"openai answered {status}: ", answer.Message, StringComparison.Ordinal);
            Assert.Contains(words, answer.Message, StringComparison.Ordinal);
            Assert.Equal(("7", "0", null), (answer.Header("Retry-After"), answer.Header("X-CM-Cost"), answer.Header("x-should-retry")));
            Assert.NotNull(answer.Header("x-request-id"));
        }
        var records = await rig.AssertBooksAsync();
        Assert.Equal(2, records.Count);
        Assert.All(records, r => Assert.True(r.Status == RecordStatus.Failed && r.StatusCode == status && r.Cost == NanoUsd.Zero));
    }

    [Theory]
    [InlineData("/v1/messages", Claude)]
    [InlineData("/v1/messages/count_tokens", Claude)]
    [InlineData("/v1/google/v1beta/models/gemini-2.5-flash:generateContent", Gemini)]
    [InlineData("/v1/google/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse", Gemini)]
    [InlineData("/v1/google/v1beta/models/gemini-2.5-flash:countTokens", Gemini)]
    [InlineData("/v1/responses", """{"model":"gpt-5-mini","input":"ping","max_output_tokens":50}""")]
    [InlineData("/v1/embeddings", """{"model":"text-embedding-3-small","input":"ping"}""")]
    [InlineData("/v1/moderations", """{"input":"ping"}""")]
    [InlineData("/v1/audio/speech", """{"model":"tts-1","voice":"alloy","input":"ping"}""")]
    [InlineData("/v1/images/generations", """{"model":"gpt-image-1","prompt":"ping","size":"1024x1024","quality":"low"}""")]
    public async Task Provider_FailsForGood_EveryEndpointAnswersInItsShape(string path, string body)
    {
        await using var rig = await GatewayRig.StartAsync(settings: AC07_FailureAtEveryStep.Quick);
        var key = await rig.KeyAsync();

        var answer = await rig.AskAsync(key, body, "status=503", path, headers: ("anthropic-version", "2023-06-01"));

        Assert.True(answer.Status == 502, answer.ToString());
        var (codes, message) = Codes(answer.Json);
        Assert.Equal(("upstream_error", "GW_UP_001"), (codes.GetProperty("code").GetString(), codes.GetProperty("gateway_error_code").GetString()));
        Assert.Contains(" answered 503: ", message, StringComparison.Ordinal);
        Assert.All(await rig.AssertBooksAsync(), static r => Assert.Equal((RecordStatus.Failed, 503, NanoUsd.Zero), (r.Status, r.StatusCode, r.Cost)));
    }

    [Fact]
    public async Task Transcription_ProviderFails_UpstreamError()
    {
        await using var upstream = new ScriptedUpstream();
        await using var rig = await GatewayRig.StartAsync(NoRetries, settings: upstream.Behind);
        upstream.Answer("""{"error":{"message":"no ears"}}""", "500 Internal Server Error");
        using var form = new MultipartFormDataContent { { new StringContent("whisper-1"), "model" }, { new ByteArrayContent(new byte[200]), "file", "a.mp3" } };
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/audio/transcriptions") { Content = form };

        var answer = await rig.SendAsync(await rig.KeyAsync(), request);

        Assert.Equal((502, "upstream_error", "openai answered 500: no ears"), (answer.Status, answer.Code, answer.Message));
    }

    [Theory]
    [InlineData("GET", "")]
    [InlineData("DELETE", "")]
    [InlineData("POST", "/cancel")]
    [InlineData("GET", "/input_items")]
    public async Task StoredResponse_ProviderFails_UpstreamErrorAndNoRecordOfItsOwn(string method, string verb)
    {
        await using var upstream = new ScriptedUpstream();
        await using var rig = await GatewayRig.StartAsync(NoRetries, settings: upstream.Behind);
        var key = await rig.KeyAsync();
        upstream.Answer("""{"id":"resp_abc","object":"response","status":"completed","output":[],"usage":{"input_tokens":5,"output_tokens":5,"total_tokens":10}}""");
        Assert.Equal(200, (await rig.AskAsync(key, """{"model":"gpt-5-mini","input":"ping"}""", path: "/v1/responses")).Status);
        upstream.Answer("""{"error":"gone fishing"}""", "502 Bad Gateway");
        using var request = new HttpRequestMessage(new HttpMethod(method), "/v1/responses/resp_abc" + verb);

        var answer = await rig.SendAsync(key, request);

        Assert.Equal((502, "upstream_error", "openai answered 502: gone fishing"), (answer.Status, answer.Code, answer.Message));
        Assert.Single(await rig.RecordsAsync());
    }

    [Theory]
    [InlineData("301 Moved Permanently")]
    [InlineData("307 Temporary Redirect")]
    [InlineData("304 Not Modified")]
    public async Task Provider_Redirects_UpstreamErrorWithoutTheWayPastTheGateway(string status)
    {
        await using var upstream = new ScriptedUpstream();
        await using var rig = await GatewayRig.StartAsync(NoRetries, settings: upstream.Behind);
        upstream.Answer("", status, headers: "Location: https://elsewhere.example/v1\r\nx-request-id: req_7\r\n");

        var answer = await rig.AskAsync(await rig.KeyAsync());

        Assert.Equal((502, "upstream_error"), (answer.Status, answer.Code));
        Assert.StartsWith($"openai answered {status[..3]}", answer.Message, StringComparison.Ordinal);
        Assert.Null(answer.Header("Location"));
        Assert.DoesNotContain("elsewhere", answer.Text, StringComparison.Ordinal);
        Assert.Equal("req_7", answer.Header("x-request-id"));
        var record = await rig.RecordAsync();
        Assert.Equal((RecordStatus.Failed, int.Parse(status[..3], null), NanoUsd.Zero), (record.Status, record.StatusCode, record.Cost));
        Assert.Single(upstream.Requests);
    }

    [Theory]
    [InlineData("""{"error":{"message":"said so"}}""", "openai answered 500: said so")]
    [InlineData("""[{"error":{"message":"in a list"}}]""", "openai answered 500: in a list")]
    [InlineData("""{"detail":"a framework's"}""", "openai answered 500: a framework's")]
    [InlineData("""{"error":{"message":"two\nlines"}}""", "openai answered 500: two lines")]
    [InlineData("""{"error":{"message":"\ud800"}}""", "openai answered 500.")]
    [InlineData("""{"error":{"message":7}}""", "openai answered 500.")]
    [InlineData("<html>secret of the host</html>", "openai answered 500.")]
    [InlineData("", "openai answered 500.")]
    [InlineData("[]", "openai answered 500.")]
    public async Task Words_AreTheProvidersOwnIfTheyCanBeRead(string body, string message)
    {
        await using var upstream = new ScriptedUpstream();
        await using var rig = await GatewayRig.StartAsync(NoRetries, settings: upstream.Behind);
        upstream.Answer(body, "500 Internal Server Error");

        Assert.Equal(message, (await rig.AskAsync(await rig.KeyAsync())).Message);
    }

    [Fact]
    public async Task Words_AreBoundedAndInNoLogAndNoRecord()
    {
        await using var upstream = new ScriptedUpstream();
        await using var rig = await GatewayRig.StartAsync(NoRetries, settings: upstream.Behind);
        upstream.Answer("{\"error\":{\"message\":\"" + string.Concat(Enumerable.Repeat("sesame ", 5000)) + "\"}}", "500 Internal Server Error", headers: "x-cm-cost: 9\r\nx-evil: 1\r\n");

        var answer = await rig.AskAsync(await rig.KeyAsync());

        Assert.InRange(answer.Message.Length, 100, 400);
        Assert.Equal((null, "0"), (answer.Header("x-evil"), answer.Header("X-CM-Cost")));
        Assert.DoesNotContain(rig.Logs.All, static line => line.Contains("sesame", StringComparison.Ordinal));
        Assert.DoesNotContain("sesame", JsonSerializer.Serialize(await rig.RecordAsync()), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Body_OfTheFailureNeverEnds_TheCallerIsToldAllTheSame()
    {
        await using var upstream = new ScriptedUpstream();
        await using var rig = await GatewayRig.StartAsync(NoRetries, settings: upstream.Behind);
        upstream.Answers.Enqueue("HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{\"error\""u8.ToArray());

        var answer = await rig.AskAsync(await rig.KeyAsync());

        Assert.Equal((502, "openai answered 500."), (answer.Status, answer.Message));
        Assert.Equal(NanoUsd.Zero, Assert.Single(await rig.RecordsAsync()).Cost);
    }

    [Fact]
    public async Task Provider_Fails_IsInTheRequestLogOnce()
    {
        await using var rig = await GatewayRig.StartAsync(settings: AC07_FailureAtEveryStep.Quick);
        var answer = await rig.AskAsync(await rig.KeyAsync(), sim: "status=500");
        await rig.AssertBooksAsync();

        List<string> refused = [];
        await foreach (var entry in rig.Service<CurateMe.Gateway.Telemetry.RefusalLog>().ReadAsync(DateTimeOffset.MinValue, DateTimeOffset.MaxValue, TestContext.Current.CancellationToken))
        {
            refused.Add(entry.RequestId);
        }
        Assert.DoesNotContain(answer.Id, refused);
    }

    static readonly Dictionary<string, string?> NoRetries = new() { ["Forward:Retries"] = "0" };

    // OpenAI's and Anthropic's lie in "error", Gemini's in its details.
    static (JsonElement Codes, string Message) Codes(JsonElement answer)
    {
        var error = answer.GetProperty("error");
        return (error.TryGetProperty("details", out var details) ? details[0].GetProperty("metadata") : error, error.GetProperty("message").GetString()!);
    }
}
