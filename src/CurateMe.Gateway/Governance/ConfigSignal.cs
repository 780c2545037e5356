using CurateMe.Resp;

namespace CurateMe.Gateway.Governance;

/// <summary>Tells the other replicas at once that something changed; what they miss, they find by asking the store.</summary>
sealed class ConfigSignal(RespClient client, ConfigChanges changes) : IHostedService
{
    const string Channel = "gateway:config";

    RespSubscription? subscription;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        // After every renewal, too: a message may have been lost in between.
        subscription = client.Subscribe(Channel, _ => changes.Wake(), changes.Wake);
        changes.Published += Publish;
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        changes.Published -= Publish;
        subscription?.Dispose();
        return Task.CompletedTask;
    }

    void Publish() => _ = PublishAsync();

    async Task PublishAsync()
    {
        try
        {
            await client.ExecuteAsync(["PUBLISH", Channel, "changed"]).ConfigureAwait(false);
        }
        catch (RespException)
        {
            // The others ask the store a few times a second.
        }
    }
}
