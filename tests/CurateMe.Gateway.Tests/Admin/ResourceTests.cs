using System.Net;
using System.Text.Json.Nodes;
using CurateMe.Client;
using CurateMe.Gateway.Keys;
using CurateMe.Ledger.Money;
using Xunit;

namespace CurateMe.Gateway.Tests.Admin;

public sealed class ResourceTests(AdminFixture fixture) : IClassFixture<AdminFixture>
{
    readonly AdminHost _host = fixture.Host;

    [Fact]
    public async Task Orgs_CreateGetPatchList_KeepWhatWasSaid()
    {
        var (id, client) = await _host.OrgAsync(Tier.Growth);
        Assert.Equal(Tier.Growth, (await client.GetOrgAsync(id)).Tier);
        var patched = await client.PatchOrgAsync(id, new JsonObject { ["name"] = "Acme", ["tier"] = "enterprise" });
        Assert.Equal(("Acme", Tier.Enterprise), (patched.Name, patched.Tier));
        Assert.Equal([id], (await client.ListOrgsAsync()).Data.Select(o => o.OrgId));
        Assert.Equal(NanoUsd.FromDollars(2_000), (await client.GetPolicyAsync(id)).DailyBudget);

        var again = await Assert.ThrowsAsync<AdminRefusedException>(() => _host.Admin.CreateOrgAsync(new OrgCreate { OrgId = id }));
        Assert.Equal((409, "org_id"), (again.Status, again.Error.Param));
        var unknown = await Assert.ThrowsAsync<AdminRefusedException>(() => _host.Admin.GetOrgAsync("org_nowhere"));
        Assert.Equal(404, unknown.Status);
    }

    [Fact]
    public async Task Tiers_List_HasTheFourPlans()
    {
        var tiers = (await _host.Admin.ListTiersAsync()).Data;
        Assert.Equal([Tier.Free, Tier.Starter, Tier.Growth, Tier.Enterprise], tiers.Select(t => t.Tier));
        Assert.Equal(["0.25", "0.5", "2", "10"], tiers.Select(t => t.MaxCostPerRequest.ToString()));
    }

    [Fact]
    public async Task Lists_MoreThanOnePage_AreReadToTheEndWithoutRepeats()
    {
        var (_, client) = await _host.OrgAsync();
        var made = new HashSet<string>();
        for (var i = 0; i < 5; i++)
        {
            made.Add((await client.CreateTeamAsync(new TeamCreate { Name = $"Team {i}" })).TeamId);
        }
        List<string> read = [];
        string? cursor = null;
        do
        {
            var page = await client.ListTeamsAsync(limit: 2, cursor);
            Assert.InRange(page.Data.Count, 1, 2);
            read.AddRange(page.Data.Select(t => t.TeamId));
            cursor = page.NextCursor;
        }
        while (cursor is not null);
        Assert.Equal(5, read.Count);
        Assert.True(made.SetEquals(read));
    }

    [Fact]
    public async Task Teams_PatchWithNull_TakesTheLimitAway()
    {
        var (_, client) = await _host.OrgAsync();
        var team = await client.CreateTeamAsync(new TeamCreate { Name = "T", DailyBudget = NanoUsd.Parse("0.000000001"), MonthlyBudget = NanoUsd.FromDollars(7) });
        Assert.Equal(1, team.DailyBudgetNanoUsd);
        var patched = await client.PatchTeamAsync(team.TeamId, new JsonObject { ["daily_budget"] = null });
        Assert.Null(patched.DailyBudget);
        Assert.Equal(NanoUsd.FromDollars(7), patched.MonthlyBudget);
    }

