using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using CurateMe.Client;
using CurateMe.Gateway.Access;
using CurateMe.Gateway.Keys;
using CurateMe.Gateway.Tests.Acceptance;
using CurateMe.Gateway.Tests.Alerts;
using Xunit;

namespace CurateMe.Gateway.Tests.Access;

public sealed class RefusedAccessTests
{
    static async Task<IReadOnlyList<Alert>> AnomaliesAsync(AdminClient client, int count = 1) => await AlertRig.UntilAsync(
        async () => (await client.ListAlertsAsync("access_anomaly")).Data, a => a.Count >= count, $"{count} anomalies");

    // A client at another address of this machine.
    static HttpClient From(GatewayRig rig, string address) => new(new SocketsHttpHandler
    {
        ConnectCallback = async (context, ct) =>
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(new IPEndPoint(IPAddress.Parse(address), 0));
            await socket.ConnectAsync(IPAddress.Loopback, context.DnsEndPoint.Port, ct);
            return new NetworkStream(socket, ownsSocket: true);
        },
    })
    { BaseAddress = rig.Address };

    [Fact]
    public async Task Refusals_AreCountedBySourceAndPrefix()
    {
        await using var rig = await AlertRig.StartAsync();
        var key = await rig.KeyAsync();
        await rig.KeyAsync("org_other", key: "key_other");
        var unknown = Secret.New(Secret.KeyPrefix).Text;
        Assert.Equal([401, 401], new[] { await rig.AskAsync(unknown), await rig.AskAsync(unknown) }.Select(a => a.Status));
        Assert.Equal(401, (await rig.AskAsync("sk-proj-somebody-elses-key")).Status);
        using var elsewhere = From(rig, "127.0.0.7");
        Assert.Equal(401, (await rig.AskAsync(unknown, http: elsewhere)).Status);
        await rig.Admin("org_test").DisableKeyAsync("key_test");
        Assert.Equal(401, (await rig.AskAsync(key)).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await rig.Http.SendAsync(new HttpRequestMessage(HttpMethod.Get, "/api/v1/admin/orgs") { Headers = { Authorization = new AuthenticationHeaderValue("Bearer", "cm_at_wrong") } })).StatusCode);

        var all = (await rig.Admin().ListRefusedAccessAsync()).Data;
        var found = all.Single(s => s.KeyPrefix == unknown[..10] && s.Address == "127.0.0.1");
        Assert.Equal((2, "invalid_api_key", null), (found.Count, found.Code, found.OrgId));
        Assert.Equal(1, all.Single(s => s.Address == "127.0.0.7").Count);
        Assert.Equal(new[] { "cm_at_wron", key[..10], "none", unknown[..10], unknown[..10] }.Order(StringComparer.Ordinal), all.Select(s => s.KeyPrefix).Order(StringComparer.Ordinal));
        Assert.DoesNotContain(all, s => s.KeyPrefix.Length > 10);

        var own = Assert.Single((await rig.Admin("org_test").ListRefusedAccessAsync()).Data);
        Assert.Equal(("key_disabled", "key_test", key[..10]), (own.Code, own.KeyId, own.KeyPrefix));
        Assert.Empty((await rig.Admin("org_other").ListRefusedAccessAsync()).Data);
        Assert.Single((await rig.Admin().ListRefusedAccessAsync(limit: 1)).Data);
    }

    [Fact]
    public async Task Burst_OfUnknownKeys_IsToldOnce()
    {
        await using var rig = await AlertRig.StartAsync();
        for (var i = 0; i < RefusedAccess.BurstOfSource + 5; i++)
        {
            Assert.Equal(401, (await rig.AskAsync(Secret.New(Secret.KeyPrefix).Text)).Status);
        }
        var told = Assert.Single(await AnomaliesAsync(rig.Admin()));
        Assert.Equal(("unknown_keys", "address:127.0.0.1", null, RefusedAccess.BurstOfSource), ((string?)told.Data["kind"], told.Subject, told.OrgId, (int)told.Data["attempts"]!));
    }

    [Fact]
    public async Task Bursts_FromAnyNumberOfAddresses_AreToldOfSomeAndOfAll()
    {
        await using var rig = await AlertRig.StartAsync(time: new CurateMe.Testing.TestClock());
        await rig.KeyAsync();
        for (var i = 1; i <= 13; i++)
        {
            using var elsewhere = From(rig, $"127.0.2.{i}");
            for (var j = 0; j < RefusedAccess.BurstOfSource; j++)
            {
                Assert.Equal(401, (await rig.AskAsync("cm_sk_nobodys", http: elsewhere)).Status);
            }
        }
        await rig.Admin("org_test").DisableKeyAsync("key_test");
        var told = await AlertRig.UntilAsync(async () => (await rig.Admin().ListAlertsAsync()).Data, a => a.Any(e => e.Type == AlertType.KeyDisabled), "what was raised last");
        Assert.Equal(10, told.Count(a => a.Subject.StartsWith("address:", StringComparison.Ordinal)));
        Assert.Single(told, a => a.Subject == "gateway");
    }

    [Fact]
    public async Task Key_FromAnAddressNotOnItsList_IsTold()
    {
        await using var rig = await AlertRig.StartAsync();
        var key = await rig.KeyAsync(limits: k => k with { IpAllowlist = ["10.0.0.0/8"] });
        Assert.Equal(["ip_not_allowed", "ip_not_allowed"], new[] { await rig.AskAsync(key), await rig.AskAsync(key) }.Select(a => a.Code));
        var told = Assert.Single(await AnomaliesAsync(rig.Admin("org_test")));
        Assert.Equal(("ip_not_allowed", "key:key_test", "127.0.0.1"), ((string?)told.Data["kind"], told.Subject, (string?)told.Data["address"]));
    }

    [Fact]
    public async Task Key_FromAnyNumberOfAddressesNotOnItsList_IsToldOfSome()
    {
        await using var rig = await AlertRig.StartAsync();
        var key = await rig.KeyAsync(limits: k => k with { IpAllowlist = ["10.0.0.0/8"] });
        for (var i = 1; i <= 15; i++)
        {
            using var elsewhere = From(rig, $"127.0.1.{i}");
            Assert.Equal("ip_not_allowed", (await rig.AskAsync(key, http: elsewhere)).Code);
        }
        await rig.Admin("org_test").DisableKeyAsync("key_test");
        var told = await AlertRig.UntilAsync(async () => (await rig.Admin("org_test").ListAlertsAsync()).Data, a => a.Any(e => e.Type == AlertType.KeyDisabled), "what was raised last");
        Assert.Equal(10, told.Count(a => a.Type == AlertType.AccessAnomaly));
        Assert.Equal(15, (await rig.Admin("org_test").ListRefusedAccessAsync()).Data.Count);
    }

    [Fact]
    public async Task Key_FromAnAddressWhereItNeverWas_IsToldOnce()
    {
        await using var rig = await AlertRig.StartAsync();
        var key = await rig.KeyAsync();
        var client = rig.Admin("org_test");
        Assert.Equal(200, (await rig.AskAsync(key)).Status);
        await rig.RecordsAsync();
        using var elsewhere = From(rig, "127.0.0.9");
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(200, (await rig.AskAsync(key, http: elsewhere)).Status);
            Assert.Equal(200, (await rig.AskAsync(key)).Status);
        }
        var told = Assert.Single(await AnomaliesAsync(client));
        Assert.Equal(("new_address", "127.0.0.9", 1), ((string?)told.Data["kind"], (string?)told.Data["address"], (int)told.Data["addresses_before"]!));
    }
}
