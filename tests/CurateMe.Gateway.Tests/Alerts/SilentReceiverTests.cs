using CurateMe.Client;
using CurateMe.Gateway.Alerts;
using CurateMe.Testing;
using Xunit;

namespace CurateMe.Gateway.Tests.Alerts;

/// <summary>A tenant's receiver that takes connections and never answers.</summary>
public sealed class SilentReceiverTests
{
    [Fact]
    public async Task Messages_ToIt_HoldUpNobodyElses()
    {
        await using var rig = await AlertRig.StartAsync(new AlertOptions { AllowPrivateNetworks = true, AllowHttp = true, Timeout = TimeSpan.FromMinutes(2) });
        await using var silent = await Receiver.StartAsync();
        await using var receiver = await Receiver.StartAsync();
        silent.Answer = static (http, _) => Task.Delay(Timeout.Infinite, http.RequestAborted).ContinueWith(static _ => { }, TaskScheduler.Default);
        await rig.KeyAsync();
        await rig.KeyAsync("org_silent", key: "key_silent");
        await rig.Admin("org_silent").CreateWebhookAsync(new WebhookCreate { Url = silent.Url(), Events = [AlertType.CostAnomaly] });
        await rig.Admin("org_test").CreateWebhookAsync(new WebhookCreate { Url = receiver.Url(), Events = [AlertType.KeyDisabled] });
        for (var i = 0; i < 100; i++)
        {
            rig.Service<AlertDesk>().Raise(AlertType.CostAnomaly, "org_silent", "key:key_silent", $"{i}", []);
        }
        await Poll.UntilAsync(() => silent.Messages.Count > WebhookPost.MaxSendingToOne / 2, "messages to the silent one are on their way");
        await rig.Admin("org_test").DisableKeyAsync("key_test");
        await Poll.UntilAsync(() => receiver.Messages.Count == 1, "the other org's message");
        Assert.InRange(silent.Messages.Count, 1, WebhookPost.MaxSendingToOne);
    }
}
