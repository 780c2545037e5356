using System.Globalization;
using CurateMe.Client;
using CurateMe.Gateway.Governance;
using CurateMe.Gateway.Tests.Acceptance;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Money;
using Xunit;

namespace CurateMe.Gateway.Tests.Proxy;

/// <summary>The rate limit is told on every answer to a known key that has one.</summary>
public sealed class RateHeaderTests
{
    static readonly PolicyDocument Limited = new() { RateLimitRpm = new CountLimit(100), ModelAllowlist = [Chat.Model, "claude-haiku-4-5"], HitlThreshold = new MoneyLimit(NanoUsd.Parse("0.01")) };

    [Fact]
    public async Task EveryAnswer_OfALimitedKey_TellsWhatTheLastHoldLeft()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync(policy: Limited);
        AssertFull(100, await rig.AskAsync(key, "{"), 400);
        Assert.Equal("99", (await rig.AskAsync(key)).Header("X-RateLimit-Remaining"));

        AssertLeft(await rig.AskAsync(key, "{"), 400);
        AssertLeft(await rig.AskAsync(key, Chat.Body(model: "gpt-4o")), 403);
        AssertLeft(await rig.AskAsync(key, Chat.Body(cap: 16_000), headers: ("X-CM-Session-ID", "a/b")), 400);
        AssertLeft(await rig.AskAsync(key, Chat.Body(cap: 16_384, text: new string('x', 30_000))), 202);
        AssertLeft(await rig.AskAsync(key, """{"model":"claude-haiku-4-5","messages":[{"role":"user","content":"ping"}]}""", path: "/v1/messages/count_tokens", headers: ("anthropic-version", "2023-06-01")), 200);
        AssertLeft(await GetAsync(rig, key, "/v1/models"), 200);
        AssertLeft(await GetAsync(rig, key, "/v1/responses/resp_none"), 404);
        AssertLeft(await GetAsync(rig, key, "/v1/approvals/apr_none/status"), 404);
    }

    [Fact]
    public async Task KeyThatIsKnownAndRefused_TellsItsLowestLimit()
    {
        await using var rig = await GatewayRig.StartAsync();
        var key = await rig.KeyAsync(policy: Limited, limits: static k => k with { Disabled = true, RateLimitRpm = 40 });
        AssertFull(40, await rig.AskAsync(key), 401);
    }

    [Fact]
    public async Task WithoutALimit_OrAKey_NothingIsTold_AlsoWhatTheProviderSays()
    {
        await using var upstream = new ScriptedUpstream();
        await using var rig = await GatewayRig.StartAsync(settings: upstream.Behind);
        var key = await rig.KeyAsync();
        upstream.Answer("""{"error":{"message":"no"}}""", "400 Bad Request", headers: "X-RateLimit-Limit: 9\r\nX-RateLimit-Remaining: 8\r\nX-RateLimit-Reset: 7\r\n");
        foreach (var answer in new[] { await rig.AskAsync(key), await rig.AskAsync(key, "{"), await rig.AskAsync("cm_sk_abcdefghijklmnopqrstuvwxyz0123456789"), await GetAsync(rig, key, "/v1/nowhere") })
        {
            Assert.InRange(answer.Status, 400, 404);
            Assert.DoesNotContain(answer.Headers, static h => h.Key.StartsWith("X-RateLimit-", StringComparison.OrdinalIgnoreCase));
        }
    }

    [Fact]
    public void View_OfALimitThatIsNoMore_IsForgotten()
    {
        var view = new RateView();
        view.Saw(new RateFigures(60, 10, 50_000, 0));
        Assert.Equal(60, view.Of(Path(60, 90)).Limit);
        Assert.InRange(view.Of(Path(60, 90)).Remaining, 10, 11);
        Assert.InRange(view.Of(Path(60, 90)).ResetMs, 48_000, 50_000);
        Assert.Equal(new RateFigures(90, 90, 0, 0), view.Of(Path(null, 90)));
        Assert.Equal(default, view.Of(Path(null, 0)));

        static BudgetPath Path(int? org, int? key) =>
            new("o", [new BudgetNode(NodeKind.Org, "o", RequestsPerMinute: org), new BudgetNode(NodeKind.Key, "k", RequestsPerMinute: key)]);
    }

    static void AssertFull(int limit, Answer answer, int status)
    {
        Assert.True(answer.Status == status, answer.ToString());
        var all = limit.ToString(CultureInfo.InvariantCulture);
        Assert.Equal((all, all, "0"), (answer.Header("X-RateLimit-Limit"), answer.Header("X-RateLimit-Remaining"), answer.Header("X-RateLimit-Reset")));
    }

    // One was taken, and may have come back meanwhile.
    static void AssertLeft(Answer answer, int status)
    {
        Assert.True(answer.Status == status, answer.ToString());
        Assert.Equal("100", answer.Header("X-RateLimit-Limit"));
        Assert.InRange(int.Parse(answer.Header("X-RateLimit-Remaining")!, CultureInfo.InvariantCulture), 99, 100);
        Assert.InRange(int.Parse(answer.Header("X-RateLimit-Reset")!, CultureInfo.InvariantCulture), 0, 1);
    }

    static async Task<Answer> GetAsync(GatewayRig rig, string key, string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        return await rig.SendAsync(key, request);
    }
}
