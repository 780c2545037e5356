using System.Net;
using System.Net.Sockets;
using CurateMe.Gateway.Tests.Acceptance.Processes;
using CurateMe.Testing;
using CurateMe.Testing.Mongo;
using CurateMe.Testing.Redis;
using Xunit;

namespace CurateMe.Gateway.Tests.Hosting;

/// <summary>A gateway that cannot start says why in sentences, and ends with 1.</summary>
public sealed class StartTests
{
    [Fact]
    public async Task Start_WithFaultsOfEveryKind_ListsAllOfThem()
    {
        using var directory = new TemporaryDirectory();
        var taken = Path.Combine(directory.Path, "file");
        await File.WriteAllTextAsync(taken, "", TestContext.Current.CancellationToken);
        var output = await FailAsync(["--dmeo", "--urls", "foo"], new()
        {
            ["CM_DATA_DIR"] = taken,
            ["Logging__LogLevel__Default"] = "zzz",
            ["Providers__openai__KeyOptional"] = "perhaps",
            ["Providers__openai__Dialect"] = "latin",
            ["MONGODB_URL"] = "nonsense",
            ["REDIS_URL"] = "nonsense",
            ["Metrics__Open"] = "maybe",
        });
        foreach (var name in new[] { "--dmeo", "CM_DATA_DIR", "ASPNETCORE_URLS", "Logging__LogLevel__Default", "REDIS_URL", "MONGODB_URL", "Metrics__Open", "Providers__openai__KeyOptional", "Providers__openai__Dialect" })
        {
            Assert.Contains($"\n  - {name} ", output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Start_OnADataDirectoryThatCannotBeMade_NamesIt() =>
        Assert.Contains("CM_DATA_DIR ", await FailAsync(["--urls", "http://127.0.0.1:0"], new() { ["CM_DATA_DIR"] = "/proc/nope" }), StringComparison.Ordinal);

    [Fact]
    public async Task Start_WithoutMongoDb_SaysSo()
    {
        using var directory = new TemporaryDirectory();
        var output = await FailAsync(
            ["--urls", "http://127.0.0.1:0"],
            new() { ["CM_DATA_DIR"] = directory.Path, ["REDIS_URL"] = "redis://127.0.0.1:1", ["MONGODB_URL"] = "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=200" });
        Assert.Contains("MongoDB", Assert.Single(output.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_WhereAnotherListens_NamesTheAddress()
    {
        using var directory = new TemporaryDirectory();
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var address = $"http://{other.LocalEndpoint}";
        var output = await FailAsync(["--urls", address], new() { ["CM_DATA_DIR"] = directory.Path });
        Assert.Contains(address, Assert.Single(output.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_OnAnAddressOfAnotherMachine_NamesTheAddress()
    {
        using var directory = new TemporaryDirectory();
        var output = await FailAsync(["--urls", "http://192.0.2.1:8002"], new() { ["CM_DATA_DIR"] = directory.Path });
        Assert.Contains("http://192.0.2.1:8002", Assert.Single(output.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Start_OnARedisThatDropsMoney_NamesTheSetting()
    {
        Assert.SkipUnless(RedisServer.IsInstalled, RedisServer.Missing);
        await using var mongo = await MongoServer.NewDatabaseAsync(Assert.Skip);
        await using var redis = await RedisServer.StartAsync(new RedisServerSetup { Arguments = ["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"] });
        using var directory = new TemporaryDirectory();
        var output = await FailAsync(["--urls", "http://127.0.0.1:0"], new() { ["CM_DATA_DIR"] = directory.Path, ["REDIS_URL"] = redis.Url, ["MONGODB_URL"] = mongo.Url });
        Assert.Contains("Redis__AllowEviction=true", output, StringComparison.Ordinal);
    }

    static async Task<string> FailAsync(IReadOnlyList<string> arguments, Dictionary<string, string?> environment)
    {
        var (exit, output) = await GatewayProcess.EndAsync(arguments, environment);
        Assert.True(exit == 1, $"ended with {exit}:\n{output}");
        Assert.DoesNotContain("   at ", output, StringComparison.Ordinal);
        return output;
    }
}
