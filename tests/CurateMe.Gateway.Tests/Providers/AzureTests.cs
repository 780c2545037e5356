using System.Text;
using CurateMe.Gateway.Tests.Acceptance;
using Xunit;

namespace CurateMe.Gateway.Tests.Providers;

/// <summary>Azure OpenAI's own addresses, in and out.</summary>
public sealed class AzureTests
{
    const string Version = "?api-version=2024-10-21";

    static async Task<Answer> AskAsync(GatewayRig rig, string path, string body, string key)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(rig.Address, path)) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        request.Headers.Add("api-key", key);
        using var response = await rig.Http.SendAsync(request, TestContext.Current.CancellationToken);
        return new Answer((int)response.StatusCode, await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken), response.Headers, response.TrailingHeaders);
    }

    [Theory]
    [InlineData("/v1/azure/openai/deployments/gpt-4o-mini/chat/completions", """{"messages":[{"role":"user","content":"ping"}],"max_tokens":20}""")]
    [InlineData("/v1/azure/openai/deployments/gpt-4o-mini/chat/completions", """{"model":"gpt-4o","messages":[{"role":"user","content":"ping"}],"max_tokens":20}""")]
    [InlineData("/v1/azure/openai/deployments/gpt-4o-mini/chat/completions", """{"messages":[{"role":"user","content":"ping"}],"stream":true}""")]
    [InlineData("/v1/azure/openai/deployments/text-embedding-3-small/embeddings", """{"input":"ping"}""")]
    [InlineData("/v1/azure/openai/responses", """{"model":"gpt-4o-mini","input":"ping","max_output_tokens":20}""")]
    [InlineData("/v1/azure/openai/v1/chat/completions", """{"model":"gpt-4o-mini","messages":[{"role":"user","content":"ping"}],"max_tokens":20}""")]
    public async Task InboundShapes_AreMeteredByTheDeploymentsName(string path, string body)
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();

        var answer = await AskAsync(rig, path + Version, body, key);

        Assert.True(answer.Status == 200, answer.ToString());
        var record = Assert.Single(await Bills.AssertEqualAsync(rig));
        Assert.Equal("azure", record.Provider);
        Assert.Equal(path.Contains("embedding", StringComparison.Ordinal) ? "text-embedding-3-small" : "gpt-4o-mini", record.Model);
    }

    [Fact]
    public async Task Outbound_WithApiVersion_IsAzuresAddress_AndKeyGoesIntoItsHeader()
    {
        await using var upstream = new ScriptedUpstream();
        await using var rig = await GatewayRig.StartAsync(settings: s => s with
        {
            Providers = [.. s.Providers.Select(row => row.Name == "azure"
                ? row with { BaseUrl = upstream.Behind(s).Providers.First(static r => r.Name == "openai").BaseUrl.Replace("/v1", "/openai", StringComparison.Ordinal), ApiVersion = "2024-10-21", ApiKey = "azure-key" }
                : row)],
        });
        var key = await rig.KeyAsync();
        upstream.Answer("""{"choices":[{"message":{"content":"a"}}],"usage":{"prompt_tokens":5,"completion_tokens":5}}""");

        var answer = await AskAsync(rig, "/v1/azure/openai/deployments/gpt-4o-mini/chat/completions" + Version, """{"messages":[{"role":"user","content":"ping"}],"max_tokens":20}""", key);

        Assert.Equal(200, answer.Status);
        var sent = upstream.Requests.Single();
        Assert.StartsWith("POST /openai/deployments/gpt-4o-mini/chat/completions?api-version=2024-10-21 HTTP/1.1\r\n", sent, StringComparison.Ordinal);
        Assert.Contains("api-key: azure-key\r\n", sent, StringComparison.Ordinal);
        Assert.DoesNotContain(key, sent, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/v1/azure/openai/deployments/gpt-4o-mini/images/variations")]
    [InlineData("/v1/azure/openai/deployments/gpt-4o-mini/extensions/chat/completions")]
    [InlineData("/v1/groq/openai/deployments/gpt-4o-mini/chat/completions")]
    public async Task WhatHasNoMeter_IsRefused(string path)
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();
        await rig.AssertRefusedAsync(await AskAsync(rig, path, "{}", key), 404, "not_found_error");
    }
}
