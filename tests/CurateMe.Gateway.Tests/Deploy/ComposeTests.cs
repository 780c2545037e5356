using System.Globalization;
using System.Text.RegularExpressions;
using CurateMe.Gateway.Hosting;
using CurateMe.Ledger.Redis;
using CurateMe.Testing.Redis;
using Microsoft.Extensions.Configuration;
using Xunit;
using YamlDotNet.Core;
using YamlDotNet.Serialization;

namespace CurateMe.Gateway.Tests.Deploy;

/// <summary>deploy/ against the program itself: what it sets is what the gateway reads, and the servers' arguments are ones that the gateway does not warn of.</summary>
public sealed class ComposeTests
{
    static readonly string Root = Find();
    static readonly Dictionary<object, object> Services = Part("services");

    [Fact]
    public void Services_AsTheRunbooksNameThem() => Assert.Equal(
        ["curateme-backend-gateway", "curateme-backend-gateway-2", "curateme-redis", "curateme-mongo"], new[] { "gateway", "gateway-2", "redis", "mongo" }.Select(name => Text(name, "container_name")));

    [Theory]
    [InlineData("gateway")]
    [InlineData("gateway-2")]
    public void Gateway_ItsEnvironment_IsOneThatTheProgramStartsWith(string name)
    {
        var environment = ((Dictionary<object, object>)Service(name)["environment"]).ToDictionary(static e => (string)e.Key, static e => Interpolated((string)e.Value));
        var settings = GatewaySettings.Read(new ConfigurationBuilder().AddInMemoryCollection(environment!).Build(), demo: false);
        Assert.Equal("redis:6379", settings.Shared!.Redis.Addresses.Single().ToString());
        Assert.Equal("redis-secret", settings.Shared.Redis.Password);
        Assert.Equal("mongodb://mongo:27017/curateme?replicaSet=rs0", settings.Shared.Mongo.Url);
        Assert.Equal("admin-secret-0123456789", settings.AdminToken);
        Assert.Equal(TimeSpan.FromSeconds(60), TimeSpan.FromSeconds(int.Parse(Text(name, "stop_grace_period").TrimEnd('s'), CultureInfo.InvariantCulture)));
    }

    [Fact]
    public void Gateways_EachHasAJournalOfItsOwn()
    {
        var volumes = new[] { "gateway", "gateway-2" }.Select(name => List(name, "volumes").Single()).ToList();
        Assert.All(volumes, static v => Assert.EndsWith(":/data", v, StringComparison.Ordinal));
        Assert.Equal(2, volumes.Distinct().Count());
        Assert.Contains("CM_DATA_DIR=/data", Dockerfile(), StringComparison.Ordinal);
        var named = Part("volumes").Keys.Cast<string>().ToHashSet();
        Assert.All(Services.Keys.Cast<string>().SelectMany(name => List(name, "volumes")), v => Assert.Contains(v.Split(':')[0], named));
    }

