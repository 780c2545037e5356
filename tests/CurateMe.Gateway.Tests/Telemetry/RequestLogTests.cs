using System.Net.Http.Headers;
using System.Text.Json;
using CurateMe.Client;
using CurateMe.Gateway.Governance;
using CurateMe.Gateway.Telemetry;
using CurateMe.Ledger.Money;
using CurateMe.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace CurateMe.Gateway.Tests.Telemetry;

/// <summary>What was forwarded and what was refused, in one log without content.</summary>
public sealed class RequestLogTests
{
    const string Token = "request-log-admin-token";
    const string Secret = "a secret prompt";

    static readonly DateTimeOffset Noon = new(2026, 3, 17, 12, 0, 0, TimeSpan.Zero);

    static object Chat => new { model = "gpt-4o-mini", max_tokens = 5, messages = new[] { new { role = "user", content = Secret } } };

    [Fact]
    public async Task Export_HasForwardedAndRefused_InTheirOrder_WithAddressAndKey()
    {
        await using var rig = await GatewayRig.StartAsync(new Dictionary<string, string?> { ["ADMIN_TOKEN"] = Token });
        var key = await rig.KeyAsync();
        var poor = await rig.KeyAsync(key: "key_poor", limits: k => k with { DailyBudget = NanoUsd.Zero });
        using var first = await rig.ChatAsync(key, Chat);
        using var denied = await rig.ChatAsync(poor, Chat);
        using var unknown = await rig.ChatAsync("cm_sk_abcdefghijklmnopqrstuvwxyz0123456789", Chat);
        using var foreign = await rig.ChatAsync("", Chat, headers: new Dictionary<string, string> { ["X-CM-API-Key"] = "sk-proj-someones-openai-key" });
        using var nowhere = await rig.ChatAsync(key, Chat, "/v1/files");
        await rig.RecordsAsync();

        var entries = await EntriesAsync(rig, "?format=json");
        Assert.Equal(["settled/", "refused/key_daily_budget"], entries.Select(static e => $"{e.GetProperty("outcome")}/{e.GetProperty("code")}"));
        Assert.All(entries, static e => Assert.Equal("127.0.0.1", e.GetProperty("client_ip").GetString()));
        Assert.Equal(["key_test", "key_poor"], entries.Select(static e => e.GetProperty("key_id").ToString()));
        Assert.Equal(denied.Headers.GetValues("X-CM-Request-ID").Single(), entries[1].GetProperty("request_id").GetString());
        Assert.True(entries[0].GetProperty("cost_nano_usd").GetInt64() > 0);

        var refused = await EntriesAsync(rig, "?outcome=refused", org: null);
        Assert.Equal(["key_daily_budget", "invalid_api_key", "invalid_api_key", "not_found_error"], refused.Select(static e => e.GetProperty("code").ToString()));
        Assert.Equal(["key_poor", "", "", ""], refused.Select(static e => e.GetProperty("key_id").ToString()));
        Assert.Equal(["", "cm_sk_abcd", "(foreign)", "cm_sk_" + key[6..10]], refused.Select(static e => e.GetProperty("key_prefix").ToString()));

        var csv = await GetAsync(rig, "?format=csv&outcome=refused", org: null);
        var rows = csv.Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(5, rows.Length);
        Assert.StartsWith("ts,request_id,org_id,team_id,key_id,key_prefix", rows[0], StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, csv, StringComparison.Ordinal);
        Assert.DoesNotContain("someones", csv, StringComparison.Ordinal);
        Assert.Equal(3, (await GetAsync(rig, "?format=csv&outcome=refused&key_id=key_poor")).Split("\r\n").Length);
        Assert.Equal(3, (await GetAsync(rig, "?format=csv&outcome=forwarded")).Split("\r\n").Length);
        Assert.Equal(2, (await GetAsync(rig, "?format=csv&from=2020-01-01&to=2020-01-02")).Split("\r\n").Length);
    }

    [Fact]
    public async Task Export_ForAnOrgsOwnPeople_HasNothingOfOthers()
    {
        await using var rig = await GatewayRig.StartAsync(new Dictionary<string, string?> { ["ADMIN_TOKEN"] = Token });
        var other = await rig.KeyAsync("org_other", key: "key_other", limits: k => k with { DailyBudget = NanoUsd.Zero });
        var own = await rig.KeyAsync(limits: k => k with { DailyBudget = NanoUsd.Zero });
        using var theirs = await rig.ChatAsync(other, Chat);
        using var unknown = await rig.ChatAsync("cm_sk_abcdefghijklmnopqrstuvwxyz0123456789", Chat);
        using var mine = await rig.ChatAsync(own, Chat);
        var entries = await EntriesAsync(rig, "", await TokenAsync(rig, "org_test"));
        Assert.Equal("org_test", Assert.Single(entries).GetProperty("org_id").GetString());
    }

