using System.Text;
using System.Text.Json;
using CurateMe.Gateway.Hosting;
using CurateMe.Gateway.Simulator;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Xunit;

namespace CurateMe.Gateway.Tests.Providers;

/// <summary>Streams that are cut, delayed, doubled and spoiled at random: the ledger is the bill, no hold stays, the client sees only the provider's bytes.</summary>
public sealed class StreamFuzzTests
{
    const int Calls = 100;

    static readonly (string Path, string Body)[] Doors =
    [
        ("/v1/chat/completions", """{"model":"gpt-4o-mini","stream":true,"stream_options":{"include_usage":true},"max_tokens":60,"messages":[{"role":"user","content":"ping"}]}"""),
        ("/v1/chat/completions", """{"model":"gpt-4o-mini","stream":true,"max_tokens":60,"messages":[{"role":"user","content":"ping"}]}"""),
        ("/v1/responses", """{"model":"gpt-4o-mini","stream":true,"max_output_tokens":60,"input":"ping"}"""),
        ("/v1/messages", """{"model":"claude-sonnet-4-5","stream":true,"max_tokens":60,"messages":[{"role":"user","content":"ping"}]}"""),
        ("/v1/google/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse", """{"generationConfig":{"maxOutputTokens":200},"contents":[{"parts":[{"text":"ping"}]}]}"""),
        ("/v1/google/v1beta/models/gemini-2.5-flash:streamGenerateContent", """{"generationConfig":{"maxOutputTokens":200},"contents":[{"parts":[{"text":"ping"}]}]}"""),
    ];

    [Theory]
    [InlineData(7)]
    [InlineData(20261121)]
    public async Task Fuzz_FaultsOfTheProvider_LedgerIsTheBill(int seed)
    {
        await using var rig = await GatewayRig.StartAsync(new Dictionary<string, string?> { ["Forward:Retries"] = "0" });
        var key = await rig.KeyAsync();
        var random = new Random(seed);
        for (var i = 0; i < Calls; i++)
        {
            var (path, body) = Doors[random.Next(Doors.Length)];
            await TryAsync(rig, key, path, body, Fault(random));
        }
        await rig.QuietAsync();
        var records = (await rig.RecordsAsync()).ToDictionary(r => r.Id.ToString(), StringComparer.Ordinal);
        Assert.Equal(Calls, records.Count);
        foreach (var entry in rig.Simulator.Bill.Entries)
        {
            var record = records[entry.RequestId!];
            records.Remove(entry.RequestId!);
            var billed = Bills.CostOf(rig, entry);
            var said = $"seed {seed}: {record.Endpoint} {record.Status} {record.Source}: ledger {record.Usage}, bill {entry.Units.ToUsageCounts()}";
            Assert.True(record.Source != UsageSource.Provider || record.Cost == billed, said);
            Assert.True(record.Cost <= record.Hold && record.Cost > NanoUsd.Zero, said);
            Assert.True(billed <= record.Hold, said);
        }
        // What is on no bill was not charged, unless nobody could know that.
        Assert.All(records.Values, r => Assert.True(r.Cost == NanoUsd.Zero || r.Source != UsageSource.Provider, $"seed {seed}: {r.Endpoint} {r.Status} {r.Source} {r.Cost}"));
        Assert.Equal(NanoUsd.Zero, (await rig.CellAsync("org")).Held);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(11)]
    public async Task Fuzz_SpoiledBytes_ReachTheClientAsTheyAreAndNothingElse(int seed)
    {
        await using var provider = await SpoilingProvider.StartAsync(seed);
        await using var rig = await GatewayRig.StartAsync(new Dictionary<string, string?> { ["Forward:Retries"] = "0", ["Forward:BreakerCalls"] = "1000000" }, settings: s => s with
        {
            Providers = [.. s.Providers.Select(row => row with { BaseUrl = provider.Address + row.Name })],
        });
        var key = await rig.KeyAsync();
        var cutInTheMiddle = 0;
        for (var i = 0; i < Calls; i++)
        {
            // The second asks the gateway to hide an event; only the first shows all.
            var (path, body) = Doors[i % Doors.Length is 1 ? 0 : i % Doors.Length];
            var (seen, whole) = await TryAsync(rig, key, path, body, "");
            var (sent, cut) = provider.Last;
            Assert.True(sent.AsSpan().StartsWith(seen), $"seed {seed}, call {i}: {path}: the client saw what was not sent");
            cutInTheMiddle += cut && seen.Length > 0 ? 1 : 0;
            Assert.True(cut || (whole && seen.Length == sent.Length), $"seed {seed}, call {i}: {path}: {seen.Length} of {sent.Length} bytes");
        }
        Assert.True(cutInTheMiddle > 0, $"seed {seed}: no stream was cut in its middle");
        await rig.QuietAsync();
        var records = await rig.RecordsAsync();
        Assert.Equal(Calls, records.Count);
        Assert.Equal(NanoUsd.Zero, (await rig.CellAsync("org")).Held);
    }

