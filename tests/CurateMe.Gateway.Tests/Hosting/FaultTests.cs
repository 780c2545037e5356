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

    [Theory]
    [InlineData("Forward:Retreis", "Forward__Retreis is no setting; did you mean Forward__Retries?")]
    [InlineData("forward:totaltimeout", "forward__totaltimeout is no setting; there is Forward__MaxBodyBytes, ")]
    [InlineData("Providers:openai:ApiKy", "Providers__openai__ApiKy is no setting; did you mean Providers__openai__ApiKey?")]
    [InlineData("Providers:openai", "Providers__openai is no setting; there is Providers__openai__BaseUrl, ")]
    [InlineData("Webhooks:AllowHttps", "Webhooks__AllowHttps is no setting; did you mean Webhooks__AllowHttp?")]
    [InlineData("Forwards:Retries", "Forwards__Retries is no setting; did you mean Forward__Retries?")]
    [InlineData("Webhook:AllowHttp", "Webhook__AllowHttp is no setting; did you mean Webhooks__AllowHttp?")]
    [InlineData("CM_DATADIR", "CM_DATADIR is no setting; did you mean CM_DATA_DIR?")]
    [InlineData("COST_RECORDER_BATCHSIZE", "COST_RECORDER_BATCHSIZE is no setting; did you mean COST_RECORDER_BATCH_SIZE?")]
    public void Setting_ThatThereIsNot_StopsTheStartAndNamesTheOneMeant(string key, string told)
    {
        var fault = Assert.Single(Faults(new() { [key] = "secret" }));
        Assert.StartsWith(told, fault, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", fault, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("PATH")]
    [InlineData("REDIS_HOST")]
    [InlineData("Serilog:MinimumLevel")]
    [InlineData("Kestrel:Limits:MaxConcurrentConnections")]
    [InlineData("CM_URL")]
    [InlineData("CM_API_KEY")]
    [InlineData("CM_GATEWAY_SERVICE_HOST")]
    [InlineData("CM_GATEWAY_SERVICE_PORT_HTTP")]
    [InlineData("CM_GATEWAY_PORT")]
    [InlineData("CM_GATEWAY_PORT_8002_TCP_ADDR")]
    public void Setting_OfAnotherProgram_IsLetBe(string key) => Assert.Empty(Faults(new() { [key] = "x" }));

    [Fact]
    public void Jwt_WithAMisspeltField_NamesIt()
    {
        var faults = Faults(new() { ["Jwt:Issuer"] = "https://issuer", ["Jwt:Audience"] = "a", ["Jwt:Roles:admins"] = "platform_admin", ["Jwt:Orgs:acme"] = "org_a", ["Jwt:RolesClaim"] = "groups" });
        Assert.Equal("Jwt__RolesClaim is no setting; did you mean Jwt__RoleClaim?", Assert.Single(faults));
    }

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
