using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using CurateMe.Client;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Pricing;
using CurateMe.Ledger.Records;
using CurateMe.Gateway.Tests.Acceptance;
using CurateMe.Testing;
using Xunit;

namespace CurateMe.Gateway.Tests.Providers;

public sealed class OpenAiEndpointsTests
{
    const string Tool = """
        "tools":[{"type":"function","name":"f","parameters":{"type":"object","properties":{"a":{"type":"string"}}}}],"tool_choice":"required",
        """;

    static readonly (string Path, string Body, string Sim)[] Calls =
    [
        ("/responses", """{"model":"gpt-5-mini","input":"ping","max_output_tokens":300}""", "reasoning_tokens=20"),
        ("/responses", """{"model":"gpt-5-mini","input":"ping","max_output_tokens":300,"stream":true}""", "reasoning_tokens=20;split=1"),
        ("/responses", """{"model":"gpt-4o-mini","input":[{"role":"user","content":[{"type":"input_text","text":"你好 🌍"},{"type":"input_image","image_url":"data:image/png;base64,iVBORw0KGgo="}]}]}""", "cached_tokens=3"),
        ("/responses", "{\"model\":\"gpt-4o-mini\",\"stream\":true," + Tool + "\"input\":\"ping\"}", ""),
        ("/responses", """{"model":"gpt-5-mini","input":"ping","tools":[{"type":"web_search"}],"max_output_tokens":300}""", "web_searches=4;reasoning_tokens=0"),
        ("/responses", """{"model":"gpt-5-mini","input":"ping","tools":[{"type":"web_search"}],"max_tool_calls":2,"max_output_tokens":300,"stream":true}""", "web_searches=2;reasoning_tokens=0"),
        ("/responses", """{"model":"gpt-5-mini","input":"ping","context_management":[],"service_tier":"priority","max_output_tokens":100}""", ""),
        ("/responses", """{"model":"gpt-5-mini","input":"ping","service_tier":"flex","max_output_tokens":100}""", ""),
        ("/completions", """{"model":"gpt-3.5-turbo-instruct","prompt":"ping"}""", "output_tokens=100"),
        ("/completions", """{"model":"gpt-3.5-turbo-instruct","prompt":["ping","pong"],"n":2,"best_of":3,"max_tokens":20}""", ""),
        ("/completions", """{"model":"gpt-3.5-turbo-instruct","prompt":[1,2,3],"stream":true,"max_tokens":20}""", ""),
        ("/embeddings", """{"model":"text-embedding-3-small","input":"a text of some length"}""", ""),
        ("/embeddings", """{"model":"text-embedding-3-large","input":["one","two"],"encoding_format":"base64"}""", ""),
        ("/moderations", """{"input":"is it bad"}""", ""),
        ("/images/generations", """{"prompt":"a cat"}""", ""),
        ("/images/generations", """{"model":"dall-e-3","prompt":"a cat","size":"1792x1024","quality":"hd"}""", ""),
        ("/images/generations", """{"model":"gpt-image-1","prompt":"a cat","n":2,"quality":"low"}""", ""),
        ("/images/generations", """{"model":"gpt-image-1","prompt":"a cat","size":"1024x1536","quality":"high"}""", ""),
        ("/audio/speech", """{"model":"tts-1","voice":"alloy","input":"héllo 🌍 \u00e9"}""", ""),
        ("/audio/speech", """{"model":"tts-1-hd","voice":"alloy","input":"hello","response_format":"wav"}""", ""),
        ("/audio/speech", """{"model":"gpt-4o-mini-tts","voice":"alloy","input":"hello there","stream_format":"sse"}""", ""),
    ];

    static Dictionary<string, string> Sim(string sim) => new() { ["X-Sim"] = sim };

