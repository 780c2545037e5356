using CurateMe.Client;
using CurateMe.Gateway.Admin;
using CurateMe.Gateway.Keys;
using CurateMe.Ledger.Budgets;
using CurateMe.Testing;
using Xunit;

namespace CurateMe.Gateway.Tests.Admin;

public sealed class BootstrapTests
{
    [Fact]
    public async Task FirstStart_WithoutToken_MakesOneAndAnOrgThatCanSpend()
    {
        using var directory = new TemporaryDirectory();
        await using var host = await AdminHost.StartAsync(token: null);
        var first = await host.Get<Bootstrap>().RunAsync(directory.Path, default);
        Assert.True(first.AdminTokenIsNew);
        Assert.Equal(first.AdminToken, (await File.ReadAllTextAsync(first.AdminTokenFile!)).Trim());
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(first.AdminTokenFile!));
        }

        var org = await new AdminClient(host.Http, first.AdminToken!).GetOrgAsync("org_default");
        Assert.Equal(Tier.Starter, org.Tier);
        var principal = await host.Keys.FindAsync(first.ApiKey, default);
        Assert.Equal([NodeKind.Org, NodeKind.Team, NodeKind.Key], principal!.Path.Nodes.Select(n => n.Kind));
        Assert.Equal(KeyState.Active, principal.StateAt(TimeProvider.System.GetUtcNow()));

        var second = await host.Get<Bootstrap>().RunAsync(directory.Path, default);
        Assert.Equal((null, null), (second.OrgId, second.ApiKey));
    }

    [Fact]
    public async Task SecondStart_ReadsTheTokenOfTheFirst()
    {
        using var directory = new TemporaryDirectory();
        string token;
        await using (var host = await AdminHost.StartAsync(token: null))
        {
            token = (await host.Get<Bootstrap>().RunAsync(directory.Path, default)).AdminToken!;
        }
        await using var again = await AdminHost.StartAsync(token: "");
        var start = await again.Get<Bootstrap>().RunAsync(directory.Path, default);
        Assert.False(start.AdminTokenIsNew);
        Assert.Equal(token, start.AdminToken);
        Assert.Equal("org_default", (await new AdminClient(again.Http, token).GetOrgAsync("org_default")).OrgId);
    }

    [Fact]
    public async Task FirstStart_WithTheOperatorsToken_KeepsIt()
    {
        using var directory = new TemporaryDirectory();
        await using var host = await AdminHost.StartAsync();
        var start = await host.Get<Bootstrap>().RunAsync(directory.Path, default);
        Assert.Equal((null, null, false, "org_default"), (start.AdminToken, start.AdminTokenFile, start.AdminTokenIsNew, start.OrgId));
        Assert.Empty(Directory.GetFiles(directory.Path));
        Assert.Equal("org_default", (await host.Admin.GetOrgAsync("org_default")).OrgId);
    }

    [Fact]
    public async Task BeforeTheFirstStart_NothingOpens()
    {
        await using var host = await AdminHost.StartAsync(token: null);
        foreach (var token in (string[])["null", AdminHost.Token])
        {
            Assert.Equal(System.Net.HttpStatusCode.Unauthorized, (await host.SendAsync("GET", "/api/v1/admin/orgs", token: token)).Status);
        }
    }
}
