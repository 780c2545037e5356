using System.Net;
using CurateMe.Gateway.Alerts;
using Xunit;

namespace CurateMe.Gateway.Tests.Alerts;

public sealed class NetworkGuardTests
{
    [Theory]
    [InlineData("0.0.0.0")]
    [InlineData("10.1.2.3")]
    [InlineData("100.64.0.1")]
    [InlineData("127.0.0.1")]
    [InlineData("127.255.255.254")]
    [InlineData("169.254.169.254")]
    [InlineData("172.16.0.1")]
    [InlineData("172.31.255.255")]
    [InlineData("192.168.1.1")]
    [InlineData("198.18.0.1")]
    [InlineData("224.0.0.1")]
    [InlineData("255.255.255.255")]
    [InlineData("::")]
    [InlineData("::1")]
    [InlineData("::127.0.0.1")]
    [InlineData("::ffff:127.0.0.1")]
    [InlineData("::ffff:169.254.169.254")]
    [InlineData("64:ff9b::10.0.0.1")]
    [InlineData("64:ff9b::a9fe:a9fe")]
    [InlineData("64:ff9b:1::1")]
    [InlineData("2001::1")]
    [InlineData("2002:7f00:1::")]
    [InlineData("fc00::1")]
    [InlineData("fd00:ec2::254")]
    [InlineData("fe80::1")]
    [InlineData("fec0::1")]
    [InlineData("ff02::1")]
    [InlineData("2001:db8::1")]
    [InlineData("::ffff:0:10.0.0.1")]
    [InlineData("4000::1")]
    [InlineData("168.63.129.16")]
    [InlineData("::ffff:168.63.129.16")]
    public void Address_NotOnThePublicInternet_IsRefused(string address) => Assert.False(NetworkGuard.IsPublic(IPAddress.Parse(address)));

    [Theory]
    [InlineData("1.1.1.1")]
    [InlineData("100.128.0.1")]
    [InlineData("172.32.0.1")]
    [InlineData("192.0.1.1")]
    [InlineData("223.255.255.255")]
    [InlineData("::ffff:8.8.8.8")]
    [InlineData("64:ff9b::8.8.8.8")]
    [InlineData("2606:4700::1111")]
    [InlineData("2a00:1450::1")]
    public void Address_OnThePublicInternet_IsAllowed(string address) => Assert.True(NetworkGuard.IsPublic(IPAddress.Parse(address)));

    [Theory]
    [InlineData("localhost")]
    [InlineData("127.0.0.1")]
    [InlineData("::1")]
    public async Task Connect_NameThatLeadsInside_IsRefusedBeforeAnythingIsSent(string host)
    {
        await using var receiver = await Receiver.StartAsync();
        var port = new Uri(receiver.Url()).Port;
        var refused = await Assert.ThrowsAsync<NetworkRefusedException>(() => new NetworkGuard(new AlertOptions()).ConnectAsync(new DnsEndPoint(host, port), default).AsTask());
        Assert.DoesNotContain(port.ToString(System.Globalization.CultureInfo.InvariantCulture), refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Sender_NameThatLeadsInside_SaysWhyAndSendsNothing()
    {
        await using var receiver = await Receiver.StartAsync();
        var options = new AlertOptions { AllowHttp = true };
        using var sender = new WebhookSender(options, new NetworkGuard(options), new SealedSecrets(), TimeProvider.System);
        var hook = new WebhookDocument { WebhookId = "wh_1", Url = receiver.Url(), Events = [], Secret = WebhookSecret.New(), CreatedAt = default };
        var raised = new CurateMe.Ledger.Alerts.AlertEvent("evt_1", null, EventMessage.TestType, "webhook:wh_1", default, "", "{}");
        var attempt = await sender.SendAsync(EventMessage.Delivery("dlv_1", hook, raised, default), hook, default);
        Assert.Equal((null, "127.0.0.1 leads to a private network, where webhooks may not go."), (attempt.Status, attempt.Error));
        Assert.Empty(receiver.Messages);
    }
}
