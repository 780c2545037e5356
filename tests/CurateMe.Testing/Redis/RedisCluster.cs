using System.Diagnostics;
using CurateMe.Resp;

namespace CurateMe.Testing.Redis;

/// <summary>A real Redis Cluster on free ports of 127.0.0.1: masters with the slots spread evenly over them, then replicas, the first of the first master and so on.</summary>
public sealed class RedisCluster : IAsyncDisposable
{
    private const int SlotCount = 16384;
    private static readonly TimeSpan FormTimeout = TimeSpan.FromSeconds(60);

    private readonly int _masters;

    private RedisCluster(RedisServer[] servers, int masters)
    {
        Servers = servers;
        _masters = masters;
    }

    public IReadOnlyList<RedisServer> Servers { get; }

    public RespOptions Options => new() { Addresses = [.. Servers.Select(static s => s.Address)], Cluster = true };

    /// <summary>For <c>REDIS_URL</c>.</summary>
    public string Url => $"redis://{string.Join(',', Servers.Select(static s => s.Address))}";

    public static async Task<RedisCluster> StartAsync(int masters = 3, int replicas = 0)
    {
        var starting = Enumerable.Range(0, masters + replicas).Select(static _ => RedisServer.StartAsync(new() { Cluster = true })).ToArray();
        var cluster = new RedisCluster(await Task.WhenAll(starting), masters);
        try
        {
            await cluster.FormAsync();
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    public Task<RespClient> ConnectAsync() => RespClient.ConnectAsync(Options);

    public async ValueTask DisposeAsync()
    {
        foreach (var server in Servers)
            await server.DisposeAsync();
    }

    private async Task FormAsync()
    {
        List<RespClient> clients = [];
        try
        {
            foreach (var server in Servers)
                clients.Add(await server.ConnectAsync());
            for (var i = 0; i < _masters; i++)
            {
                await clients[i].ExecuteAsync(["CLUSTER", "ADDSLOTSRANGE", SlotCount * i / _masters, SlotCount * (i + 1) / _masters - 1]);
                await clients[i].ExecuteAsync(["CLUSTER", "SET-CONFIG-EPOCH", i + 1]);
            }
            foreach (var server in Servers.Skip(1))
                await clients[0].ExecuteAsync(["CLUSTER", "MEET", "127.0.0.1", server.Port, await BusPortAsync(server)]);
            foreach (var client in clients)
                await UntilAsync(() => KnowsAllAsync(client));
            for (var i = _masters; i < clients.Count; i++)
                await clients[i].ExecuteAsync(["CLUSTER", "REPLICATE", (await clients[i - _masters].ExecuteAsync(["CLUSTER", "MYID"])).AsString()!]);
            foreach (var replica in clients.Skip(_masters))
                await UntilAsync(async () => (await replica.ExecuteAsync(["INFO", "replication"])).AsString()!.Contains("master_link_status:up", StringComparison.Ordinal));
        }
        finally
        {
            foreach (var client in clients)
                await client.DisposeAsync();
        }
    }

    private static async Task UntilAsync(Func<Task<bool>> condition)
    {
        for (var waited = Stopwatch.StartNew(); !await condition(); await Task.Delay(50))
            if (waited.Elapsed > FormTimeout)
                throw new InvalidOperationException($"The cluster did not form within {FormTimeout.TotalSeconds} s.");
    }

    private static async Task<long> BusPortAsync(RedisServer server)
    {
        await using var client = await server.ConnectAsync();
        var reply = await client.ExecuteAsync(["CONFIG", "GET", "cluster-port"]);
        return reply[1].AsInt64();
    }

    private async Task<bool> KnowsAllAsync(RespClient client)
    {
        var info = (await client.ExecuteAsync(["CLUSTER", "INFO"])).AsString()!;
        return info.Contains("cluster_state:ok", StringComparison.Ordinal) && info.Contains($"cluster_known_nodes:{Servers.Count}\r\n", StringComparison.Ordinal)
            && (await client.ExecuteAsync(["CLUSTER", "SLOTS"])).Count == _masters;
    }
}
