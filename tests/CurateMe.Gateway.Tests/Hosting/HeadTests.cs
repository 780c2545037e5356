using System.Net;
using System.Net.Http.Headers;
using Xunit;

namespace CurateMe.Gateway.Tests.Hosting;

/// <summary>What monitors ask without wanting the answer's body.</summary>
public sealed class HeadTests
{
    const string Token = "head-admin-token-01234";

    [Fact]
    public async Task Head_WhereGetWorks_AnswersTheSameWithoutABody()
    {
        await using var rig = await GatewayRig.StartAsync(new Dictionary<string, string?> { ["ADMIN_TOKEN"] = Token });
        var key = await rig.KeyAsync();
        foreach (var (path, secret) in new[] { ("/health", ""), ("/health/live", ""), ("/health/ready", ""), ("/metrics", Token), ("/v1/models", key), ("/v1/openai/models", key) })
        {
            using var got = await AskAsync(rig, HttpMethod.Get, path, secret);
            using var asked = await AskAsync(rig, HttpMethod.Head, path, secret);
            Assert.Equal((path, HttpStatusCode.OK, HttpStatusCode.OK), (path, got.StatusCode, asked.StatusCode));
            Assert.Equal(got.Content.Headers.ContentType, asked.Content.Headers.ContentType);
            Assert.Empty(await asked.Content.ReadAsByteArrayAsync());
        }
    }

    [Theory]
    [InlineData("/metrics")]
    [InlineData("/v1/models")]
    public async Task Head_WithoutASecret_IsRefusedAsGetIs(string path)
    {
        await using var rig = await GatewayRig.StartAsync(new Dictionary<string, string?> { ["ADMIN_TOKEN"] = Token });
        using var asked = await AskAsync(rig, HttpMethod.Head, path, "");
        Assert.Equal(HttpStatusCode.Unauthorized, asked.StatusCode);
    }

    static async Task<HttpResponseMessage> AskAsync(GatewayRig rig, HttpMethod method, string path, string secret)
    {
        using var request = new HttpRequestMessage(method, path);
        request.Headers.Authorization = secret.Length == 0 ? null : new AuthenticationHeaderValue("Bearer", secret);
        return await rig.Http.SendAsync(request);
    }
}