    [Theory]
    [InlineData("key_disabled")]
    [InlineData("key_rotated")]
    [InlineData("key_expired")]
    [InlineData("ip_not_allowed")]
    public async Task Export_KnownKeyThatMayNotSend_IsItsOrgsAndNobodyElses(string code)
    {
        await using var rig = await GatewayRig.StartAsync(new Dictionary<string, string?> { ["ADMIN_TOKEN"] = Token });
        await rig.KeyAsync("org_other", key: "key_other");
        var team = new TeamDocument { TeamId = "team_a", OrgId = "org_test", Name = "a", CreatedAt = DateTimeOffset.UnixEpoch };
        var key = await rig.KeyAsync(team: team, limits: k => Barred(k, code));
        if (code == "key_rotated")
        {
            await new AdminClient(rig.Http, Token).RotateKeyAsync("key_test");
        }
        using var denied = await rig.ChatAsync(key, Chat);
        using var again = await rig.ChatAsync(key, Chat, "/v1/responses");
        Assert.Contains(code, await denied.Content.ReadAsStringAsync(), StringComparison.Ordinal);

        var own = await EntriesAsync(rig, "?outcome=refused", await TokenAsync(rig, "org_test"), org: null);
        Assert.Equal(2, own.Count);
        Assert.All(own, e => Assert.Equal(
            ("org_test", "team_a", "key_test", "", code),
            (Text(e, "org_id"), Text(e, "team_id"), Text(e, "key_id"), Text(e, "key_prefix"), Text(e, "code"))));
        Assert.Equal(2, (await EntriesAsync(rig, "?key_id=key_test")).Count);
        Assert.Equal(2, (await EntriesAsync(rig, "?outcome=refused&key_id=key_test", org: null)).Count);
        Assert.Empty(await EntriesAsync(rig, "", org: "org_other"));
        Assert.Empty(await EntriesAsync(rig, "?outcome=refused", await TokenAsync(rig, "org_other"), org: null));
    }

