using System.Net;
using System.Text;
using CurateMe.Ledger.Records;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Xunit;

namespace CurateMe.Gateway.Tests.Acceptance;

public sealed class StreamFidelityTests
{
    const string Chunk = """{"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"héllo 👍"},"finish_reason":null}],"usage":null}""";
    const string Usage = """{"id":"c","object":"chat.completion.chunk","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}""";
    const string Hidden = "\u0001";

    // Parts between the marks are the usage event, which a client that did not ask for it does not see.
    public static TheoryData<string, string> Streams => new()
    {
        { "plain", $"data: {Chunk}\n\ndata: {Chunk}\n\n{Hidden}data: {Usage}\n\n{Hidden}data: [DONE]\n\n" },
        { "crlf", $"data: {Chunk}\r\n\r\n{Hidden}data: {Usage}\r\n\r\n{Hidden}data: [DONE]\r\n\r\n" },
        { "mixed ends", $"data: {Chunk}\n\r\n{Hidden}data: {Usage}\r\n\n{Hidden}data: [DONE]\n\n" },
        { "comments and fields", $": hello\n\n:\nevent: x\nid: 7\nretry: 10\ndata:{Chunk}\n\n: between\n\n{Hidden}data:{Usage}\n\n{Hidden}data: [DONE]\n\n: after\n\n" },
        { "two data lines", $"data: {Chunk[..20]}\ndata: {Chunk[20..]}\n\n{Hidden}data: {Usage.Replace(",\"usage\"", ",\ndata: \"usage\"", StringComparison.Ordinal)}\n\n{Hidden}data: [DONE]\n\n" },
        { "no last blank line", $"data: {Chunk}\n\n{Hidden}data: {Usage}\n\n{Hidden}data: [DONE]" },
        { "usage last, unended", $"data: {Chunk}\n\n{Hidden}data: {Usage}{Hidden}" },
        { "blank lines", $"\n\n\ndata: {Chunk}\n\n\n\n{Hidden}data: {Usage}\n\n{Hidden}data: [DONE]\n\n\n" },
        { "large events", $"data: {Chunk.Replace("llo", new string('l', 300_000), StringComparison.Ordinal)}\n\n{Hidden}data: {Usage}\n\n{Hidden}data: [DONE]\n\n" },
        { "no events at all", "<html>it works</html>" },
        { "nothing", "" },
    };

    [Theory]
    [MemberData(nameof(Streams))]
    public async Task Stream_CutAnywhere_ClientSeesTheProvidersBytes(string name, string script)
    {
        var seed = Random.Shared.Next();
        var parts = script.Split(Hidden);
        var expected = string.Concat(parts.Where(static (_, i) => i % 2 == 0));
        await using var upstream = new ScriptedUpstream { Cut = new Random(seed) };
        await using var rig = await GatewayRig.StartAsync(settings: upstream.Behind);
        var key = await rig.KeyAsync();
        for (var i = 0; i < 4; i++)
        {
            upstream.Answer(Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(string.Concat(parts))), type: "text/event-stream");

            var answer = await rig.AskAsync(key, Chat.Body(stream: true));

            Assert.True(answer.Status == 200 && answer.Text == expected, $"{name}, seed {seed}: {answer}");
        }
        await rig.QuietAsync();
        Assert.All(await rig.RecordsAsync(), r => Assert.Equal(script.Contains(Hidden, StringComparison.Ordinal) ? UsageSource.Provider : UsageSource.Estimated, r.Source));
    }

    // Reads that need no waiting go out together; what the provider takes its time over must not wait for more.
    [Theory]
    [InlineData(1)]
    [InlineData(4_000)]
    [InlineData(16_384)]
    [InlineData(70_000)]
    public async Task Event_OfAProviderThatWaits_GoesOutAtOnce(int bytes)
    {
        const int Count = 20;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromSeconds(60));
        using var events = new SemaphoreSlim(1);
        await using var upstream = new ScriptedUpstream { Events = events };
        await using var rig = await GatewayRig.StartAsync(settings: upstream.Behind);
        var text = $"data: {Chunk.Replace("llo", new string('l', bytes), StringComparison.Ordinal)}\n\n";
        upstream.Answer(Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat(text, Count)))), type: "text/event-stream");
        using var answer = await rig.RawAsync(await rig.KeyAsync(), Chat.Body(stream: true));
        await using var body = await answer.Content.ReadAsStreamAsync(limit.Token);
        var seen = new byte[Encoding.UTF8.GetByteCount(text)];

        for (var i = 0; i < Count; i++)
        {
            await body.ReadExactlyAsync(seen, limit.Token);
            Assert.Equal(text, Encoding.UTF8.GetString(seen));
            events.Release();
        }

        Assert.Equal(0, await body.ReadAsync(seen, limit.Token));
    }

    // The gateway frames chunks itself; these sizes lie around the blocks that the server writes to.
    [Theory]
    [InlineData(2040, 2056)]
    [InlineData(4076, 4100)]
    [InlineData(65530, 65540)]
    public async Task Stream_OfEventsOfAnySize_IsWhole(int smallest, int largest)
    {
        await using var upstream = new ScriptedUpstream();
        await using var rig = await GatewayRig.StartAsync(settings: upstream.Behind);
        var key = await rig.KeyAsync();
        for (var size = smallest; size <= largest; size++)
        {
            var script = $"data: {new string('x', size - "data: \n\n".Length)}\n\n";
            upstream.Answer(script, type: "text/event-stream");

            var answer = await rig.AskAsync(key, Chat.Body(stream: true));

            Assert.True(answer.Status == 200 && answer.Text == script && answer.Trailer("X-CM-Cost") is not null, $"{size}: {answer.Status}, {answer.Text.Length} characters");
        }
    }

    [Fact]
    public async Task Event_LargerThanTheLimit_PassesUnread()
    {
        await using var upstream = new ScriptedUpstream();
        await using var rig = await GatewayRig.StartAsync(settings: s => upstream.Behind(s) with { Forward = new CurateMe.Gateway.Proxy.ForwardOptions { MaxEventBytes = 100_000 } });
        var key = await rig.KeyAsync();
        var script = $"data: {new string('x', 500_000)}\n\ndata: [DONE]\n\n";
        upstream.Answer(script, type: "text/event-stream");

        Assert.Equal(script, (await rig.AskAsync(key, Chat.Body(stream: true))).Text);

        Assert.Equal(UsageSource.Estimated, (await rig.RecordAsync()).Source);
    }

    [Theory]
    [InlineData("")]
    [InlineData("data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1,\"total_tokens\":4}}\n\n")]
    public async Task Event_LargerThanTheLimit_UsageBehindItIsTheBillAndUsageBeforeItIsNot(string before)
    {
        await using var upstream = new ScriptedUpstream();
        await using var rig = await GatewayRig.StartAsync(settings: s => upstream.Behind(s) with { Forward = new CurateMe.Gateway.Proxy.ForwardOptions { MaxEventBytes = 100_000 } });
        var key = await rig.KeyAsync();
        var large = $"{before}data: {Chunk.Replace("llo", new string('l', 500_000), StringComparison.Ordinal)}\n\n";
        foreach (var script in (string[])[large + "data: [DONE]\n\n", $"{large}data: {Usage}\n\ndata: [DONE]\n\n"])
        {
            upstream.Answer(Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(script)), type: "text/event-stream");

            Assert.Equal(large + "data: [DONE]\n\n", (await rig.AskAsync(key, Chat.Body(1_000, stream: true))).Text);
        }

        // What was not read may be all that the caller allowed.
        var records = await rig.RecordsAsync();
        Assert.Equal([(UsageSource.Provider, 4L), (UsageSource.Estimated, 1_000L)], records.Select(static r => (r.Source, r.Usage.CompletionTokens)).Order());
    }

    [Theory]
    [InlineData("split=1")]
    [InlineData("split=1;crlf=1;keepalive=1")]
    [InlineData("keepalive=1;chunk_delay_ms=1")]
    public async Task Stream_OfTheSimulator_IsWholeAndItsTrailersAreTheRecord(string sim)
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();

        var answer = await rig.AskAsync(key, Chat.Body(stream: true), sim);

        Assert.Contains("data: [DONE]", answer.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("prompt_tokens", answer.Text, StringComparison.Ordinal);
        var record = Assert.Single(await rig.AssertBooksAsync());
        Assert.Equal(record.Hold, answer.Cost);
        Assert.Equal(record.Cost.ToString(), answer.Trailer("X-CM-Cost"));
        Assert.Equal(record.Cost.ToString(), answer.Trailer("X-CM-Daily-Cost"));
        Assert.Equal("100", answer.Trailer("X-CM-Daily-Budget"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Http2_PlainAndStream_HaveTheSameHeadersAndTrailers(bool stream)
    {
        await using var rig = await GatewayRig.StartAsync(host: static b => b.WebHost.ConfigureKestrel(static k => k.ConfigureEndpointDefaults(static e => e.Protocols = HttpProtocols.Http2)));
        var key = await rig.KeyAsync();
        using var request = new HttpRequestMessage(HttpMethod.Post, Chat.Path)
        {
            Content = new StringContent(Chat.Body(stream: stream), Encoding.UTF8, "application/json"),
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };

        var answer = await rig.SendAsync(key, request);

        Assert.True(answer.Status == 200, answer.ToString());
        var cost = Assert.Single(await rig.AssertBooksAsync()).Cost.ToString();
        Assert.Equal(cost, stream ? answer.Trailer("X-CM-Cost") : answer.Header("X-CM-Cost"));
        Assert.True(!stream || answer.Text.EndsWith("data: [DONE]\n\n", StringComparison.Ordinal), answer.Text);
    }

    [Theory]
    [InlineData(300)]
    [InlineData(2000)]
    public async Task Stream_BrokenByTheProvider_ClientSeesAllThatCameAndNoGoodEnd(int bytes)
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();
        using var client = await RawClient.ConnectAsync(rig.Address);
        await client.SendAsync(RawClient.Request(key, Chat.Body(stream: true), $"fail=cut_after_bytes:{bytes}"));

        var text = await client.ReadToBreakAsync();

        Assert.StartsWith("HTTP/1.1 200", text, StringComparison.Ordinal);
        Assert.DoesNotContain("\r\n0\r\n", text, StringComparison.Ordinal);
        Assert.Equal(bytes, Unchunked(text.Split("\r\n\r\n", 2)[1]));
        await rig.AssertBooksAsync();
    }

    static int Unchunked(string chunks)
    {
        var length = 0;
        for (var at = 0; at < chunks.Length;)
        {
            var line = chunks.IndexOf("\r\n", at, StringComparison.Ordinal);
            var size = int.Parse(chunks.AsSpan(at, line - at), System.Globalization.NumberStyles.HexNumber, System.Globalization.CultureInfo.InvariantCulture);
            length += size;
            at = line + 2 + size + 2;
        }
        return length;
    }
}
