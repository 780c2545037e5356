using System.Net.Sockets;
using System.Globalization;
using System.Text;
using CurateMe.Testing;
using Xunit;

namespace CurateMe.Gateway.Tests.Acceptance;

public sealed class RawConnectionTests
{
    [Fact]
    public async Task Pipelined_RequestsPlainStreamedAndBad_AreAnsweredInOrder()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();
        using var client = await RawClient.ConnectAsync(rig.Address);

        await client.SendAsync(
            RawClient.Request(key, Chat.Body(), "output_tokens=3") + RawClient.Request(key, Chat.Body(stream: true), "output_tokens=3") + RawClient.Request(key, "{}")
            + RawClient.Request(key, Chat.Body(), "status=400") + RawClient.Request(key, Chat.Body()).Replace("Host: gateway\r\n", "Host: gateway\r\nConnection: close\r\n", StringComparison.Ordinal));
        var text = await client.ReadAsync();

        Assert.Equal(["200", "200", "400", "400", "200"], text.Split("HTTP/1.1 ").Skip(1).Select(static t => t[..3]));
        Assert.Equal(4, (await rig.AssertBooksAsync()).Count);
    }

    [Fact]
    public async Task Stream_Http11_EndsWithTheTrailersItAnnounced()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();
        using var client = await RawClient.ConnectAsync(rig.Address);
        await client.SendAsync(RawClient.Request(key, Chat.Body(stream: true)));

        var text = await client.ReadUntilAsync("\r\n0\r\n") + await client.ReadUntilAsync("\r\n\r\n");

        var cost = (await rig.RecordAsync()).Cost.ToString();
        Assert.Contains("Trailer: X-CM-Cost, X-CM-Daily-Cost, X-CM-Daily-Budget\r\n", text, StringComparison.Ordinal);
        Assert.EndsWith($"\r\n0\r\nX-CM-Cost: {cost}\r\nX-CM-Daily-Cost: {cost}\r\nX-CM-Daily-Budget: 100\r\n\r\n", text, StringComparison.Ordinal);
        // The same connection serves the next request.
        await client.SendAsync(RawClient.Request(key, Chat.Body()));
        Assert.StartsWith("HTTP/1.1 200", await client.ReadAsync(12), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stream_Http10_HasNoChunksAndIsCharged()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();
        using var client = await RawClient.ConnectAsync(rig.Address);
        await client.SendAsync(RawClient.Request(key, Chat.Body(stream: true), version: "1.0"));

        var parts = (await client.ReadAsync()).Split("\r\n\r\n", 2);

        Assert.DoesNotContain("chunked", parts[0], StringComparison.OrdinalIgnoreCase);
        Assert.StartsWith("data: {", parts[1], StringComparison.Ordinal);
        Assert.EndsWith("data: [DONE]\n\n", parts[1], StringComparison.Ordinal);
        Assert.Single(await rig.AssertBooksAsync());
    }

    [Fact]
    public async Task Request_InSmallPiecesAndChunks_IsRead()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();
        using var client = await RawClient.ConnectAsync(rig.Address);
        var body = Chat.Body(text: "äöü 👍");
        var head = $"POST {Chat.Path} HTTP/1.1\r\nHost: g\r\nX-CM-API-Key: {key}\r\nContent-Type: application/json; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n";
        foreach (var piece in Encoding.UTF8.GetBytes(head).Chunk(11))
        {
            await client.SendAsync(piece);
        }
        foreach (var piece in Encoding.UTF8.GetBytes(body).Chunk(3))
        {
            await client.SendAsync((byte[])[.. Encoding.ASCII.GetBytes(piece.Length.ToString("x", CultureInfo.InvariantCulture) + "\r\n"), .. piece, .. "\r\n"u8]);
        }
        await client.SendAsync("0\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 200", await client.ReadAsync(12), StringComparison.Ordinal);
        Assert.Single(await rig.AssertBooksAsync());
    }

    [Fact]
    public async Task Request_HalfSentThenEnded_IsRefusedAndNothingIsHeld()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();
        using var client = await RawClient.ConnectAsync(rig.Address);
        await client.SendAsync(RawClient.Request(key, Chat.Body())[..^10]);
        client.FinishSending();

        string text;
        try
        {
            text = await client.ReadAsync();
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
        {
            // The server may cut off what it did not get whole.
            text = "";
        }

        Assert.True(text.Length == 0 || text.StartsWith("HTTP/1.1 400", StringComparison.Ordinal), text);
        Assert.Empty(await rig.AssertBooksAsync());
        Assert.Empty(rig.Simulator.Bill.Entries);
    }

    [Theory]
    [InlineData("GARBAGE\r\n\r\n")]
    [InlineData("POST /v1/chat/completions HTTP/1.1\r\n\r\n")]
    [InlineData("POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n")]
    [InlineData("POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello")]
    [InlineData("POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")]
    [InlineData("POST /v1/chat/completions HTTP/9.9\r\nHost: a\r\n\r\n")]
    [InlineData("POST /v1/%zz HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")]
    public async Task Http_Malformed_IsA4xx(string text)
    {
        await using var rig = await GatewayRig.StartAsync();
        using var client = await RawClient.ConnectAsync(rig.Address);
        await client.SendAsync(text);
        var answer = await client.ReadAsync(12);
        Assert.True(answer.StartsWith("HTTP/1.1 4", StringComparison.Ordinal) || answer.StartsWith("HTTP/1.1 505", StringComparison.Ordinal), answer);
    }

    [Fact]
    public async Task BothLengthAndChunks_AreNotTwoRequests()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();
        using var client = await RawClient.ConnectAsync(rig.Address);
        var smuggled = RawClient.Request(key, Chat.Body());
        await client.SendAsync($"POST {Chat.Path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\nContent-Length: {5 + smuggled.Length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}");
        client.FinishSending();
        var text = await client.ReadAsync();
        Assert.DoesNotContain("HTTP/1.1 200", text, StringComparison.Ordinal);
        await Poll.UntilAsync(() => rig.Simulator.Simulator.Waiting == 0, "nothing runs");
        Assert.Empty(rig.Simulator.Bill.Entries);
    }
}
