using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using CurateMe.Client;
using CurateMe.Gateway.IdentityProvider;
using CurateMe.Gateway.Tests.Alerts;
using CurateMe.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Logging;
using Xunit;

namespace CurateMe.Gateway.Tests.IdentityProvider;

/// <summary>An identity provider on this machine: its document, its keys, and tokens made by code of the tests' own.</summary>
sealed class Provider : IAsyncDisposable
{
    public const string Audience = "curateme-gateway";

    readonly WebApplication app;
    RSA rsa = RSA.Create(2048);
    int fetches;

    Provider(WebApplication app) => this.app = app;

    public string Issuer => app.Urls.First();

    /// <summary>How often the keys were fetched.</summary>
    public int Fetches => Volatile.Read(ref fetches);

    /// <summary>Whether it answers 500 when it is asked for its keys.</summary>
    public bool Failing { get; set; }

    /// <summary>The name under which the one key is published.</summary>
    public string KeyId { get; set; } = "key-1";

    public static async Task<Provider> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        var app = builder.Build();
        var provider = new Provider(app);
        app.MapGet("/.well-known/openid-configuration", () => Results.Text($$"""{"issuer":"{{provider.Issuer}}","jwks_uri":"{{provider.Issuer}}/keys"}""", "application/json"));
        app.MapGet("/keys", () =>
        {
            Interlocked.Increment(ref provider.fetches);
            if (provider.Failing)
            {
                return Results.StatusCode(500);
            }
            var key = provider.rsa.ExportParameters(includePrivateParameters: false);
            return Results.Text(
                $$"""{"keys":[{"kty":"RSA","use":"sig","alg":"RS256","kid":"{{provider.KeyId}}","n":"{{WebEncoders.Base64UrlEncode(key.Modulus!)}}","e":"{{WebEncoders.Base64UrlEncode(key.Exponent!)}}"}]}""", "application/json");
        });
        await app.StartAsync();
        return provider;
    }

    /// <summary>Claims of a good token for an org's admin.</summary>
    public JsonObject Claims(string role = "finance-admins", string? org = "org_test")
    {
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        var claims = new JsonObject { ["iss"] = Issuer, ["aud"] = Audience, ["sub"] = "ada", ["iat"] = now, ["nbf"] = now - 5, ["exp"] = now + 600, ["roles"] = new JsonArray("something", role) };
        if (org is not null)
        {
            claims["org_id"] = org;
        }
        return claims;
    }

    /// <summary>Signs by another key from here on, under another name; the former one is withdrawn.</summary>
    public void ChangeKey(string name)
    {
        rsa.Dispose();
        (rsa, KeyId) = (RSA.Create(2048), name);
    }

    public string Token(JsonObject claims, string alg = "RS256", string? kid = null)
    {
        var head = Part(new JsonObject { ["alg"] = alg, ["typ"] = "JWT", ["kid"] = kid ?? KeyId });
        var signed = $"{head}.{Part(claims)}";
        var bytes = Encoding.ASCII.GetBytes(signed);
        var signature = alg switch
        {
            "RS256" => rsa.SignData(bytes, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1),
            "none" => [],
            // The public key taken for a shared secret.
            "HS256" => HMACSHA256.HashData(rsa.ExportSubjectPublicKeyInfo(), bytes),
            _ => throw new ArgumentOutOfRangeException(nameof(alg)),
        };
        return $"{signed}.{WebEncoders.Base64UrlEncode(signature)}";
    }

    public async ValueTask DisposeAsync()
    {
        await app.StopAsync(new CancellationToken(canceled: true));
        await app.DisposeAsync();
        rsa.Dispose();
    }

    static string Part(JsonObject json) => WebEncoders.Base64UrlEncode(Encoding.UTF8.GetBytes(json.ToJsonString()));
}

