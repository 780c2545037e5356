using System.Text;
using System.Text.Json.Nodes;
using CurateMe.Client;
using CurateMe.Gateway.Approvals;
using CurateMe.Gateway.Governance;
using CurateMe.Gateway.Keys;
using CurateMe.Gateway.Proxy;
using CurateMe.Ledger.Money;
using Xunit;

namespace CurateMe.Gateway.Tests.Admin;

public sealed class ApprovalTests(AdminFixture fixture) : IClassFixture<AdminFixture>
{
    static readonly NanoUsd Dear = NanoUsd.FromDollars(6);

    readonly AdminHost _host = fixture.Host;

    async Task<(string OrgId, AdminClient Client, Principal Principal)> PayerAsync()
    {
        var (org, client) = await _host.OrgAsync();
        await client.PatchPolicyAsync(org, new JsonObject { ["hitl_threshold"] = 5.00 });
        var key = await client.CreateKeyAsync(new KeyCreate());
        return (org, client, (await _host.Keys.FindAsync(key.Key, default))!);
    }

    async Task<ApprovalOutcome> AskAsync(Principal principal, string body, string? token = null, NanoUsd? worst = null, string model = "gpt-5.1") =>
        await _host.Get<ApprovalGate>().CheckAsync(principal, model, worst ?? Dear, worst ?? Dear, Encoding.UTF8.GetBytes(body), token, default);

    async Task<ErrorCode> RefusedAsync(Principal principal, string body, string? token) =>
        (await Assert.ThrowsAsync<RefusedException>(() => AskAsync(principal, body, token))).Code;

    [Fact]
    public async Task Request_BelowTheThreshold_AsksNobody()
    {
        var (_, client, payer) = await PayerAsync();
        Assert.Equal(default, await AskAsync(payer, "{}", worst: NanoUsd.Parse("4.999999999")));
        Assert.Empty((await client.ListApprovalsAsync()).Data);
        Assert.NotNull((await AskAsync(payer, "{}", worst: NanoUsd.FromDollars(5))).Pending);
    }

    [Fact]
    public async Task Request_Approved_PassesOnceWithItsKeyAndBody()
    {
        var (org, client, payer) = await PayerAsync();
        var pending = (await AskAsync(payer, "body")).Pending!;
        Assert.Equal(pending.ApprovalId, (await AskAsync(payer, "body")).Pending!.ApprovalId);
        Assert.NotEqual(pending.ApprovalId, (await AskAsync(payer, "other body")).Pending!.ApprovalId);
        var listed = (await client.ListApprovalsAsync("pending")).Data.Single(a => a.ApprovalId == pending.ApprovalId);
        Assert.Equal((org, payer.KeyId, 6_000_000_000, "gpt-5.1"), (listed.OrgId, listed.KeyId, listed.EstimatedCostNanoUsd, listed.Model));

        var token = (await client.ApproveAsync(pending.ApprovalId)).ApprovalToken!;
        var status = await ApprovalEndpoints.StatusAsync(pending.ApprovalId, payer, _host.Get<Catalogue>(), TimeProvider.System, default);
        Assert.Equal(("approved", token), (status!.Status, status.ApprovalToken));
        Assert.Null((await client.ListApprovalsAsync("approved")).Data.Single().ApprovalToken);

        Assert.Equal(ErrorCode.ApprovalInvalid, await RefusedAsync(payer, "other body", token));
        Assert.Equal(ErrorCode.ApprovalInvalid, await RefusedAsync(payer, "body", token + "x"));
        Assert.Equal(ErrorCode.ApprovalInvalid, (await Assert.ThrowsAsync<RefusedException>(() => AskAsync(payer, "body", token, model: "gpt-5-pro"))).Code);
        var stranger = (await PayerAsync()).Principal;
        Assert.Equal(ErrorCode.ApprovalInvalid, await RefusedAsync(stranger, "body", token));
        Assert.Null(await ApprovalEndpoints.StatusAsync(pending.ApprovalId, stranger, _host.Get<Catalogue>(), TimeProvider.System, default));

        var passed = await AskAsync(payer, "body", token);
        Assert.Null(passed.Pending);
        Assert.NotNull(passed.Used);
        Assert.Equal(ErrorCode.ApprovalInvalid, await RefusedAsync(payer, "body", token));
        Assert.NotEqual(pending.ApprovalId, (await AskAsync(payer, "body")).Pending!.ApprovalId);
        foreach (var entry in (await client.ListAuditAsync(limit: 100)).Data)
        {
            Assert.DoesNotContain(token, $"{entry.Before?.ToJsonString()}{entry.After?.ToJsonString()}");
        }
    }

