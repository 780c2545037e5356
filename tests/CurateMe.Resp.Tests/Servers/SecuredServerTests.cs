using CurateMe.Testing.Redis;
using Xunit;

namespace CurateMe.Resp.Tests.Servers;

public sealed class SecuredServerTests
{
    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Password_Right_IsAcceptedAndWrongSaysSo(int protocol)
    {
        Assert.SkipUnless(RedisServer.IsInstalled, RedisServer.Missing);
        await using var server = await RedisServer.StartAsync(new() { Password = "s3cret p@ss" });
        await using var client = await RespClient.ConnectAsync(server.Options with { Protocol = protocol });
        Assert.Equal("PONG", (await client.ExecuteAsync(["PING"])).AsString());

        var wrong = await Assert.ThrowsAsync<RespServerException>(() => RespClient.ConnectAsync(server.Options with { Protocol = protocol, Password = "hunter2" }));
        Assert.Equal("WRONGPASS", wrong.Code);
        Assert.DoesNotContain("hunter2", wrong.ToString(), StringComparison.Ordinal);
        await Assert.ThrowsAsync<RespServerException>(() => RespClient.ConnectAsync(server.Options with { Protocol = protocol, Password = null }));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public async Task AclUser_MayOnlyWhatItMay(int protocol)
    {
        Assert.SkipUnless(RedisServer.IsInstalled, RedisServer.Missing);
        await using var server = await RedisServer.StartAsync(new() { Users = ["alice on >wonder ~a:* resetchannels &news +@all -flushall"] });
        await using var client = await RespClient.ConnectAsync(server.Options with { Protocol = protocol, User = "alice", Password = "wonder" });
        Assert.Equal("alice", (await client.ExecuteAsync(["ACL", "WHOAMI"])).AsString());
        Assert.True((await client.ExecuteAsync(["SET", "a:1", 1])).IsOk);
        Assert.Equal("NOPERM", (await Assert.ThrowsAsync<RespServerException>(async () => await client.ExecuteAsync(["SET", "b:1", 1]))).Code);
        Assert.Equal("NOPERM", (await Assert.ThrowsAsync<RespServerException>(async () => await client.ExecuteAsync(["FLUSHALL"]))).Code);

        // A refused subscription fails alone; the allowed one works on the same connection.
        using var news = await client.SubscribeAsync("news", static _ => { }).WaitAsync(Eventually.Limit);
        var refused = await Assert.ThrowsAsync<RespServerException>(() => client.SubscribeAsync("other", static _ => { }).WaitAsync(Eventually.Limit));
        Assert.Equal("NOPERM", refused.Code);
        var heard = new TaskCompletionSource();
        using var again = await client.SubscribeAsync("news", _ => heard.TrySetResult()).WaitAsync(Eventually.Limit);
        await client.ExecuteAsync(["PUBLISH", "news", "x"]);
        await heard.Task.WaitAsync(Eventually.Limit);
    }

    [Fact]
    public async Task Tls_WithTheServersRoot_Works()
    {
        Assert.SkipUnless(RedisServer.IsInstalled, RedisServer.Missing);
        await using var server = await RedisServer.StartAsync(new() { Tls = true, Password = "pw" });
        await using var client = await server.ConnectAsync();
        var value = new byte[1 << 20];
        new Random(5).NextBytes(value);
        await client.ExecuteAsync(["SET", "k", value]);
        Assert.True((await client.ExecuteAsync(["GET", "k"])).AsSpan().SequenceEqual(value));
        await Task.WhenAll(Enumerable.Range(0, 32).Select(caller => Task.Run(async () =>
        {
            for (var i = 0; i < 50; i++)
                Assert.Equal($"{caller}:{i}", (await client.ExecuteAsync(["ECHO", $"{caller}:{i}"])).AsString());
        })));
    }

    [Fact]
    public async Task Tls_WithAnotherRootOrName_IsRefused()
    {
        Assert.SkipUnless(RedisServer.IsInstalled, RedisServer.Missing);
        await using var server = await RedisServer.StartAsync(new() { Tls = true });
        await Assert.ThrowsAsync<RespNotSentException>(() => RespClient.ConnectAsync(server.Options with { TrustedRoots = [] }));
        await Assert.ThrowsAsync<RespNotSentException>(() => RespClient.ConnectAsync(server.Options with { TrustedRoots = null }));
        // 127.0.0.2 reaches no server that is bound to 127.0.0.1; the name localhost is in the certificate.
        await using var byName = await RespClient.ConnectAsync(server.Options with { Addresses = [new("localhost", server.Port)] });
        Assert.Equal("PONG", (await byName.ExecuteAsync(["PING"])).AsString());
    }

    [Fact]
    public async Task Tls_ToAServerWithout_IsRefused()
    {
        Assert.SkipUnless(RedisServer.IsInstalled, RedisServer.Missing);
        await using var server = await RedisServer.StartAsync();
        await Assert.ThrowsAsync<RespNotSentException>(() => RespClient.ConnectAsync(server.Options with { Tls = true, ConnectTimeout = TimeSpan.FromSeconds(2) }));
    }
}