public sealed class JwtTests
{
    static async Task<GatewayRig> StartAsync(Provider provider, params (string Name, string Value)[] more)
    {
        var configuration = new Dictionary<string, string?>
        {
            ["ADMIN_TOKEN"] = AlertRig.Token,
            ["Jwt:Issuer"] = provider.Issuer,
            ["Jwt:Audience"] = Provider.Audience,
            ["Jwt:AllowHttp"] = "true",
            ["Jwt:Roles:finance-admins"] = "org_admin",
            ["Jwt:Roles:platform"] = "platform_admin",
            ["Jwt:Roles:readers"] = "viewer",
        };
        foreach (var (name, value) in more)
        {
            configuration[name] = value;
        }
        var rig = await GatewayRig.StartAsync(configuration);
        await rig.KeyAsync();
        await rig.KeyAsync("org_other", key: "key_other");
        return rig;
    }

    static async Task<int> StatusAsync(GatewayRig rig, string token, string path = "/api/v1/admin/keys", HttpMethod? method = null)
    {
        using var request = new HttpRequestMessage(method ?? HttpMethod.Get, path);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        using var answer = await rig.Http.SendAsync(request);
        return (int)answer.StatusCode;
    }

    [Fact]
    public async Task Token_OfTheProvider_OpensItsOrgWithItsRole()
    {
        await using var provider = await Provider.StartAsync();
        await using var rig = await StartAsync(provider);
        var admin = new AdminClient(rig.Http, provider.Token(provider.Claims()));
        Assert.Equal("key_test", Assert.Single((await admin.ListKeysAsync()).Data).KeyId);
        await admin.DisableKeyAsync("key_test");
        Assert.Equal("jwt:ada", (await admin.ListAuditAsync(action: "key.disable")).Data.Single().Actor);
        Assert.Equal(403, (await Assert.ThrowsAsync<AdminRefusedException>(() => admin.For("org_other").ListKeysAsync())).Status);
        Assert.Equal(404, (await Assert.ThrowsAsync<AdminRefusedException>(() => admin.GetKeyAsync("key_other"))).Status);
        Assert.Equal(403, await StatusAsync(rig, provider.Token(provider.Claims("readers")), "/api/v1/admin/keys/key_test/disable", HttpMethod.Post));
        Assert.Equal(403, await StatusAsync(rig, provider.Token(provider.Claims()), "/gateway/admin/metrics"));

        var platform = new AdminClient(rig.Http, provider.Token(provider.Claims("platform", org: null)));
        Assert.Equal(2, (await platform.ListOrgsAsync()).Data.Count(o => o.OrgId is "org_test" or "org_other"));
        Assert.Equal(1, provider.Fetches);
    }

    public static TheoryData<string, string> Faults => new()
    {
        { "iss", "\"https://elsewhere.example\"" },
        { "aud", "\"another-application\"" },
        { "exp", "1000000000" },
        { "exp", "null" },
        { "nbf", "32503680000" },
        { "roles", "[\"nobody\"]" },
        { "roles", "{\"finance-admins\":true}" },
        { "org_id", "null" },
        { "org_id", "[\"org_test\",\"org_other\"]" },
        { "org_id", "\"*\"" },
        { "sub", "null" },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task Token_WithAFault_OpensNothing(string claim, string value)
    {
        await using var provider = await Provider.StartAsync();
        await using var rig = await StartAsync(provider);
        var claims = provider.Claims();
        Assert.Equal(200, await StatusAsync(rig, provider.Token(claims)));
        if (value == "null")
        {
            claims.Remove(claim);
        }
        else
        {
            claims[claim] = JsonNode.Parse(value);
        }
        Assert.Equal(401, await StatusAsync(rig, provider.Token(claims)));
        Assert.NotEmpty((await rig.Admin().ListErrorsAsync("identity")).Data);
    }

    [Fact]
    public async Task Signature_MissingForgedOrAnothers_OpensNothing()
    {
        await using var provider = await Provider.StartAsync();
        await using var stranger = await Provider.StartAsync();
        await using var rig = await StartAsync(provider);
        var good = provider.Token(provider.Claims());
        Assert.Equal(200, await StatusAsync(rig, good));
        var parts = good.Split('.');
        var raised = WebEncoders.Base64UrlEncode(Encoding.UTF8.GetBytes(provider.Claims("platform").ToJsonString()));
        foreach (var bad in (string[])
        [
            provider.Token(provider.Claims(), "none"),
            provider.Token(provider.Claims(), "HS256"),
            stranger.Token(provider.Claims()),
            $"{parts[0]}.{parts[1]}.",
            $"{parts[0]}.{raised}.{parts[2]}",
            $"{parts[0]}.{parts[1]}.{parts[2][..^4]}AAAA",
            "eyJ.eyJ.x",
            "eyJhbGciOiJub25lIn0.e30.",
        ])
        {
            Assert.Equal(401, await StatusAsync(rig, bad));
        }
    }

    [Fact]
    public async Task Keys_ThatTheProviderChanges_AreFetchedAgain_NotForEveryStranger()
    {
        await using var provider = await Provider.StartAsync();
        await using var rig = await StartAsync(provider);
        Assert.Equal(200, await StatusAsync(rig, provider.Token(provider.Claims())));
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal(401, await StatusAsync(rig, provider.Token(provider.Claims(), kid: $"unknown-{i}") + "x"));
        }
        Assert.InRange(provider.Fetches, 1, 3);
        provider.KeyId = "key-2";
        await AlertRig.UntilAsync(() => StatusAsync(rig, provider.Token(provider.Claims())), status => status == 200, "the new name of the key is known");
    }

