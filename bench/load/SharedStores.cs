using CurateMe.Testing.Mongo;
using CurateMe.Testing.Redis;

namespace CurateMe.Bench.Load;

/// <summary>A redis-server of its own and a database of its own on the tests' MongoDB, for the gateway in shared mode.</summary>
sealed class SharedStores : IAsyncDisposable
{
    readonly RedisServer redis;
    readonly MongoDatabase mongo;

    SharedStores(RedisServer redis, MongoDatabase mongo) => (this.redis, this.mongo) = (redis, mongo);

    /// <summary>What the gateway is told of them.</summary>
    public Dictionary<string, string> Addresses => new() { ["REDIS_URL"] = redis.Url, ["MONGODB_URL"] = mongo.Url };

    /// <summary>Null when one of them is not to be had here; says which.</summary>
    public static async Task<SharedStores?> StartAsync()
    {
        var missing = RedisServer.IsInstalled ? null : RedisServer.Missing;
        MongoDatabase? mongo = null;
        try
        {
            mongo = missing is null ? await MongoServer.NewDatabaseAsync(reason => missing = reason) : null;
        }
        catch (InvalidOperationException) when (missing is not null)
        {
        }
        if (mongo is null)
        {
            Console.WriteLine($"left out: the gateway on Redis and MongoDB ({missing})");
            return null;
        }
        return new SharedStores(await RedisServer.StartAsync(), mongo);
    }

    public async ValueTask DisposeAsync()
    {
        await redis.DisposeAsync();
        await mongo.DisposeAsync();
    }
}
