using System.Globalization;
using System.Text;
using System.Text.Json;
using CurateMe.Client;
using CurateMe.Gateway.Tests.Acceptance;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;
using Xunit;

namespace CurateMe.Gateway.Tests.Providers;

/// <summary>The hold is an upper bound of the bill, for requests of every kind made at random.</summary>
public sealed class HoldBoundTests
{
    const int Calls = 120;

    static readonly string[] Texts =
    [
        "ping", "The quick brown fox jumps over the lazy dog. ", "你好，世界。预算不会被超出。", "안녕하세요 세계 ", "مرحبا بالعالم ", "नमस्ते दुनिया ", "🌍🎉👩‍👩‍👧‍👦🏳️‍🌈", "žluťoučký kůň úpěl ďábelské ódy ",
        "1234567890 9876543210", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 \u0000\u0001", "if (x != null) { return x->y[0]; }\n\t", "ﷺ꧁꧂𒐫",
    ];

    [Theory]
    [InlineData(1)]
    [InlineData(20261121)]
    public async Task AC05_HoldIsNeverBelowTheBill(int seed)
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync(policy: new PolicyDocument { MaxCostPerRequest = new MoneyLimit(NanoUsd.FromDollars(500)), DailyBudget = new MoneyLimit(null), MonthlyBudget = new MoneyLimit(null) });
        var random = new Random(seed);
        for (var i = 0; i < Calls; i++)
        {
            var (path, body) = Request(random);
            var sim = Sim(random);
            using var answer = await rig.ChatAsync(key, JsonDocument.Parse(body).RootElement, path, new Dictionary<string, string> { ["X-Sim"] = sim, ["anthropic-version"] = "2023-06-01" });
            var text = Encoding.UTF8.GetString(await answer.Content.ReadAsByteArrayAsync());
            Assert.True(answer.IsSuccessStatusCode, $"seed {seed}, call {i}: {path} {body}: {text}");
        }
        var records = await Bills.AssertEqualAsync(rig, $"seed {seed}");
        Assert.Equal(Calls, records.Count);
        Assert.All(records, r => Assert.Equal(UsageSource.Provider, r.Source));
    }

    // Only the provider knows how many tokens a file is, and whether they are sound.
    [Theory]
    [InlineData("""{"fileData":{"mimeType":"audio/mp3","fileUri":"files/a"}}""", 1.0)]
    [InlineData("""{"fileData":{"fileUri":"files/a","mime_type":"video/mp4"}}""", 1.0)]
    [InlineData("""{"file_data":{"file_uri":"files/a"}}""", 1.0)]
    [InlineData("""{"inlineData":{"mimeType":"video/mp4","data":"AAAA"}}""", 1.0)]
    [InlineData("""{"fileData":{"mimeType":"application/pdf","fileUri":"files/a"}}""", 0.3)]
    [InlineData("""{"inlineData":{"mimeType":"application/pdf","data":"AAAA"}}""", 0.3)]
    public async Task Hold_OfWhatMayBeSound_IsAtThePriceOfSound(string part, double dollarsPerMillion)
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync(policy: new PolicyDocument { MaxCostPerRequest = new MoneyLimit(NanoUsd.FromDollars(5)) });
        var price = rig.Prices.Find("google", "gemini-2.5-flash")!;

        using var answer = await rig.RawAsync(key, $$"""{"generationConfig":{"maxOutputTokens":1},"contents":[{"role":"user","parts":[{{part}}]}]}""", "/v1/google/v1beta/models/gemini-2.5-flash:generateContent");

        var output = 2_500;
        Assert.Equal((price.MaxInputTokens!.Value * (long)(dollarsPerMillion * 1000)) + output, Assert.Single(await rig.RecordsAsync()).Hold.Value);
    }

    [Fact]
    public async Task Hold_OfAStoredPrompt_CoversToolsThatItMayBring()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync(policy: new PolicyDocument { MaxCostPerRequest = new MoneyLimit(NanoUsd.FromDollars(5)) });
        const string Body = """{"model":"gpt-5-mini","max_output_tokens":16,MORE"input":"x"}""";

        using var named = await rig.RawAsync(key, Body.Replace("MORE", """
            "prompt":{"id":"pmpt_1"},"max_tool_calls":2,
            """, StringComparison.Ordinal), "/v1/responses");
        using var told = await rig.RawAsync(key, Body.Replace("MORE", """
            "previous_response_id":null,"conversation":"conv_1","tools":[{"type":"web_search"},{"type":"file_search"},{"type":"code_interpreter"}],"max_tool_calls":2,
            """, StringComparison.Ordinal), "/v1/responses");

        var records = await rig.RecordsAsync();
        Assert.Equal(2, records.Count);
        Assert.Equal(records[1].Hold, records[0].Hold);
    }

    [Theory]
    [InlineData("image_generation_call", UsageSource.Presumed)]
    [InlineData("message", UsageSource.Provider)]
    public async Task PictureThatAStoredPromptMade_IsChargedTheWholeHold(string item, UsageSource source)
    {
        await using var upstream = new ScriptedUpstream();
        await using var rig = await GatewayRig.StartAsync(settings: upstream.Behind);
        var key = await rig.KeyAsync(policy: new PolicyDocument { MaxCostPerRequest = new MoneyLimit(NanoUsd.FromDollars(5)) });
        upstream.Answer($$"""{"id":"resp_1","status":"completed","output":[{"type":"{{item}}","result":"AAAA"}],"usage":{"input_tokens":5,"output_tokens":5} }""");

        using var answer = await rig.RawAsync(key, """{"model":"gpt-5-mini","max_output_tokens":16,"prompt":{"id":"pmpt_1"},"input":"x"}""", "/v1/responses");

        var record = Assert.Single(await rig.RecordsAsync());
        Assert.Equal((source, source == UsageSource.Presumed), (record.Source, record.Cost == record.Hold));
    }

    static string Text(Random random)
    {
        var text = new StringBuilder();
        for (var n = random.Next(1, 12); n > 0; n--)
        {
            text.Append(Texts[random.Next(Texts.Length)]);
        }
        return JsonSerializer.Serialize(text.ToString());
    }

    static string Sim(Random random)
    {
        var sim = new List<string> { $"output_tokens={random.Next(1, 400)}", $"seed={random.Next(1000)}" };
        if (random.Next(2) == 0)
        {
            sim.Add($"cached_tokens={random.Next(50)}");
        }
        if (random.Next(2) == 0)
        {
            sim.Add($"reasoning_tokens={random.Next(200)}");
        }
        if (random.Next(3) == 0)
        {
            sim.Add($"web_searches={random.Next(1, 11)}");
        }
        return string.Join(';', sim);
    }

    static (string Path, string Body) Request(Random random) => random.Next(6) switch
    {
        0 => Chat(random),
        1 => Responses(random),
        2 => Messages(random),
        3 => Gemini(random),
        4 => ("/v1/completions", $$"""{"model":"gpt-3.5-turbo-instruct","prompt":[{{Text(random)}},{{Text(random)}}],"max_tokens":{{random.Next(1, 200)}},"n":{{random.Next(1, 3)}},"best_of":{{random.Next(3, 6)}}}"""),
        _ => ("/v1/embeddings", $$"""{"model":"text-embedding-3-small","input":[{{Text(random)}},{{Text(random)}}]}"""),
    };

    static string Flag(Random random) => random.Next(2) == 0 ? "true" : "false";

    static string Cap(Random random, string name) => random.Next(3) == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"\"{name}\":{random.Next(16, 500)},");

    static (string, string) Chat(Random random)
    {
        var audio = random.Next(5) == 0;
        var picture = !audio && random.Next(3) == 0 ? ""","content":[{"type":"image_url","image_url":{"url":"https://example.com/a.png"}},{"type":"text","text":"?"}]""" : $",\"content\":{Text(random)}";
        var more = audio ? "\"modalities\":[\"text\",\"audio\"],\"audio\":{\"voice\":\"alloy\",\"format\":\"wav\"}," : $"\"n\":{random.Next(1, 4)},";
        var tier = random.Next(4) switch { 0 => "\"service_tier\":\"auto\",", 1 => "\"service_tier\":\"default\",", _ => "" };
        return ("/v1/chat/completions", $$"""{"model":"{{(audio ? "gpt-4o-audio-preview" : "gpt-4o")}}",{{more}}{{tier}}{{Cap(random, "max_completion_tokens")}}"stream":{{Flag(random)}},"messages":[{"role":"system","content":{{Text(random)}}},{"role":"user"{{picture}}}]}""");
    }

    static (string, string) Responses(Random random)
    {
        var tools = random.Next(2) == 0 ? "\"tools\":[{\"type\":\"web_search\"}]," : "";
        var tier = random.Next(3) switch { 0 => "\"service_tier\":\"priority\",", 1 => "\"service_tier\":\"flex\",", _ => "" };
        return ("/v1/responses", $$"""{"model":"gpt-5-mini",{{tools}}{{tier}}{{Cap(random, "max_output_tokens")}}"stream":{{Flag(random)}},"instructions":{{Text(random)}},"input":{{Text(random)}}}""");
    }

    static (string, string) Messages(Random random)
    {
        var tools = random.Next(2) == 0 ? "\"tools\":[{\"type\":\"web_search_20250305\",\"name\":\"web_search\"}]," : "";
        var cache = random.Next(2) == 0 ? $",\"cache_control\":{{\"type\":\"ephemeral\",\"ttl\":\"{(random.Next(2) == 0 ? "5m" : "1h")}\"}}" : "";
        return ("/v1/messages", $$"""{"model":"claude-sonnet-4-5",{{tools}}{{Cap(random, "max_tokens")}}"stream":{{Flag(random)}},"system":[{"type":"text","text":{{Text(random)}}{{cache}}}],"messages":[{"role":"user","content":[{"type":"text","text":{{Text(random)}}}]}]}""");
    }

    static (string, string) Gemini(Random random)
    {
        var verb = random.Next(3) switch { 0 => "generateContent", 1 => "streamGenerateContent", _ => "streamGenerateContent?alt=sse" };
        var cap = random.Next(3) == 0 ? "" : $",\"maxOutputTokens\":{random.Next(16, 500)}";
        return ($"/v1/google/v1beta/models/gemini-2.5-pro:{verb}", $$$"""{"generationConfig":{"candidateCount":{{{random.Next(1, 4)}}}{{{cap}}}},"contents":[{"role":"user","parts":[{"text":{{{Text(random)}}}}]}]}""");
    }
}