    [Fact]
    public async Task Keys_UnderANewName_OpenAtTheFirstToken_ThoseWithdrawnNoLonger()
    {
        await using var provider = await Provider.StartAsync();
        await using var rig = await StartAsync(provider);
        var former = provider.Token(provider.Claims());
        Assert.Equal(200, await StatusAsync(rig, former));
        provider.ChangeKey("key-2");
        Assert.Equal(200, await StatusAsync(rig, provider.Token(provider.Claims())));
        Assert.Equal(401, await StatusAsync(rig, former));
    }

    [Fact]
    public async Task Provider_ThatFails_IsNotAskedForEveryToken()
    {
        await using var provider = await Provider.StartAsync();
        await using var rig = await StartAsync(provider);
        provider.Failing = true;
        var token = provider.Token(provider.Claims());
        Assert.All(await Task.WhenAll(Enumerable.Range(0, 40).Select(_ => StatusAsync(rig, token))), status => Assert.Equal(401, status));
        Assert.InRange(provider.Fetches, 1, 5);
    }

    [Theory]
    [InlineData("exp", 253_402_300_799)]
    [InlineData("exp", 253_402_300_770)]
    [InlineData("nbf", -62_135_596_800)]
    public async Task Time_AtTheEndOfTheCalendar_IsATime(string claim, long seconds)
    {
        await using var provider = await Provider.StartAsync();
        await using var rig = await StartAsync(provider);
        var claims = provider.Claims();
        claims[claim] = seconds;
        Assert.Equal(200, await StatusAsync(rig, provider.Token(claims)));
        using var answer = await rig.Http.PostAsJsonAsync("/dashboard/session", new { token = provider.Token(claims) });
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task Provider_ThatIsAway_RefusesItsTokensOnly()
    {
        var provider = await Provider.StartAsync();
        await using var rig = await StartAsync(provider);
        var token = provider.Token(provider.Claims());
        await provider.DisposeAsync();
        Assert.Equal(401, await StatusAsync(rig, token));
        Assert.Equal(200, await StatusAsync(rig, AlertRig.Token, "/api/v1/admin/orgs"));
    }

    [Fact]
    public async Task Keys_ThatAreKnown_StayWhileTheProviderIsAway()
    {
        await using var provider = await Provider.StartAsync();
        await using var rig = await StartAsync(provider);
        var token = provider.Token(provider.Claims());
        Assert.Equal(200, await StatusAsync(rig, token));
        provider.Failing = true;
        Assert.Equal(401, await StatusAsync(rig, provider.Token(provider.Claims(), kid: "unknown") + "x"));
        Assert.Equal(2, provider.Fetches);
        Assert.Equal(200, await StatusAsync(rig, token));
        Assert.Contains((await rig.Admin().ListErrorsAsync("identity")).Data, e => e.Code == "keys_not_fetched" && e.LastMessage.StartsWith(provider.Issuer, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Keys_OfAnHour_AreFetchedBesideTheRequests()
    {
        await using var provider = await Provider.StartAsync();
        var time = new TestClock(TimeProvider.System.GetUtcNow());
        using var keys = new SigningKeys(
            new JwtOptions { Issuer = provider.Issuer, Audience = Provider.Audience, MetadataAddress = new Uri("http://127.0.0.1:1/"), JwksAddress = new Uri(provider.Issuer + "/keys"), Roles = new Dictionary<string, AdminRole>(), Orgs = new Dictionary<string, string>() },
            new CurateMe.Ledger.Errors.ErrorEvents(time), time);
        var first = await keys.CurrentAsync(default);
        Assert.Equal("key-1", Assert.Single(first!.Keys).KeyId);
        time.Advance(SigningKeys.Life - TimeSpan.FromSeconds(1));
        Assert.Same(first, await keys.CurrentAsync(default));
        provider.ChangeKey("key-2");
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Same(first, await keys.CurrentAsync(default));
        await Poll.UntilAsync(async () => (await keys.CurrentAsync(default))!.Keys[0].KeyId == "key-2", "the keys that are published now");
        Assert.Equal(2, provider.Fetches);
    }

    [Fact]
    public async Task Claims_OfOtherNames_AreMapped()
    {
        await using var provider = await Provider.StartAsync();
        await using var rig = await StartAsync(
            provider, ("Jwt:JwksAddress", provider.Issuer + "/keys"), ("Jwt:RoleClaim", "groups"), ("Jwt:OrgClaim", "tenant"), ("Jwt:NameClaim", "email"), ("Jwt:Orgs:acme", "org_other"));
        var claims = provider.Claims();
        claims.Remove("roles");
        claims.Remove("org_id");
        (claims["groups"], claims["tenant"], claims["email"]) = ("readers", "acme", "ada@example.com");
        Assert.Equal("key_other", Assert.Single((await new AdminClient(rig.Http, provider.Token(claims)).ListKeysAsync()).Data).KeyId);
        claims["tenant"] = "org_test";
        Assert.Equal(401, await StatusAsync(rig, provider.Token(claims)));
    }

    [Fact]
    public async Task Browser_SignsInWithATokenOfTheProvider()
    {
        await using var provider = await Provider.StartAsync();
        await using var rig = await StartAsync(provider);
        using var answer = await rig.Http.PostAsJsonAsync("/dashboard/session", new { token = provider.Token(provider.Claims()) });
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        var session = await answer.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal(("org_admin", "org_test", "jwt:ada"), (session.GetProperty("role").GetString(), session.GetProperty("org_id").GetString(), session.GetProperty("actor").GetString()));
        Assert.True(session.GetProperty("expires_at").GetDateTimeOffset() <= TimeProvider.System.GetUtcNow().AddMinutes(11));
    }

    [Fact]
    public void Configuration_WithFaults_NamesThemAll()
    {
        var faults = new CurateMe.Gateway.Configuration.ConfigurationFaults();
        var configuration = new Microsoft.Extensions.Configuration.ConfigurationManager();
        configuration["Jwt:Issuer"] = "http://plain.example";
        configuration["Jwt:Roles:x"] = "king";
        CurateMe.Gateway.IdentityProvider.JwtOptions.Read(configuration, faults);
        var told = Assert.Throws<CurateMe.Gateway.Configuration.ConfigurationException>(faults.ThrowIfAny).Message;
        Assert.All((string[])["Jwt__Issuer", "Jwt__Audience", "Jwt__Roles__x"], name => Assert.Contains(name, told, StringComparison.Ordinal));
    }
}
