using CurateMe.Gateway.Tests.Acceptance;
using CurateMe.Testing;
using Xunit;

namespace CurateMe.Gateway.Tests.Providers;

/// <summary>I10 and AC11: whose a stored response is outlives the process, and fetching it costs nothing.</summary>
public sealed class StoredResponseOwnerTests
{
    const string Made = """{"id":"resp_abc123","object":"response","status":"completed","output":[],"usage":{"input_tokens":5,"output_tokens":5,"total_tokens":10}}""";

    [Fact]
    public async Task AfterARestart_TheOwnerFetchesIt_OthersDoNot_AndItIsChargedOnce()
    {
        using var directory = new TemporaryDirectory();
        await using var upstream = new ScriptedUpstream();
        string key, other;
        await using (var rig = await GatewayRig.StartAsync(directory: directory, settings: upstream.Behind))
        {
            key = await rig.KeyAsync();
            other = await rig.KeyAsync("org_other", key: "key_other");
            upstream.Answer(Made);
            Assert.Equal(200, (await rig.AskAsync(key, """{"model":"gpt-5-mini","input":"ping"}""", path: "/v1/responses")).Status);
        }

        await using var again = await GatewayRig.StartAsync(directory: directory, settings: upstream.Behind);
        upstream.Answer(Made);
        using (var get = new HttpRequestMessage(HttpMethod.Get, "/v1/responses/resp_abc123"))
        {
            Assert.Equal(200, (await again.SendAsync(key, get)).Status);
        }
        using (var get = new HttpRequestMessage(HttpMethod.Get, "/v1/responses/resp_abc123"))
        {
            Assert.Equal((404, "not_found_error"), await Code(again.SendAsync(other, get)));
        }
        var foreign = await again.AskAsync(other, """{"model":"gpt-5-mini","input":"ping","previous_response_id":"resp_abc123"}""", path: "/v1/responses");
        Assert.Equal((400, "previous_response_id"), (foreign.Status, foreign.Param));
        Assert.Equal(2, upstream.Requests.Count);
        Assert.Single(await again.RecordsAsync());
        Assert.Empty(await again.RecordsAsync("org_other"));

        static async Task<(int, string?)> Code(Task<Answer> asked)
        {
            var answer = await asked;
            return (answer.Status, answer.Code);
        }
    }
}
