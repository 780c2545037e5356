using System.Net;
using CurateMe.Gateway.Admin;
using CurateMe.Ledger.Redis;
using CurateMe.Resp;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace CurateMe.Gateway.Tests.Admin;

/// <summary>What is said of the records that were set aside while nobody can look at them.</summary>
public sealed class DeadLetterTests
{
    // Nobody listens there.
    static void RedisAway(IServiceCollection services) =>
        services.AddSingleton(static _ => RespClient.Create(RespOptions.Parse("redis://127.0.0.1:1"))).AddSingleton<DeadLetters>();

    [Fact]
    public async Task Replay_WhenRedisIsAway_StoreUnavailable()
    {
        await using var host = await AdminHost.StartAsync(services: RedisAway);
        host.Get<GatewayFigures>().ReplayDlq = async ct => (await host.Get<DeadLetters>().ReplayAsync(ct)).Replayed;
        var (status, json, text) = await host.SendAsync("POST", "/gateway/admin/costs/replay-dlq");
        Assert.True(status == HttpStatusCode.ServiceUnavailable, text);
        Assert.Equal("store_unavailable", (string?)json!["error"]!["code"]);
    }
}