    [Fact]
    public void Stores_AreNotReachableFromOutside()
    {
        Assert.All(new[] { "redis", "mongo" }, name => Assert.False(Service(name).ContainsKey("ports")));
        Assert.All(new[] { "redis", "mongo" }, name => Assert.Equal(["stores"], List(name, "networks")));
        Assert.Equal("true", ((Dictionary<object, object>)Part("networks")["stores"])["internal"]);
        Assert.All(new[] { "gateway", "gateway-2" }, name => Assert.All(List(name, "ports"), static port => Assert.StartsWith("127.0.0.1:", port, StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Redis_StartedWithTheseArguments_IsOneThatTheGatewayDoesNotWarnOf()
    {
        Assert.SkipUnless(RedisServer.IsInstalled, RedisServer.Missing);
        var command = List("redis", "command").Select(Interpolated).ToList();
        Assert.Equal("redis-server", command[0]);
        Assert.Equal("redis-secret", command[command.IndexOf("--requirepass") + 1]);
        command.RemoveRange(command.IndexOf("--requirepass"), 2);
        await using var server = await RedisServer.StartAsync(new RedisServerSetup { Password = "redis-secret", Arguments = command[1..] });
        await using var client = await server.ConnectAsync();
        var state = Assert.Single(await RedisServerState.ReadAsync(client, TestContext.Current.CancellationToken));
        Assert.Empty(state.Warnings);
        Assert.Equal(512L << 20, state.MaxMemory);
    }

    [Fact]
    public void Mongo_IsTheReplicaSetThatTheUrlNames()
    {
        var command = List("mongo", "command");
        Assert.Equal("rs0", command[command.IndexOf("--replSet") + 1]);
        var check = string.Join(' ', Strings(((Dictionary<object, object>)Service("mongo")["healthcheck"])["test"]));
        Assert.Contains("_id: 'rs0'", check, StringComparison.Ordinal);
        Assert.Contains("host: 'mongo:27017'", check, StringComparison.Ordinal);
    }

    [Fact]
    public void Gateways_WaitForStoresThatSayThatTheyAreWell()
    {
        foreach (var name in new[] { "gateway", "gateway-2" })
        {
            var waits = (Dictionary<object, object>)Service(name)["depends_on"];
            Assert.Equal(["mongo", "redis"], waits.Keys.Cast<string>().Order());
            Assert.All(waits.Values, static w => Assert.Equal("service_healthy", ((Dictionary<object, object>)w)["condition"]));
            Assert.Contains("http://localhost:8002/health/ready", Strings(((Dictionary<object, object>)Service(name)["healthcheck"])["test"]));
        }
    }

    [Fact]
    public void Dockerfile_BuildsWhatIsThere()
    {
        var text = Dockerfile();
        foreach (Match project in Regex.Matches(text, @"dotnet publish (\S+)"))
        {
            Assert.True(Directory.Exists(Path.Combine(Root, project.Groups[1].Value)), project.Value);
        }
        Assert.Contains("EXPOSE 8002", text, StringComparison.Ordinal);
        Assert.Contains("USER $APP_UID", text, StringComparison.Ordinal);
        Assert.Equal("deploy/Dockerfile", ((Dictionary<object, object>)Service("gateway")["build"])["dockerfile"]);
    }

    static string Interpolated(string text) => Regex.Replace(text, @"\$\{(\w+)(?::\?[^}]*|:-(?<standard>[^}]*))?\}", static m => m.Groups[1].Value switch
    {
        "CM_MASTER_KEY" => m.Groups["standard"].Value,
        "ADMIN_TOKEN" => "admin-secret-0123456789",
        "REDIS_PASSWORD" => "redis-secret",
        var other => throw new InvalidOperationException($"compose.yaml wants {other}, which no document names."),
    });

    static Dictionary<object, object> Service(string name) => (Dictionary<object, object>)Services[name];

    static string Text(string service, string field) => (string)Service(service)[field];

    static List<string> List(string service, string field) => Strings(Service(service).GetValueOrDefault(field));

    static List<string> Strings(object? list) => list is null ? [] : [.. ((List<object>)list).Cast<string>()];

    static string Dockerfile() => File.ReadAllText(Path.Combine(Root, "deploy", "Dockerfile"));

    static Dictionary<object, object> Part(string name)
    {
        using var text = File.OpenText(Path.Combine(Root, "deploy", "compose.yaml"));
        var whole = new DeserializerBuilder().Build().Deserialize<Dictionary<object, object>>(new MergingParser(new Parser(text)));
        return (Dictionary<object, object>)whole[name];
    }

    static string Find()
    {
        var here = new DirectoryInfo(AppContext.BaseDirectory);
        while (here is not null && !File.Exists(Path.Combine(here.FullName, "CurateMe.slnx")))
        {
            here = here.Parent;
        }
        return here?.FullName ?? throw new InvalidOperationException("The repository was not found above the tests.");
    }
}