    static string Fault(Random random) => random.Next(12) switch
    {
        0 => $"fail=cut_after_bytes:{random.Next(6000)}",
        1 => $"fail=cut_after_bytes:{random.Next(6000)};split=1;seed={random.Next(100)}",
        2 => "fail=end_early",
        3 => "fail=error_event",
        4 => "fail=garbage_sse",
        5 => "fail=malformed_json",
        6 => "status=500",
        7 => "fail=connect_reset_before_headers",
        8 => $"split=1;crlf=1;keepalive=1;seed={random.Next(100)}",
        9 => "usage=twice",
        10 => "usage=absent",
        _ => $"ttfb_ms={random.Next(20)};chunk_delay_ms=1",
    };

    static async Task<(byte[] Seen, bool Whole)> TryAsync(GatewayRig rig, string key, string path, string body, string sim)
    {
        using var seen = new MemoryStream();
        try
        {
            using var answer = await rig.ChatAsync(key, JsonDocument.Parse(body).RootElement, path, new Dictionary<string, string> { ["X-Sim"] = sim, ["anthropic-version"] = "2023-06-01" });
            if (!answer.IsSuccessStatusCode)
            {
                // The provider broke off before its answer began: what comes then is the gateway's own refusal.
                return ([], false);
            }
            await using var stream = await answer.Content.ReadAsStreamAsync();
            await stream.CopyToAsync(seen);
            return (seen.ToArray(), true);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            return (seen.ToArray(), false);
        }
    }

    /// <summary>Answers every call with a stream that is spoiled at random, and keeps what it sent last.</summary>
    sealed class SpoilingProvider : IAsyncDisposable
    {
        readonly WebApplication app;
        readonly Random random;

        SpoilingProvider(WebApplication app, int seed)
        {
            this.app = app;
            random = new Random(seed);
        }

        public string Address => app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single() + "/";

        public (byte[] Sent, bool Cut) Last { get; private set; }

        public static async Task<SpoilingProvider> StartAsync(int seed)
        {
            var builder = WebApplication.CreateSlimBuilder();
            builder.Logging.ClearProviders();
            // A flush then ends when the bytes are with the system, so a reset after it cannot overtake them.
            builder.WebHost.UseUrls("http://127.0.0.1:0").UseSockets(sockets => sockets.MaxWriteBufferSize = 1);
            var app = builder.Build();
            var provider = new SpoilingProvider(app, seed);
            app.Run(provider.AnswerAsync);
            await app.StartAsync();
            return provider;
        }

        async Task AnswerAsync(HttpContext http)
        {
            var array = http.Request.Path.Value!.Contains("streamGenerateContent", StringComparison.Ordinal) && http.Request.Query["alt"] != "sse";
            http.Response.ContentType = array ? "application/json" : "text/event-stream";
            var bytes = Spoil(Stream(array));
            var cut = random.Next(4) == 0;
            var end = cut ? random.Next(bytes.Length) : bytes.Length;
            Last = (bytes, cut);
            for (var at = 0; at < end;)
            {
                var piece = Math.Min(end - at, random.Next(1, 400));
                await http.Response.Body.WriteAsync(bytes.AsMemory(at, piece));
                await http.Response.Body.FlushAsync();
                at += piece;
            }
            if (cut)
            {
                Connections.Reset(http);
            }
        }

        byte[] Stream(bool array)
        {
            var text = new StringBuilder(array ? "[" : "");
            for (var n = random.Next(1, 30); n > 0; n--)
            {
                var piece = random.Next(5) switch
                {
                    0 => """{"usage":{"prompt_tokens":3,"completion_tokens":2,"input_tokens":3,"output_tokens":2},"choices":[]}""",
                    1 => """{"type":"response.completed","response":{"id":"resp_1","usage":{"input_tokens":3,"output_tokens":2}}}""",
                    2 => """{"type":"message_start","message":{"usage":{"input_tokens":3,"output_tokens":1}}}""",
                    3 => """{"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":2},"candidates":[{"finishReason":"STOP"}]}""",
                    _ => $$$"""{"choices":[{"delta":{"content":"{{{new string('x', random.Next(200))}}}"}}]}""",
                };
                // Some come twice.
                for (var times = random.Next(6) == 0 ? 2 : 1; times > 0; times--)
                {
                    text.Append(array ? piece + ",\r\n" : $"{(random.Next(3) == 0 ? "event: e\n" : "")}data: {piece}{(random.Next(2) == 0 ? "\n\n" : "\r\n\r\n")}");
                }
            }
            return Encoding.UTF8.GetBytes(text.Append(array ? "{}]" : "data: [DONE]\n\n").ToString());
        }

        byte[] Spoil(byte[] bytes)
        {
            for (var n = random.Next(3) == 0 ? random.Next(1, 20) : 0; n > 0; n--)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }
            return bytes;
        }

        public async ValueTask DisposeAsync()
        {
            await app.StopAsync();
            await app.DisposeAsync();
        }
    }
}