    [Fact]
    public async Task Export_UnknownKeys_AreShownToPlatformAdminsWhoNameNoOrg()
    {
        await using var rig = await GatewayRig.StartAsync(new Dictionary<string, string?> { ["ADMIN_TOKEN"] = Token });
        await rig.KeyAsync();
        using var unknown = await rig.ChatAsync("cm_sk_abcdefghijklmnopqrstuvwxyz0123456789", Chat);
        Assert.Equal("cm_sk_abcd", Text(Assert.Single(await EntriesAsync(rig, "?outcome=refused", org: null)), "key_prefix"));
        Assert.Empty(await EntriesAsync(rig, "?outcome=refused"));
        Assert.Empty(await EntriesAsync(rig, "?outcome=refused", await TokenAsync(rig, "org_test"), org: null));
        using var all = Asked("", Token, org: null);
        using var answer = await rig.Http.SendAsync(all);
        Assert.Contains("missing_org", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Log_Full_BeginsNewFilesAndForgetsTheOldest()
    {
        using var directory = new TemporaryDirectory();
        var clock = new TickingClock(Noon);
        var log = new RefusalLog(new RefusalLogOptions(directory.Path) { MaxFileBytes = 2_000, MaxFiles = 3 }, clock, NullLogger<RefusalLog>.Instance);
        await log.StartAsync(default);
        for (var i = 0; i < 200; i++)
        {
            log.Add(Refused(i));
            if (i % 5 == 4)
            {
                // Each batch looks at the file's size once.
                await ReadAsync(log, Noon, Noon.AddDays(1));
            }
        }
        var kept = await ReadAsync(log, Noon, Noon.AddDays(1));
        await log.StopAsync(default);
        log.Dispose();
        Assert.Equal(3, Directory.GetFiles(directory.Path).Length);
        Assert.InRange(kept.Count, 20, 60);
        Assert.Equal(Enumerable.Range(200 - kept.Count, kept.Count).Select(static i => $"gw_{i}"), kept.Select(static r => r.RequestId));
        Assert.Equal(0, log.Dropped);
    }

    [Fact]
    public async Task Log_StartedAgain_ShowsWhatWasThere_AndPassesOverHalfALine()
    {
        using var directory = new TemporaryDirectory();
        File.WriteAllText(Path.Combine(directory.Path, "refusals-20260317T110000.jsonl"), """{"ts":"2026-03-17T12:00:00+00:00","request_id":"gw_0","code":"x","endpoint":"/"}""" + "\n{\"ts\":\"2026-");
        using var log = new RefusalLog(new RefusalLogOptions(directory.Path), TimeProvider.System, NullLogger<RefusalLog>.Instance);
        await log.StartAsync(default);
        log.Add(Refused(1));
        var kept = await ReadAsync(log, Noon, Noon.AddDays(1));
        await log.StopAsync(default);
        Assert.Equal(["gw_0", "gw_1"], kept.Select(static r => r.RequestId));
    }

    [Fact]
    public async Task Log_OnADiskThatTakesNothing_CountsAndGoesOn()
    {
        using var directory = new TemporaryDirectory();
        var taken = Path.Combine(directory.Path, "file");
        File.WriteAllText(taken, "");
        using var log = new RefusalLog(new RefusalLogOptions(Path.Combine(taken, "below")), TimeProvider.System, NullLogger<RefusalLog>.Instance);
        await log.StartAsync(default);
        log.Add(Refused(0));
        log.Add(Refused(1));
        await Poll.UntilAsync(() => log.Dropped == 2, "both are counted");
        await log.StopAsync(default);
    }

    [Fact]
    public async Task Log_OnADiskThatWasFull_WritesAgainWhenThereIsRoom()
    {
        using var directory = new TemporaryDirectory();
        var clock = new FixedClock(Noon);
        using var log = new RefusalLog(new RefusalLogOptions(directory.Path), clock, NullLogger<RefusalLog>.Instance);
        var full = Path.Combine(directory.Path, $"refusals-{Noon:yyyyMMdd'T'HHmmssfffffff}.jsonl");
        File.CreateSymbolicLink(full, "/dev/full");
        await log.StartAsync(default);
        log.Add(Refused(0));
        await Poll.UntilAsync(() => log.Dropped == 1, "what the disk did not take is counted");
        File.Delete(full);
        clock.Now = Noon.AddSeconds(1);
        log.Add(Refused(1));
        var kept = await ReadAsync(log, Noon, Noon.AddDays(1));
        await log.StopAsync(default);
        Assert.Equal(["gw_1"], kept.Select(static r => r.RequestId));
        Assert.Equal(1, log.Dropped);
    }

    static RefusedRequest Refused(int i) => new() { Ts = Noon.AddSeconds(i), RequestId = $"gw_{i}", Code = "daily_budget", Endpoint = "/v1/chat/completions", StatusCode = 403 };

    static async Task<List<RefusedRequest>> ReadAsync(RefusalLog log, DateTimeOffset from, DateTimeOffset to)
    {
        List<RefusedRequest> found = [];
        await foreach (var refused in log.ReadAsync(from, to, default))
        {
            found.Add(refused);
        }
        return found;
    }

    static KeyDocument Barred(KeyDocument key, string code) => code switch
    {
        "key_disabled" => key with { Disabled = true },
        "key_expired" => key with { ExpiresAt = DateTimeOffset.UnixEpoch },
        "ip_not_allowed" => key with { IpAllowlist = ["10.1.2.3"] },
        _ => key,
    };

    static async Task<string> TokenAsync(GatewayRig rig, string org) =>
        (await new AdminClient(rig.Http, Token).CreateTokenAsync(new AdminTokenCreate { Role = AdminRole.OrgAdmin, OrgId = org })).Token!;

    static string Text(JsonElement entry, string property) => entry.GetProperty(property).ToString();

    static async Task<List<JsonElement>> EntriesAsync(GatewayRig rig, string query, string token = Token, string? org = "org_test") =>
        [.. JsonElement.Parse(await GetAsync(rig, query, token, org)).GetProperty("data").EnumerateArray()];

    static async Task<string> GetAsync(GatewayRig rig, string query, string token = Token, string? org = "org_test")
    {
        using var request = Asked(query, token, org);
        using var response = await rig.Http.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, text);
        return text;
    }

    static HttpRequestMessage Asked(string query, string token, string? org)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, "/api/v1/admin/gateway/requests" + query);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        if (org is not null)
        {
            request.Headers.Add("X-Org-ID", org);
        }
        return request;
    }

    // File names are times; each look is a later one.
    sealed class TickingClock(DateTimeOffset from) : TimeProvider
    {
        long ticks;

        public override DateTimeOffset GetUtcNow() => from.AddTicks(Interlocked.Increment(ref ticks));
    }
}
