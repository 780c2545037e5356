using CurateMe.Testing.Redis;

namespace CurateMe.Ledger.Tests.Redis;

/// <summary>One redis-server for the tests of a class.</summary>
public sealed class SharedRedis : IAsyncDisposable
{
    readonly Lazy<Task<RedisServer>> _server = new(() => RedisServer.StartAsync());

    internal Task<RedisServer> Server => _server.Value;

    public async ValueTask DisposeAsync()
    {
        if (_server.IsValueCreated) await (await _server.Value).DisposeAsync();
    }
}

public sealed class SharedRedisCluster : IAsyncDisposable
{
    readonly Lazy<Task<RedisCluster>> _cluster = new(() => RedisCluster.StartAsync());

    internal Task<RedisCluster> Cluster => _cluster.Value;

    public async ValueTask DisposeAsync()
    {
        if (_cluster.IsValueCreated) await (await _cluster.Value).DisposeAsync();
    }
}