    [Theory]
    [InlineData("/v1")]
    [InlineData("/v1/openai")]
    public async Task AC06_EveryOpenAiEndpoint_IsBilledToTheNanoDollar(string prefix)
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();
        foreach (var (path, body, sim) in Calls)
        {
            using var answer = await rig.ChatAsync(key, JsonDocument.Parse(body).RootElement, prefix + path, Sim(sim));
            var bytes = await answer.Content.ReadAsByteArrayAsync();
            Assert.True(answer.IsSuccessStatusCode, $"{path} {body}: {Encoding.UTF8.GetString(bytes)}");
        }
        var records = await Bills.AssertEqualAsync(rig);
        Assert.Equal(Calls.Length, records.Count);
        Assert.All(records, r => Assert.True(r.Source == UsageSource.Provider, $"{r.Endpoint} {r.Model} {r.Source}"));
        // Requests of one millisecond are listed in any order.
        Assert.Equal([2, 4], records.Select(static r => r.Usage[BilledUnit.WebSearch]).Where(static searches => searches > 0).Order());
    }

    static MultipartFormDataContent Form(string model, byte[] file, params (string Name, string Value)[] more)
    {
        var form = new MultipartFormDataContent { { new StringContent(model), "model" } };
        foreach (var (name, value) in more)
        {
            form.Add(new StringContent(value), name);
        }
        var content = new ByteArrayContent(file);
        content.Headers.ContentType = MediaTypeHeaderValue.Parse("audio/wav");
        form.Add(content, "file", "speech.wav");
        return form;
    }

    static byte[] Wav(int seconds)
    {
        const int Rate = 8000;
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        writer.Write("RIFF"u8);
        writer.Write(36 + (seconds * Rate));
        writer.Write("WAVEfmt "u8);
        writer.Write(16);
        writer.Write((short)1);
        writer.Write((short)1);
        writer.Write(Rate);
        writer.Write(Rate);
        writer.Write((short)1);
        writer.Write((short)8);
        writer.Write("data"u8);
        writer.Write(seconds * Rate);
        writer.Write(new byte[(seconds * Rate) - 44]);
        return stream.ToArray();
    }

    static async Task<(int Status, string Text)> PostAsync(GatewayRig rig, string key, HttpContent content, string sim = "")
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/audio/transcriptions") { Content = content };
        request.Headers.Add("X-CM-API-Key", key);
        request.Headers.Add("X-Sim", sim);
        using var answer = await rig.Http.SendAsync(request, TestContext.Current.CancellationToken);
        return ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task AC06_Transcriptions_AreBilledByTimeOrByTokens()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();

        foreach (var form in new[]
        {
            Form("whisper-1", Wav(7)), Form("whisper-1", Wav(3), ("response_format", "verbose_json")), Form("whisper-1", Wav(5), ("response_format", "text")),
            Form("gpt-4o-transcribe", Wav(9), ("prompt", "names: Ümit, 李")), Form("gpt-4o-mini-transcribe", Wav(4), ("stream", "true")), Form("whisper-1", new byte[50_000]),
        })
        {
            var (status, text) = await PostAsync(rig, key, form);
            Assert.True(status == 200, text);
        }

        var records = await Bills.AssertEqualAsync(rig);
        Assert.Equal(6, records.Count);
        Assert.Contains(records, static r => r.Source == UsageSource.Estimated);
        Assert.Contains(records, static r => r.Usage[BilledUnit.InputSecond] == 7);
    }

    [Theory]
    [InlineData("no form at all", "text/plain", 415)]
    [InlineData("no boundary here", "multipart/form-data; boundary=x", 400)]
    [InlineData("--x\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n--x--\r\n", "multipart/form-data; boundary=x", 400)]
    [InlineData("--x\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1", "multipart/form-data; boundary=x", 400)]
    public async Task Transcriptions_MalformedForm_IsRefused(string body, string type, int status)
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();
        using var answer = await rig.RawAsync(key, body, "/v1/audio/transcriptions", type);
        Assert.Equal(status, (int)answer.StatusCode);
        Assert.Empty(rig.Simulator.Bill.Entries);
    }

    [Fact]
    public async Task AC11_BackgroundResponse_IsChargedOnceWhoeverFetchesIt()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();
        var stranger = await rig.KeyAsync("org_other", key: "key_other");

        using var begun = await rig.ChatAsync(key, new { model = "gpt-5-mini", input = "ping", background = true, max_output_tokens = 200 }, "/v1/responses", Sim("latency_ms=300"));
        var id = JsonDocument.Parse(await begun.Content.ReadAsStringAsync()).RootElement.GetProperty("id").GetString();
        var held = await rig.CellAsync("org");
        await rig.QuietAsync();
        string text = "";
        for (var i = 0; i < 3; i++)
        {
            using var again = await GetAsync(rig, key, HttpMethod.Get, $"/v1/openai/responses/{id}");
            text = await again.Content.ReadAsStringAsync();
            Assert.Equal(200, (int)again.StatusCode);
        }
        using var foreign = await GetAsync(rig, stranger, HttpMethod.Get, $"/v1/openai/responses/{id}");
        using var followed = await rig.ChatAsync(stranger, new { model = "gpt-5-mini", input = "go on", previous_response_id = id, max_output_tokens = 200 }, "/v1/responses");

        Assert.True(held.Held > NanoUsd.Zero, "the hold lasts while the generation does");
        Assert.Contains("\"completed\"", text, StringComparison.Ordinal);
        Assert.Equal(404, (int)foreign.StatusCode);
        Assert.Equal(400, (int)followed.StatusCode);
        var record = Assert.Single(await Bills.AssertEqualAsync(rig));
        Assert.Equal(UsageSource.Provider, record.Source);
        Assert.True(record.Cost > NanoUsd.Zero);
    }

    [Theory]
    [InlineData("resp_1", UsageSource.Provider)]
    [InlineData(null, UsageSource.Presumed)]
    public async Task Responses_BackgroundStreamThatBreaks_IsSettledByWhatTheProviderSaysLaterOrPresumed(string? id, UsageSource source)
    {
        await using var upstream = new ScriptedUpstream();
        await using var rig = await GatewayRig.StartAsync(settings: upstream.Behind);
        var key = await rig.KeyAsync();
        var name = id is null ? "" : $"\"id\":\"{id}\",";
        var begun = $"data: {{\"type\":\"response.created\",\"response\":{{{name}\"status\":\"in_progress\",\"background\":true,\"usage\":null}}}}\n\n";
        upstream.Answers.Enqueue(System.Text.Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 100000\r\nConnection: close\r\n\r\n{begun}"));
        upstream.Answer("""{"id":"resp_1","status":"in_progress","usage":null}""");
        upstream.Answer("""{"id":"resp_1","status":"completed","output":[],"usage":{"input_tokens":100,"output_tokens":50000,"total_tokens":50100}}""");

        await Assert.ThrowsAnyAsync<HttpRequestException>(() =>
            rig.AskAsync(key, """{"model":"gpt-5-mini","input":"ping","stream":true,"background":true,"max_output_tokens":60000}""", path: "/v1/responses"));

        await Poll.UntilAsync(async () => (await rig.RecordsAsync()).Count == 1, "the record");
        await rig.QuietAsync();
        var record = Assert.Single(await rig.RecordsAsync());
        Assert.Equal((source, source == UsageSource.Provider ? 50_000 : 0), (record.Source, record.Usage.CompletionTokens));
        Assert.Equal((record.Cost, NanoUsd.Zero), ((await rig.CellAsync("org")).Spent, (await rig.CellAsync("org")).Held));
        Assert.Equal(source == UsageSource.Presumed, record.Cost == record.Hold);
    }

    [Fact]
    public async Task Responses_CancelledInTheBackground_SettlesWithinTheHold()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();

        using var begun = await rig.ChatAsync(key, new { model = "gpt-5-mini", input = "ping", background = true, max_output_tokens = 200 }, "/v1/responses", Sim("latency_ms=60000"));
        var id = JsonDocument.Parse(await begun.Content.ReadAsStringAsync()).RootElement.GetProperty("id").GetString();
        using var cancelled = await GetAsync(rig, key, HttpMethod.Post, $"/v1/responses/{id}/cancel");

        Assert.Contains("cancelled", await cancelled.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        await rig.QuietAsync();
        var record = Assert.Single(await rig.RecordsAsync());
        Assert.True(record.Cost <= record.Hold && record.Cost > NanoUsd.Zero, $"{record.Cost} of {record.Hold}");
    }

    [Fact]
    public async Task Responses_PreviousAnswer_IsBoundedByTheContextWindow()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();

        using var first = await rig.ChatAsync(key, new { model = "gpt-5-mini", input = new string('x', 4000), max_output_tokens = 200 }, "/v1/responses");
        var id = JsonDocument.Parse(await first.Content.ReadAsStringAsync()).RootElement.GetProperty("id").GetString();
        using var second = await rig.ChatAsync(key, new { model = "gpt-5-mini", input = "and now", previous_response_id = id, max_output_tokens = 200 }, "/v1/responses");

        Assert.True(second.IsSuccessStatusCode, await second.Content.ReadAsStringAsync());
        var records = await Bills.AssertEqualAsync(rig);
        long Prompt(HttpResponseMessage answer) => records.Single(r => r.Id.ToString() == answer.Headers.GetValues("X-CM-Request-ID").Single()).Usage.PromptTokens;
        Assert.True(Prompt(second) > Prompt(first));
    }

    [Theory]
    [InlineData("/v1/responses", """{"model":"gpt-5-mini","input":"x","tools":[{"type":"image_generation"}]}""", 400)]
    [InlineData("/v1/responses", """{"model":"gpt-5-mini","input":"x","context_management":[{"type":"compaction","compact_threshold":1000}]}""", 400)]
    [InlineData("/v1/responses", """{"model":"gpt-5-mini","context_management":{"type":"to_come"},"input":"x"}""", 400)]
    [InlineData("/v1/chat/completions", """{"model":"gpt-4o-mini","messages":[],"tools":[{"type":"browser_search"}]}""", 400)]
    [InlineData("/v1/openrouter/chat/completions", """{"model":"openai/gpt-4o-mini","messages":[],"plugins":[{"id":"web"}]}""", 400)]
    [InlineData("/v1/openrouter/chat/completions", """{"model":"openai/gpt-4o-mini","messages":[],"models":["openai/gpt-5"]}""", 400)]
    [InlineData("/v1/chat/completions", """{"model":"gpt-4o-search-preview","messages":[],"service_tier":"priority"}""", 403)]
    [InlineData("/v1/openai/audio/translations", "{}", 404)]
    [InlineData("/v1/openai/files", "{}", 404)]
    [InlineData("/v1/nobody/chat/completions", "{}", 404)]
    public async Task AC06_WhatHasNoMeter_IsRefused(string path, string body, int status)
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();
        using var answer = await rig.RawAsync(key, body, path);
        Assert.True((int)answer.StatusCode == status, await answer.Content.ReadAsStringAsync());
        Assert.Empty(rig.Simulator.Bill.Entries);
        Assert.Empty(await rig.RecordsAsync());
    }

    [Fact]
    public async Task Azure_WithAnApiVersion_IsCalledByDeployment()
    {
        await using var rig = await GatewayRig.StartAsync(new Dictionary<string, string?> { ["Providers:azure:ApiVersion"] = "2024-10-21" });
        var row = rig.Service<CurateMe.Gateway.Proxy.TargetDirectory>().Find("azure")!.Row;
        var dialect = new CurateMe.Gateway.Providers.OpenAi.ChatDialect();
        var facts = new CurateMe.Gateway.Providers.OpenAi.ChatFacts { Model = "gpt-4o" };

        Assert.Equal("/deployments/gpt-4o/chat/completions?api-version=2024-10-21", dialect.UpstreamPath(row, facts, "gpt-4o", null!));
    }

    [Fact]
    public async Task AC05_SpeechByTokens_WithoutUsage_IsEstimatedBelowTheHold()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();
        using var answer = await rig.ChatAsync(key, new { model = "gpt-4o-mini-tts", voice = "alloy", input = "a sentence to be spoken" }, "/v1/audio/speech");
        Assert.Equal("audio/mpeg", answer.Content.Headers.ContentType!.MediaType);
        Assert.True((await answer.Content.ReadAsByteArrayAsync()).Length > 0);
        await rig.QuietAsync();
        var record = Assert.Single(await rig.RecordsAsync());
        Assert.Equal(UsageSource.Estimated, record.Source);
        Assert.True(record.Hold >= Bills.CostOf(rig, Assert.Single(rig.Simulator.Bill.Entries)));
    }

    [Fact]
    public async Task AC16_FreeModel_BudgetGone_IsAnsweredAndRecordedAtZero()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync(policy: new PolicyDocument { DailyBudget = new MoneyLimit(NanoUsd.Zero) });
        using var answer = await rig.ChatAsync(key, new { input = "is it bad" }, "/v1/moderations");
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        Assert.Equal(NanoUsd.Zero, Assert.Single(await rig.RecordsAsync()).Cost);
    }

    static async Task<HttpResponseMessage> GetAsync(GatewayRig rig, string key, HttpMethod method, string path)
    {
        using var request = new HttpRequestMessage(method, path);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        return await rig.Http.SendAsync(request, TestContext.Current.CancellationToken);
    }
}
