using System.Net;
using System.Text.Json.Nodes;
using CurateMe.Client;
using CurateMe.Gateway.Keys;
using CurateMe.Gateway.Proxy;
using CurateMe.Gateway.Runners;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;
using Xunit;

namespace CurateMe.Gateway.Tests.Admin;

public sealed class RunnerTests(AdminFixture fixture) : IClassFixture<AdminFixture>
{
    readonly AdminHost _host = fixture.Host;

    static DateTimeOffset Now => TimeProvider.System.GetUtcNow();

    ValueTask<CallerPath> ResolveAsync(Principal principal, string? runner, string? session) => _host.Get<SessionDirectory>().ResolveAsync(principal, runner, session, default);

    async Task<Principal> PrincipalAsync(string? secret) => (await _host.Keys.FindAsync(secret, default))!;

    Task SpendAsync(Principal principal, CallerPath caller, long nano) => _host.Ledger.RecordAsync(
        [
            new UsageRecord
            {
                Id = RequestId.New(Now),
                OrgId = principal.OrgId,
                KeyId = principal.KeyId,
                RunnerId = caller.RunnerId,
                SessionId = caller.SessionId,
                Provider = "openai",
                Model = "gpt-4o",
                RequestedModel = "gpt-4o",
                Endpoint = "chat.completions",
                Day = DateOnly.FromDateTime(Now.UtcDateTime),
                Timestamp = Now,
                PriceVersion = "test",
                Status = RecordStatus.Settled,
                Hold = new NanoUsd(nano),
                Cost = new NanoUsd(nano),
            },
        ], default);

    [Fact]
    public async Task Runner_Registered_HasATokenThatIsHeldAtItsSession()
    {
        var (org, client) = await _host.OrgAsync();
        var runner = await client.CreateRunnerAsync(new RunnerCreate { Name = "fleet", SessionBudgetLimit = NanoUsd.FromDollars(5) });
        Assert.StartsWith("cm_rt_", runner.Token);
        var principal = await PrincipalAsync(runner.Token);
        Assert.Equal((org, runner.RunnerId, runner.KeyId), (principal.OrgId, principal.RunnerId, principal.KeyId));

        var caller = await ResolveAsync(principal, runner: null, "s1");
        Assert.Equal((runner.RunnerId, $"{runner.RunnerId}/s1"), (caller.RunnerId, caller.SessionId));
        Assert.Equal($"session:{caller.SessionId}", caller.Path.Nodes[^1].Field);
        Assert.Equal(NanoUsd.FromDollars(5), caller.Path.Nodes[^1].LifeLimit);
        Assert.Null((await client.ListRunnersAsync()).Data.Single().Token);
        await Assert.ThrowsAsync<RefusedException>(async () => await ResolveAsync(principal, "another", "s1"));
        Assert.Same(principal.Path, (await ResolveAsync(principal, null, null)).Path);
    }

    [Fact]
    public async Task Runbook_SessionLimitOfARunner_IsSetWithoutOrgHeaderAndInForceAtOnce()
    {
        var (_, client) = await _host.OrgAsync();
        var runner = await client.CreateRunnerAsync(new RunnerCreate());
        var principal = await PrincipalAsync(runner.Token);
        Assert.Null((await ResolveAsync(principal, null, "s1")).Path.Nodes[^1].LifeLimit);
        var answer = await _host.SendAsync("PATCH", $"/gateway/admin/runners/{runner.RunnerId}/config", """{"session_budget_limit": 5.00}""");
        Assert.Equal(HttpStatusCode.OK, answer.Status);
        Assert.Equal(NanoUsd.FromDollars(5), (await ResolveAsync(principal, null, "s1")).Path.Nodes[^1].LifeLimit);
        await client.ConfigureRunnerAsync(runner.RunnerId, new JsonObject { ["session_budget_limit"] = null });
        Assert.Null((await ResolveAsync(principal, null, "s1")).Path.Nodes[^1].LifeLimit);
    }