    [Fact]
    public async Task Keys_Create_ShowTheSecretOnceAndStoreItHashed()
    {
        var (org, client) = await _host.OrgAsync();
        var team = await client.CreateTeamAsync(new TeamCreate());
        var key = await client.CreateKeyAsync(new KeyCreate { TeamId = team.TeamId, Name = "ci", DailyBudget = NanoUsd.FromDollars(3), ModelAllowlist = ["gpt-*"] });
        var secret = Assert.IsType<string>(key.Key);
        Assert.StartsWith("cm_sk_", secret);
        Assert.True(secret.Length >= 6 + 32);
        Assert.Equal(secret[^4..], key.Last4);

        var principal = await _host.Keys.FindAsync(secret, default);
        Assert.Equal((key.KeyId, org, team.TeamId), (principal!.KeyId, principal.OrgId, principal.TeamId));
        Assert.Null((await client.GetKeyAsync(key.KeyId)).Key);
        foreach (var document in await _host.Config.ChangesAsync(0, 1_000, default))
        {
            Assert.DoesNotContain(secret, document.ToString());
        }
        foreach (var entry in await _host.Config.AuditAsync(new() { Limit = 1_000 }, default))
        {
            Assert.DoesNotContain(secret, entry.ToString());
            Assert.DoesNotContain(SecretHash.Of(secret).ToString(), entry.ToString());
        }
        var list = await _host.SendAsync("GET", "/api/v1/admin/keys", orgId: org);
        Assert.DoesNotContain(secret, list.Text);
        Assert.DoesNotContain("\"key\":", list.Text);
    }

    [Fact]
    public async Task AC15_DisableAndEnable_AreInForceWhenTheyAnswer()
    {
        var (_, client) = await _host.OrgAsync();
        var key = await client.CreateKeyAsync(new KeyCreate());
        async Task<KeyState> StateAsync() => (await _host.Keys.FindAsync(key.Key, default))!.StateAt(TimeProvider.System.GetUtcNow());
        Assert.Equal(KeyState.Active, await StateAsync());
        Assert.Equal("disabled", (await client.DisableKeyAsync(key.KeyId)).Status);
        Assert.Equal(KeyState.Disabled, await StateAsync());
        Assert.Equal("active", (await client.EnableKeyAsync(key.KeyId)).Status);
        Assert.Equal(KeyState.Active, await StateAsync());
    }

    [Fact]
    public async Task AC15_Rotate_KeepsTheKeyAndReplacesTheSecret()
    {
        var (_, client) = await _host.OrgAsync();
        var key = await client.CreateKeyAsync(new KeyCreate { DailyBudget = NanoUsd.FromDollars(1) });
        async Task<KeyState> StateAsync(string? secret) => (await _host.Keys.FindAsync(secret, default))!.StateAt(TimeProvider.System.GetUtcNow());

        var first = await client.RotateKeyAsync(key.KeyId, graceSeconds: 3_600);
        Assert.Equal(key.KeyId, first.KeyId);
        Assert.NotEqual(key.Key, first.Key);
        Assert.NotNull(first.GraceUntil);
        Assert.Equal(KeyState.Active, await StateAsync(key.Key));
        Assert.Equal(KeyState.Active, await StateAsync(first.Key));

        var second = await client.RotateKeyAsync(key.KeyId);
        Assert.Equal(KeyState.Rotated, await StateAsync(first.Key));
        Assert.Equal(KeyState.Active, await StateAsync(second.Key));
        Assert.Equal(second.Last4, (await _host.Keys.FindAsync(key.Key, default))!.Last4);
        Assert.Equal(NanoUsd.FromDollars(1), (await _host.Keys.FindAsync(second.Key, default))!.Path.Nodes[^1].DailyLimit);
    }

