using CurateMe.Client;
using CurateMe.Gateway.Admin;
using CurateMe.Gateway.Governance;
using CurateMe.Ledger.Configuration;
using Xunit;

namespace CurateMe.Gateway.Tests.Admin;

/// <summary>The longest page that may be asked for says whether another follows.</summary>
public sealed class PagingTests
{
    const string Token = "paging-operator-token";
    const int AtOnce = 91;

    [Fact]
    public async Task List_OfOneMoreThanTheLongestPage_HasASecondPage()
    {
        await using var rig = await GatewayRig.StartAsync(new Dictionary<string, string?> { ["ADMIN_TOKEN"] = Token });
        await rig.KeyAsync();
        var catalogue = rig.Service<Catalogue>();
        var teams = Enumerable.Range(0, Paging.MaxLimit + 1).Select(static i => new TeamDocument { TeamId = $"team_{i:00000}", OrgId = "org_test", Name = "T", CreatedAt = DateTimeOffset.UnixEpoch }).ToList();
        foreach (var some in teams.Chunk(AtOnce))
        {
            await catalogue.CommitAsync([.. some.Select(t => catalogue.Teams.New(t.TeamId, t.OrgId, null, t))], Entry(some[0].TeamId), default);
        }
        var admin = new AdminClient(rig.Http, Token, "org_test");
        var first = await admin.ListTeamsAsync(Paging.MaxLimit);
        Assert.NotNull(first.NextCursor);
        var second = await admin.ListTeamsAsync(Paging.MaxLimit, first.NextCursor);
        Assert.Null(second.NextCursor);
        Assert.Equal(teams.Select(static t => t.TeamId), first.Data.Concat(second.Data).Select(static t => t.TeamId));
    }

    [Fact]
    public async Task Audit_OfOneMoreThanTheLongestPage_HasASecondPage()
    {
        await using var rig = await GatewayRig.StartAsync(new Dictionary<string, string?> { ["ADMIN_TOKEN"] = Token });
        var catalogue = rig.Service<Catalogue>();
        for (var i = 0; i <= Paging.MaxLimit; i++)
        {
            await catalogue.CommitAsync([], Entry("x"), default);
        }
        var admin = new AdminClient(rig.Http, Token);
        var first = await admin.ListAuditAsync(Paging.MaxLimit, targetId: "x");
        Assert.Equal(Paging.MaxLimit, first.Data.Count);
        Assert.Single((await admin.ListAuditAsync(Paging.MaxLimit, first.NextCursor ?? throw new InvalidOperationException("the first page is the last"), targetId: "x")).Data);
    }

    static AuditDraft Entry(string target) => new(DateTimeOffset.UnixEpoch, "test", null, "create", "test", target, "org_test", null, null);
}
