using CurateMe.Gateway.Configuration;
using CurateMe.Gateway.Hosting;
using Microsoft.Extensions.Configuration;
using Xunit;

namespace CurateMe.Gateway.Tests.Hosting;

/// <summary>What is wrong with the configuration is listed, all of it.</summary>
public sealed class FaultTests
{
    [Theory]
    [InlineData("Metrics:Open", "maybe", "Metrics__Open")]
    [InlineData("Redis:AllowEviction", "maybe", "Redis__AllowEviction")]
    [InlineData("Webhooks:AllowHttp", "maybe", "Webhooks__AllowHttp")]
    [InlineData("Logging:LogLevel:Default", "zzz", "Logging__LogLevel__Default")]
    [InlineData("Logging:Console:LogLevel:Microsoft.AspNetCore", "zzz", "Logging__Console__LogLevel__Microsoft.AspNetCore")]
    [InlineData("urls", "foo", "ASPNETCORE_URLS")]
    [InlineData("urls", "http://127.0.0.1:8002;https://127.0.0.1:8003", "ASPNETCORE_URLS")]
    [InlineData("urls", "http://127.0.0.1:99999", "ASPNETCORE_URLS")]
    [InlineData("urls", "http://127.0.0.1:8002/below", "ASPNETCORE_URLS")]
    public void Setting_ThatCannotBeUsed_StopsTheStart(string key, string value, string named) =>
        Assert.StartsWith(named + " ", Assert.Single(Faults(new() { [key] = value })), StringComparison.Ordinal);

    [Theory]
    [InlineData("Metrics:Open", "True")]
    [InlineData("Metrics:Open", "")]
    [InlineData("Logging:LogLevel:Default", "warning")]
    [InlineData("Logging:LogLevel:Default", "")]
    [InlineData("Logging:Console:FormatterName", "json")]
    [InlineData("urls", "http://*:8002;http://[::1]:8003")]
    [InlineData("urls", "http://unix:/tmp/gateway.sock")]
    [InlineData("Providers:openai:KeyOptional", "True")]
    [InlineData("Providers:openai:KeyOptional", "")]
    public void Setting_ThatCanBeUsed_StopsNothing(string key, string value) => Assert.Empty(Faults(new() { [key] = value }));

    [Fact]
    public void Provider_WithSeveralFaults_HasAllOfThemListed()
    {
        var faults = Faults(new() { ["Providers:openai:KeyOptional"] = "perhaps", ["Providers:openai:Dialect"] = "latin", ["Providers:own:AskStreamUsage"] = "perhaps" });
        Assert.Equal(
            ["Providers__openai__KeyOptional", "Providers__openai__Dialect", "Providers__own__AskStreamUsage", "Providers__own__BaseUrl"],
            faults.Select(static f => f.Split(' ')[0]));
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("mongodb://")]
    [InlineData("http://127.0.0.1:27017")]
    public void Stores_BothUnreadable_AreBothListed(string mongo)
    {
        var faults = Faults(new() { ["REDIS_URL"] = "http://127.0.0.1", ["MONGODB_URL"] = mongo });
        Assert.Equal(["REDIS_URL", "MONGODB_URL"], faults.Select(static f => f.Split(' ')[0]));
    }

    static IReadOnlyList<string> Faults(Dictionary<string, string?> configuration)
    {
        try
        {
            GatewaySettings.Read(new ConfigurationBuilder().AddInMemoryCollection(configuration).Build(), demo: false);
            return [];
        }
        catch (ConfigurationException e)
        {
            return e.Faults;
        }
    }
}
