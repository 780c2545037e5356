using System.Diagnostics;
using Xunit;

namespace CurateMe.Gateway.Tests.Acceptance;

public sealed class CurlTests
{
    [Fact]
    public async Task Curl_AsPrintedAtTheStart_ShowsTheCostHeaders()
    {
        if (!File.Exists("/usr/bin/curl"))
        {
            Assert.Skip("curl is not installed");
        }
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();

        var answer = await CurlAsync("-si", new Uri(rig.Address, Chat.Path).ToString(), "-H", "Authorization: Bearer " + key, "-H", "Content-Type: application/json", "-d", Chat.Body());

        var record = Assert.Single(await rig.AssertBooksAsync());
        Assert.StartsWith("HTTP/1.1 200 OK\r\n", answer, StringComparison.Ordinal);
        foreach (var header in new[] { $"X-CM-Request-ID: {record.Id}", $"X-CM-Cost: {record.Cost}", $"X-CM-Daily-Cost: {record.Cost}", "X-CM-Daily-Budget: 100", "X-CM-Governance-Time-Ms: ", "Content-Type: application/json" })
        {
            Assert.Contains("\r\n" + header, answer, StringComparison.OrdinalIgnoreCase);
        }
        var refused = await CurlAsync("-si", new Uri(rig.Address, Chat.Path).ToString(), "-d", Chat.Body());
        Assert.StartsWith("HTTP/1.1 401", refused, StringComparison.Ordinal);
        Assert.Contains("X-CM-Request-ID: gw_", refused, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task Curl_Stream_EndsInGoodOrder()
    {
        if (!File.Exists("/usr/bin/curl"))
        {
            Assert.Skip("curl is not installed");
        }
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync();

        var answer = await CurlAsync("-sN", "--fail-with-body", new Uri(rig.Address, Chat.Path).ToString(), "-H", "Authorization: Bearer " + key, "-H", "Content-Type: application/json", "-d", Chat.Body(stream: true));

        Assert.EndsWith("data: [DONE]\n\n", answer, StringComparison.Ordinal);
        await rig.AssertBooksAsync();
    }

    static async Task<string> CurlAsync(params string[] arguments)
    {
        using var curl = Process.Start(new ProcessStartInfo("/usr/bin/curl", arguments) { UseShellExecute = false, RedirectStandardOutput = true })!;
        var text = await curl.StandardOutput.ReadToEndAsync();
        await curl.WaitForExitAsync();
        Assert.Equal(0, curl.ExitCode);
        return text;
    }
}
