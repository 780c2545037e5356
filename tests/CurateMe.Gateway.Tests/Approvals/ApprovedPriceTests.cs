using CurateMe.Client;
using CurateMe.Gateway.Tests.Acceptance;
using CurateMe.Gateway.Tests.Alerts;
using Xunit;

namespace CurateMe.Gateway.Tests.Approvals;

public sealed class ApprovedPriceTests
{
    // Without a cap of its own, so that the org's policy says how much it may write.
    const string Body = """{"model":"gpt-4o","messages":[{"role":"user","content":"ping"}]}""";

    static PolicyDocument AskingWith(int maxOutputTokens) => new() { HitlThreshold = MoneyLimit.FromDollars(0), DefaultMaxOutputTokens = maxOutputTokens };

    static async Task<(string Id, decimal Estimate)> PendingAsync(GatewayRig rig, string key)
    {
        var answer = await rig.AskAsync(key, Body);
        Assert.Equal(202, answer.Status);
        return (answer.Json.GetProperty("approval_id").GetString()!, answer.Json.GetProperty("estimated_cost").GetDecimal());
    }

    [Fact]
    public async Task Approved_AndDearerMeanwhile_IsAskedAnew()
    {
        await using var rig = await GatewayRig.StartAsync(new Dictionary<string, string?> { ["ADMIN_TOKEN"] = AlertRig.Token });
        var admin = rig.Admin("org_test");
        var key = await rig.KeyAsync(policy: AskingWith(100));
        var (cheap, estimate) = await PendingAsync(rig, key);
        var token = (await admin.ApproveAsync(cheap)).ApprovalToken!;
        await rig.PolicyAsync("org_test", AskingWith(10_000));

        var refused = await rig.AskAsync(key, Body, headers: ("X-CM-Approval-Token", token));
        Assert.Equal((403, "approval_token_invalid"), (refused.Status, refused.Code));
        Assert.Contains(" may cost $", refused.Message, StringComparison.Ordinal);
        Assert.Empty(rig.Simulator.Bill.Entries);

        var (dear, more) = await PendingAsync(rig, key);
        Assert.NotEqual(cheap, dear);
        Assert.True(more > 10 * estimate);
        Assert.Equal("expired", (await admin.ListApprovalsAsync()).Data.Single(a => a.ApprovalId == cheap).Status);
        var again = (await admin.ApproveAsync(dear)).ApprovalToken!;
        Assert.Equal(200, (await rig.AskAsync(key, Body, headers: ("X-CM-Approval-Token", again))).Status);
    }

    [Fact]
    public async Task Approved_AndCheaperMeanwhile_Passes()
    {
        await using var rig = await GatewayRig.StartAsync(new Dictionary<string, string?> { ["ADMIN_TOKEN"] = AlertRig.Token });
        var key = await rig.KeyAsync(policy: AskingWith(10_000));
        var (id, _) = await PendingAsync(rig, key);
        var token = (await rig.Admin("org_test").ApproveAsync(id)).ApprovalToken!;
        await rig.PolicyAsync("org_test", AskingWith(100));
        Assert.Equal(id, (await PendingAsync(rig, key)).Id);
        Assert.Equal(200, (await rig.AskAsync(key, Body, headers: ("X-CM-Approval-Token", token))).Status);
    }
}