    [Fact]
    public async Task Token_UsedByManyAtOnce_PassesOne()
    {
        var (_, client, payer) = await PayerAsync();
        var pending = (await AskAsync(payer, "body")).Pending!;
        var token = (await client.ApproveAsync(pending.ApprovalId)).ApprovalToken!;
        var passed = await Task.WhenAll(Enumerable.Range(0, 20).Select(async _ =>
        {
            try
            {
                return (await AskAsync(payer, "body", token)).Used is not null;
            }
            catch (RefusedException)
            {
                return false;
            }
        }));
        Assert.Equal(1, passed.Count(p => p));
    }

    [Fact]
    public async Task Asked_ByManyAtOnce_IsOneApproval()
    {
        var (_, client, payer) = await PayerAsync();
        var asked = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => AskAsync(payer, "body")));
        Assert.Single(asked.Select(a => a.Pending!.ApprovalId).Distinct());
        Assert.Single((await client.ListApprovalsAsync()).Data);
    }

    // Every asking stays in the configuration and its audit trail: a key that asks in a loop would keep everybody else from changing anything.
    [Fact]
    public async Task Key_ThatAsksWithoutEnd_IsRefused_AndItsOlderAskingsStand()
    {
        var (_, client, payer) = await PayerAsync();
        var first = (await AskAsync(payer, "body 0")).Pending!;
        for (var i = 1; i < AskingRate.PerHour; i++)
        {
            Assert.NotNull((await AskAsync(payer, $"body {i}")).Pending);
        }
        RefusedException? refused = null;
        for (var i = 0; i < AskingRate.PerHour && refused is null; i++)
        {
            refused = await Record.ExceptionAsync(() => AskAsync(payer, $"one more {i}")) as RefusedException;
        }
        Assert.Equal(ErrorCode.RateLimited, refused?.Code);
        Assert.InRange(refused!.RetryAfterMs, 1, 12_000);

        Assert.Equal(first.ApprovalId, (await AskAsync(payer, "body 0")).Pending!.ApprovalId);
        var token = (await client.ApproveAsync(first.ApprovalId)).ApprovalToken!;
        Assert.NotNull((await AskAsync(payer, "body 0", token)).Used);
        Assert.NotNull((await AskAsync((await PayerAsync()).Principal, "body")).Pending);
    }

    [Fact]
    public async Task GiveBack_AfterAnotherRefusal_LetsTheTokenPassAgain()
    {
        var (_, client, payer) = await PayerAsync();
        var pending = (await AskAsync(payer, "body")).Pending!;
        var token = (await client.ApproveAsync(pending.ApprovalId)).ApprovalToken!;
        var used = (await AskAsync(payer, "body", token)).Used!;
        await _host.Get<ApprovalGate>().GiveBackAsync(used, default);
        Assert.NotNull((await AskAsync(payer, "body", token)).Used);
    }

    [Fact]
    public async Task GiveBack_WhenTheRequestWasAskedAnew_LeavesWhatIsAsked()
    {
        var (_, client, payer) = await PayerAsync();
        var token = (await client.ApproveAsync((await AskAsync(payer, "body")).Pending!.ApprovalId)).ApprovalToken!;
        var used = (await AskAsync(payer, "body", token)).Used!;
        var anew = (await AskAsync(payer, "body")).Pending!;
        await _host.Get<ApprovalGate>().GiveBackAsync(used, default);
        Assert.Equal(anew.ApprovalId, (await AskAsync(payer, "body")).Pending!.ApprovalId);
        Assert.Equal(ErrorCode.ApprovalInvalid, await RefusedAsync(payer, "body", token));
    }

    [Fact]
    public async Task Request_Rejected_IsRefusedWithTheReason()
    {
        var (_, client, payer) = await PayerAsync();
        var pending = (await AskAsync(payer, "body")).Pending!;
        Assert.Equal("too dear", (await client.RejectAsync(pending.ApprovalId, "too dear")).RejectReason);
        var refused = await Assert.ThrowsAsync<RefusedException>(() => AskAsync(payer, "body"));
        Assert.Equal((ErrorCode.ApprovalRejected, "too dear"), (refused.Code, refused.Remediation));
        var again = await Assert.ThrowsAsync<AdminRefusedException>(() => client.ApproveAsync(pending.ApprovalId));
        Assert.Equal(409, again.Status);
    }

    [Fact]
    public async Task Audit_VerifyAndRevert_HoldAndRestore()
    {
        var (org, client) = await _host.OrgAsync();
        await client.PatchPolicyAsync(org, new JsonObject { ["daily_budget"] = 50 });
        await client.PatchPolicyAsync(org, new JsonObject { ["daily_budget"] = 100 });
        var entries = (await client.ListAuditAsync(action: "policy.patch")).Data;
        var reverted = await client.RevertAuditAsync(entries[0].AuditId);
        Assert.Equal(("policy.revert", org), (reverted.Action, reverted.TargetId));
        Assert.Equal(NanoUsd.FromDollars(50), (await client.GetPolicyAsync(org)).DailyBudget);
        await client.RevertAuditAsync(entries[1].AuditId);
        Assert.Equal(NanoUsd.FromDollars(25), (await client.GetPolicyAsync(org)).DailyBudget);

        var key = await client.CreateKeyAsync(new KeyCreate { DailyBudget = NanoUsd.FromDollars(1) });
        await client.DisableKeyAsync(key.KeyId);
        await client.RevertAuditAsync((await client.ListAuditAsync(action: "key.disable")).Data[0].AuditId);
        Assert.Equal(KeyState.Active, (await _host.Keys.FindAsync(key.Key, default))!.StateAt(TimeProvider.System.GetUtcNow()));
        var made = (await client.ListAuditAsync(action: "key.create")).Data[0];
        Assert.Equal(409, (await Assert.ThrowsAsync<AdminRefusedException>(() => client.RevertAuditAsync(made.AuditId))).Status);

        var verified = await _host.Admin.VerifyAuditAsync();
        Assert.True(verified.Ok, verified.FirstFault);
        Assert.True(verified.Entries >= 8);
    }

    [Fact]
    public async Task Revert_OfAnOrgsTier_IsForPlatformAdmins_AndSaysWhoAsked()
    {
        var (org, client) = await _host.OrgAsync();
        await client.PatchOrgAsync(org, new JsonObject { ["tier"] = "growth" });
        var entry = (await client.ListAuditAsync(action: "org.patch")).Data[0];
        var token = await _host.Admin.CreateTokenAsync(new AdminTokenCreate { Role = AdminRole.OrgAdmin, OrgId = org });
        var owner = new AdminClient(_host.Http, token.Token!);
        var refused = await Assert.ThrowsAsync<AdminRefusedException>(() => owner.RevertAuditAsync(entry.AuditId));
        Assert.Equal((403, $"A change of kind org.patch is taken back by platform admins only; {token.TokenId} is org_admin."), (refused.Status, refused.Message));
        var made = (await client.ListAuditAsync(action: "token.create")).Data[0];
        Assert.Equal("A change of kind token.create cannot be taken back.", (await Assert.ThrowsAsync<AdminRefusedException>(() => _host.Admin.RevertAuditAsync(made.AuditId))).Message);
        Assert.Equal("org.revert", (await _host.Admin.RevertAuditAsync(entry.AuditId)).Action);
    }
}