    [Fact]
    public async Task Runner_ThatIsOnlyAName_CanBeGivenALimitByItsOrg()
    {
        var (org, client) = await _host.OrgAsync();
        var (_, other) = await _host.OrgAsync();
        var principal = await PrincipalAsync((await client.CreateKeyAsync(new KeyCreate())).Key);
        Assert.Equal("agent-7", (await ResolveAsync(principal, "agent-7", "s1")).RunnerId);
        Assert.Equal(HttpStatusCode.NotFound, (await _host.SendAsync("PATCH", "/gateway/admin/runners/agent-7/config", "{}")).Status);
        await client.ConfigureRunnerAsync("agent-7", new JsonObject { ["session_budget_limit"] = 2 });
        await other.ConfigureRunnerAsync("agent-7", new JsonObject { ["session_budget_limit"] = 3 });
        Assert.Equal(NanoUsd.FromDollars(2), (await ResolveAsync(principal, "agent-7", "s1")).Path.Nodes[^1].LifeLimit);
        Assert.Equal(org, (await client.ListRunnersAsync()).Data.Single().OrgId);
    }

    [Fact]
    public async Task Costs_PerRunnerAndSession_AddUp()
    {
        var (_, client) = await _host.OrgAsync();
        var runner = await client.CreateRunnerAsync(new RunnerCreate { SessionBudgetLimit = NanoUsd.FromDollars(5) });
        var principal = await PrincipalAsync(runner.Token);
        await SpendAsync(principal, await ResolveAsync(principal, null, "s1"), 100);
        await SpendAsync(principal, await ResolveAsync(principal, null, "s1"), 200);
        await SpendAsync(principal, await ResolveAsync(principal, null, "s2"), 1_000);
        await SpendAsync(principal, await ResolveAsync(principal, null, null), 7);
        await client.StopSessionAsync(runner.RunnerId, "s2");

        var row = Assert.Single((await client.GetRunnerCostsAsync()).Data);
        Assert.Equal((runner.RunnerId, 1_307, 4L, 1, 2), (row.RunnerId, row.CostNanoUsd, row.Requests, row.ActiveSessions, row.TotalSessions));
        Assert.Equal([("s2", 1_000L, false, true), ("s1", 300L, true, false)], row.Sessions.Select(s => (s.SessionId, s.CostNanoUsd, s.Active, s.Stopped)));
        var usage = (await client.ListUsageAsync([("runner_id", runner.RunnerId), ("session_id", "s1")])).Data;
        Assert.Equal(["s1", "s1"], usage.Select(u => u.SessionId));
    }

    [Fact]
    public async Task Stop_Session_RefusesItsNextRequest()
    {
        var (_, client) = await _host.OrgAsync();
        var runner = await client.CreateRunnerAsync(new RunnerCreate());
        var principal = await PrincipalAsync(runner.Token);
        await ResolveAsync(principal, null, "s1");
        await client.StopSessionAsync(runner.RunnerId, "s1");
        await client.StopSessionAsync(runner.RunnerId, "s1");
        var refused = await Assert.ThrowsAsync<RefusedException>(async () => await ResolveAsync(principal, null, "s1"));
        Assert.Equal(ErrorCode.SessionStopped, refused.Code);
        Assert.Equal("s2", (await ResolveAsync(principal, null, "s2")).SessionId!.Split('/')[1]);
    }

    [Theory]
    [InlineData("POST", "/gateway/admin/runners", """{"session_budget_limit":-1}""", "session_budget_limit")]
    [InlineData("POST", "/gateway/admin/runners", """{"runner_id":"a/b"}""", "runner_id")]
    [InlineData("POST", "/gateway/admin/runners", """{"team_id":"team_nowhere"}""", "team_id")]
    [InlineData("POST", "/gateway/admin/runners", """{"daily_budget":1e308}""", "daily_budget")]
    [InlineData("PATCH", "/gateway/admin/runners/r1/config", """{"session_budget_limit":"5"}""", "session_budget_limit")]
    [InlineData("PATCH", "/gateway/admin/runners/r1/config", """{"budget":5}""", "budget")]
    [InlineData("POST", "/gateway/admin/approvals/apr_x/reject", """{"reason":7}""", "reason")]
    public async Task Bodies_Bad_NameTheField(string method, string path, string body, string param)
    {
        var (org, _) = await _host.OrgAsync();
        var answer = await _host.SendAsync(method, path, body, orgId: org);
        Assert.True(answer.Status == HttpStatusCode.BadRequest, answer.Text);
        Assert.Equal(param, (string?)answer.Json!["error"]!["param"]);
    }
}
