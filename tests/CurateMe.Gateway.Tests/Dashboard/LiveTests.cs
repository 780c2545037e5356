using System.Net;
using CurateMe.Client;
using CurateMe.Gateway.Admin;
using CurateMe.Gateway.Dashboard;
using CurateMe.Gateway.Tests.Shared;
using CurateMe.Ledger.Records;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace CurateMe.Gateway.Tests.Dashboard;

public sealed class LiveTests
{
    const string Token = "live-operator-token-0123";

    static readonly object Ping = new { model = "gpt-4o-mini", max_tokens = 20, messages = new[] { new { role = "user", content = "ping" } } };

    static Task<GatewayRig> RigAsync() => GatewayRig.StartAsync(new Dictionary<string, string?> { ["ADMIN_TOKEN"] = Token });

    static Uri Live(GatewayRig rig, string query = "") => new(rig.Address, "/gateway/admin/live" + query);

    [Fact]
    public async Task Live_ARequest_ArrivesWithItsSpend()
    {
        await using var rig = await RigAsync();
        var key = await rig.KeyAsync();
        await using var events = await EventReader.OpenAsync(rig.Http, Live(rig, "?org_id=org_test"), Token);
        using (await rig.ChatAsync(key, Ping)) { }
        var record = Assert.Single(await rig.RecordsAsync());
        // In either order: money is settled before its record is told.
        ServerEvent? request = null, spend = null;
        while (request is null || spend is null)
        {
            var next = await events.NextAsync();
            Assert.NotNull(next);
            request = next.Name == "request" ? next : request;
            spend = next.Name == "spend" && (long)next.Data!["daily_spend_nano_usd"]! == record.Cost.Value ? next : spend;
        }
        Assert.Equal(record.Id.ToString(), (string?)request.Data!["request_id"]);
        Assert.Equal(record.Cost.Value, (long)request.Data["cost_nano_usd"]!);
        Assert.Equal("org_test", (string?)spend.Data!["org_id"]);
        Assert.Null(spend.Id);
    }

    [Fact]
    public async Task Live_OfOneOrg_HasNothingOfAnother()
    {
        await using var rig = await RigAsync();
        var (mine, theirs) = (await rig.KeyAsync("org_mine", key: "key_mine"), await rig.KeyAsync("org_theirs", key: "key_theirs"));
        var viewer = await new AdminClient(rig.Http, Token).CreateTokenAsync(new AdminTokenCreate { Role = AdminRole.Viewer, OrgId = "org_mine" });
        await using var own = await EventReader.OpenAsync(rig.Http, Live(rig), viewer.Token);
        await using var all = await EventReader.OpenAsync(rig.Http, Live(rig), Token);
        using (await rig.ChatAsync(theirs, Ping)) { }
        Assert.Equal("org_theirs", (string?)(await all.NextAsync("request"))!.Data!["org_id"]);
        using (await rig.ChatAsync(mine, Ping)) { }
        Assert.Equal("org_mine", (string?)(await own.NextAsync("request"))!.Data!["org_id"]);
        using var refused = new HttpRequestMessage(HttpMethod.Get, Live(rig, "?org_id=org_theirs")) { Headers = { Authorization = new("Bearer", viewer.Token) } };
        Assert.Equal(HttpStatusCode.Forbidden, (await rig.Http.SendAsync(refused)).StatusCode);
    }

    [Fact]
    public async Task Live_ComingBack_GetsWhatItMissed()
    {
        await using var rig = await RigAsync();
        var key = await rig.KeyAsync();
        string? last;
        await using (var before = await EventReader.OpenAsync(rig.Http, Live(rig, "?org_id=org_test"), Token))
        {
            using (await rig.ChatAsync(key, Ping)) { }
            last = (await before.NextAsync("request"))!.Id;
        }
        using (await rig.ChatAsync(key, Ping)) { }
        using (await rig.ChatAsync(key, Ping)) { }
        var missed = (await rig.RecordsAsync()).Select(r => r.Id.ToString()).Where(id => !last!.EndsWith(id, StringComparison.Ordinal)).ToList();
        await using var after = await EventReader.OpenAsync(rig.Http, Live(rig, "?org_id=org_test"), Token, lastId: last);
        Assert.Equal(missed.Order(), new[] { (string)(await after.NextAsync("request"))!.Data!["request_id"]!, (string)(await after.NextAsync("request"))!.Data!["request_id"]! }.Order());
    }

    [Fact]
    public async Task Live_RevokedToken_EndsTheStream()
    {
        await using var rig = await RigAsync();
        await rig.KeyAsync();
        var admin = new AdminClient(rig.Http, Token);
        var viewer = await admin.CreateTokenAsync(new AdminTokenCreate { Role = AdminRole.Viewer, OrgId = "org_test" });
        await using var events = await EventReader.OpenAsync(rig.Http, Live(rig), viewer.Token);
        await admin.RevokeTokenAsync(viewer.TokenId);
        Assert.Null(await events.NextAsync("never"));
    }

    [Fact]
    public void Watchers_MoreThanAllowed_AreRefusedUntilOneLeaves()
    {
        using var feed = new LiveFeed(TimeProvider.System);
        var first = feed.Watch("org");
        for (var i = 1; i < LiveFeed.MaxWatchers; i++)
        {
            Assert.NotNull(feed.Watch("org"));
        }
        Assert.Null(feed.Watch("org"));
        feed.Leave(first!);
        Assert.NotNull(feed.Watch("org"));
    }

    [Fact]
    public async Task Watcher_WhoDoesNotRead_KeepsABoundedNumberAndIsTold()
    {
        await using var rig = await RigAsync();
        using (await rig.ChatAsync(await rig.KeyAsync(), Ping)) { }
        var record = Assert.Single(await rig.RecordsAsync());
        using var feed = new LiveFeed(TimeProvider.System);
        var watcher = feed.Watch("org_test")!;
        for (var i = 0; i < LiveWatcher.MaxWaiting; i++)
        {
            feed.Offer(record);
        }
        Assert.False(watcher.TakeMissed());
        feed.Offer(record);
        Assert.True(watcher.TakeMissed());
        Assert.Equal(LiveWatcher.MaxWaiting, watcher.Records.Count);
    }

    [Fact]
    public async Task Live_AcrossReplicas_SeesARequestOfAnother()
    {
        await using var fleet = await Fleet.StartAsync(2);
        var key = await fleet.OrgAsync("org_live", 10m);
        await using var events = await EventReader.OpenAsync(fleet.Http, new Uri(fleet.Replicas[1].Address, "/gateway/admin/live?org_id=org_live"), Fleet.Token);
        ServerEvent? request = null;
        var next = events.NextAsync("request");
        // Until the other replica has heard that somebody watches.
        await Fleet.UntilAsync(
            async () =>
            {
                Assert.Equal(HttpStatusCode.OK, await fleet.ChatAsync(0, key));
                if (await Task.WhenAny(next, Task.Delay(1000)) == next)
                {
                    request = await next;
                }
                return request is not null;
            },
            () => "a request of another replica: " + fleet.Replicas[0].Output);
        Assert.Equal("org_live", (string?)request!.Data!["org_id"]);
        var overview = await fleet.AdminAsync(HttpMethod.Get, "/gateway/admin/overview", org: "org_live", replica: 1);
        Assert.Equal("shared", overview.GetProperty("stores").GetProperty("mode").GetString());
    }
}