    [Fact]
    public async Task Policy_Patch_IsMergedPerRfc7396()
    {
        var (org, client) = await _host.OrgAsync(Tier.Starter);
        var policy = await client.PatchPolicyAsync(org, (JsonObject)JsonNode.Parse("""
            {"daily_budget":100.00,"max_cost_per_request":2.00,"queue":{"max_depth":5},"model_aliases":{"fast":"gpt-4o-mini","smart":"gpt-5.1"},"model_allowlist":["gpt-*"]}
            """)!);
        Assert.Equal(NanoUsd.FromDollars(100), policy.DailyBudget);
        Assert.Equal(NanoUsd.FromDollars(250), policy.MonthlyBudget);
        Assert.Equal(10_000, policy.Queue.MaxWaitMs);

        policy = await client.PatchPolicyAsync(org, (JsonObject)JsonNode.Parse("""
            {"daily_budget":null,"monthly_budget":"unlimited","queue":{"max_wait_ms":7},"model_aliases":{"fast":null},"model_allowlist":["o3"],"hitl_threshold":5.00}
            """)!);
        Assert.Equal(NanoUsd.FromDollars(25), policy.DailyBudget);
        Assert.Null(policy.MonthlyBudget);
        Assert.Equal(new QueueView(5, 7), policy.Queue);
        Assert.Equal(["smart"], policy.ModelAliases.Keys);
        Assert.Equal(["o3"], policy.ModelAllowlist!);
        Assert.Equal(NanoUsd.FromDollars(5), policy.HitlThreshold);
        Assert.Equal(NanoUsd.FromDollars(2), policy.MaxCostPerRequest);
        Assert.Equal(2, policy.Version);

        var raw = await _host.SendAsync("GET", $"/api/v1/admin/gateway/policy/{org}");
        Assert.Equal("unlimited", (string?)raw.Json!["overrides"]!["monthly_budget"]);
        Assert.Null(raw.Json["monthly_budget"]);
        Assert.Equal(25_000_000_000, (long)raw.Json["daily_budget_nano_usd"]!);
        Assert.False(raw.Json["overrides"]!.AsObject().ContainsKey("daily_budget"));
    }

    [Fact]
    public async Task Policy_Patch_IsInForceForTheNextRequest()
    {
        var (org, client) = await _host.OrgAsync();
        var key = await client.CreateKeyAsync(new KeyCreate());
        Assert.Equal(NanoUsd.FromDollars(25), (await _host.Keys.FindAsync(key.Key, default))!.Policy.DailyBudget);
        await client.PatchPolicyAsync(org, new JsonObject { ["daily_budget"] = 50 });
        Assert.Equal(NanoUsd.FromDollars(50), (await _host.Keys.FindAsync(key.Key, default))!.Path.Nodes[0].DailyLimit);
    }

    [Fact]
    public async Task Suspend_Org_DisablesItsKeys()
    {
        var (org, client) = await _host.OrgAsync();
        var key = await client.CreateKeyAsync(new KeyCreate());
        await client.PatchOrgAsync(org, new JsonObject { ["suspended"] = true });
        Assert.Equal(KeyState.Disabled, (await _host.Keys.FindAsync(key.Key, default))!.StateAt(TimeProvider.System.GetUtcNow()));
    }

    [Fact]
    public async Task Changes_AtTheSameMoment_NeverLoseOne()
    {
        var (org, client) = await _host.OrgAsync();
        var fields = new[] { "daily_budget", "monthly_budget", "max_cost_per_request", "hitl_threshold" };
        var results = await Task.WhenAll(fields.Select(async field =>
        {
            try
            {
                await client.PatchPolicyAsync(org, new JsonObject { [field] = 1 });
                return field;
            }
            catch (AdminRefusedException conflict) when (conflict.Status == 409)
            {
                return null;
            }
        }));
        var overrides = (await _host.SendAsync("GET", $"/api/v1/admin/gateway/policy/{org}")).Json!["overrides"]!.AsObject();
        Assert.Equal(results.OfType<string>().Order(), overrides.Select(o => o.Key).Order());
        Assert.NotEmpty(overrides);
    }

    [Fact]
    public async Task Runbook_DisableKey_WorksWithoutOrgHeaderAndBody()
    {
        var (_, client) = await _host.OrgAsync();
        var key = await client.CreateKeyAsync(new KeyCreate());
        var answer = await _host.SendAsync("POST", $"/api/v1/admin/keys/{key.KeyId}/disable");
        Assert.Equal(HttpStatusCode.OK, answer.Status);
        Assert.Equal(key.KeyId, (string?)answer.Json!["key_id"]);
    }
}
