using System.Net;
using System.Text.Json;
using CurateMe.Client;
using Xunit;

namespace CurateMe.Gateway.Tests.Keys;

/// <summary>What administrators do with keys and runners, as callers feel it.</summary>
public sealed class KeyLifeTests
{
    const string Token = "key-life-admin-token-01";
    const string Org = "org_test";

    static object Chat(string model = "gpt-4o-mini") => new { model, max_tokens = 5, messages = new[] { new { role = "user", content = "ping" } } };

    static async Task<(GatewayRig Rig, AdminClient Admin)> StartAsync()
    {
        var rig = await GatewayRig.StartAsync(new Dictionary<string, string?> { ["ADMIN_TOKEN"] = Token });
        await rig.KeyAsync(Org, key: "key_first");
        return (rig, new AdminClient(rig.Http, Token, Org));
    }

    static async Task<string> AskAsync(GatewayRig rig, string secret, string model = "gpt-4o-mini", string? session = null)
    {
        using var answer = await rig.ChatAsync(secret, Chat(model), headers: session is null ? null : new Dictionary<string, string> { ["X-CM-Session-ID"] = session });
        var text = await answer.Content.ReadAsStringAsync();
        return answer.StatusCode == HttpStatusCode.OK ? "ok" : $"{(int)answer.StatusCode} {JsonElement.Parse(text).GetProperty("error").GetProperty("code").GetString()}";
    }

    [Fact]
    public async Task Rotation_WithGrace_AcceptsBothSecrets_WithoutOnlyTheNew()
    {
        var (rig, admin) = await StartAsync();
        await using (rig)
        {
            var key = await admin.CreateKeyAsync(new KeyCreate());
            var second = await admin.RotateKeyAsync(key.KeyId, graceSeconds: 3_600);
            Assert.NotNull(second.GraceUntil);
            Assert.Equal(("ok", "ok"), (await AskAsync(rig, key.Key!), await AskAsync(rig, second.Key!)));
            var third = await admin.RotateKeyAsync(key.KeyId);
            Assert.Equal(("401 key_rotated", "401 key_rotated", "ok"), (await AskAsync(rig, key.Key!), await AskAsync(rig, second.Key!), await AskAsync(rig, third.Key!)));
            using var refused = await rig.ChatAsync(second.Key!, Chat());
            Assert.Contains(key.KeyId, await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
            Assert.All(await rig.RecordsAsync(), record => Assert.Equal(key.KeyId, record.KeyId));
        }
    }

    // Who rotates without a grace because a secret leaked means every secret that is out, not the last one alone.
    [Fact]
    public async Task Rotation_EndsTheGraceOfEverySecretBeforeIt()
    {
        var (rig, admin) = await StartAsync();
        await using (rig)
        {
            var key = await admin.CreateKeyAsync(new KeyCreate());
            var second = await admin.RotateKeyAsync(key.KeyId, graceSeconds: 3_600);
            var third = await admin.RotateKeyAsync(key.KeyId, graceSeconds: 3_600);
            Assert.Equal(("ok", "ok", "ok"), (await AskAsync(rig, key.Key!), await AskAsync(rig, second.Key!), await AskAsync(rig, third.Key!)));
            var fourth = await admin.RotateKeyAsync(key.KeyId);
            Assert.Null(fourth.GraceUntil);
            foreach (var former in (string[])[key.Key!, second.Key!, third.Key!])
            {
                Assert.Equal("401 key_rotated", await AskAsync(rig, former));
            }
            Assert.Equal("ok", await AskAsync(rig, fourth.Key!));
        }
    }

    [Fact]
    public async Task Restrictions_OfAKey_AreInForceAtOnce_AndLifted()
    {
        var (rig, admin) = await StartAsync();
        await using (rig)
        {
            var key = await admin.CreateKeyAsync(new KeyCreate { ModelAllowlist = ["gpt-4o-mini"] });
            Assert.Equal(("ok", "403 model_not_allowed"), (await AskAsync(rig, key.Key!), await AskAsync(rig, key.Key!, "gpt-4o")));
            await admin.PatchKeyAsync(key.KeyId, new() { ["ip_allowlist"] = new System.Text.Json.Nodes.JsonArray("203.0.113.0/24") });
            Assert.Equal("403 ip_not_allowed", await AskAsync(rig, key.Key!));
            await admin.PatchKeyAsync(key.KeyId, new() { ["ip_allowlist"] = null, ["daily_budget"] = 0 });
            Assert.Equal("403 key_daily_budget", await AskAsync(rig, key.Key!));
            await admin.PatchKeyAsync(key.KeyId, new() { ["daily_budget"] = null });
            Assert.Equal("ok", await AskAsync(rig, key.Key!));
            await admin.DisableKeyAsync(key.KeyId);
            Assert.Equal("401 key_disabled", await AskAsync(rig, key.Key!));
            await admin.EnableKeyAsync(key.KeyId);
            Assert.Equal("ok", await AskAsync(rig, key.Key!));
        }
    }

    [Fact]
    public async Task Expiry_OfAKey_EndsIt()
    {
        var (rig, _) = await StartAsync();
        await using (rig)
        {
            var expired = await rig.KeyAsync(Org, key: "key_old", limits: static k => k with { ExpiresAt = DateTimeOffset.UnixEpoch.AddDays(1) });
            var lasting = await rig.KeyAsync(Org, key: "key_new", limits: static k => k with { ExpiresAt = new DateTimeOffset(2999, 1, 1, 0, 0, 0, TimeSpan.Zero) });
            Assert.Equal(("401 key_expired", "ok"), (await AskAsync(rig, expired), await AskAsync(rig, lasting)));
        }
    }

    [Fact]
    public async Task Runner_SessionStopped_TakesNoMore_OthersGoOn()
    {
        var (rig, admin) = await StartAsync();
        await using (rig)
        {
            var runner = await admin.CreateRunnerAsync(new RunnerCreate { Name = "agent" });
            Assert.StartsWith("cm_rt_", runner.Token, StringComparison.Ordinal);
            Assert.Equal(("ok", "ok"), (await AskAsync(rig, runner.Token!, session: "s1"), await AskAsync(rig, runner.Token!, session: "s2")));
            await admin.StopSessionAsync(runner.RunnerId, "s1");
            Assert.Equal(("403 session_stopped", "ok"), (await AskAsync(rig, runner.Token!, session: "s1"), await AskAsync(rig, runner.Token!, session: "s2")));
            await rig.RecordsAsync();
            var costs = Assert.Single((await admin.GetRunnerCostsAsync()).Data, c => c.RunnerId == runner.RunnerId);
            Assert.Equal((3, 2, 1), (costs.Requests, costs.TotalSessions, costs.ActiveSessions));
            await admin.ConfigureRunnerAsync(runner.RunnerId, new() { ["session_budget_limit"] = 0 });
            Assert.Equal("403 session_budget", await AskAsync(rig, runner.Token!, session: "s2"));
        }
    }
}
