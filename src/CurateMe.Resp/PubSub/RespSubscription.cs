namespace CurateMe.Resp;

/// <summary>A standing subscription; disposing it ends it.</summary>
public sealed class RespSubscription : IDisposable
{
    private readonly Subscriber _subscriber;
    private readonly TaskCompletionSource _active = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal RespSubscription(Subscriber subscriber, string channel, Action<ReadOnlyMemory<byte>> onMessage, Action? onActive)
    {
        _subscriber = subscriber;
        Channel = channel;
        OnMessage = onMessage;
        OnActive = onActive;
    }

    public string Channel { get; }

    /// <summary>Completes with the server's first confirmation.</summary>
    public Task Active => _active.Task;

    internal Action<ReadOnlyMemory<byte>> OnMessage { get; }

    internal Action? OnActive { get; }

    public void Dispose() => _subscriber.Remove(this);

    internal void Confirm() => _active.TrySetResult();

    internal void Abandon(RespException reason)
    {
        _active.TrySetException(reason);
        _ = _active.Task.Exception; // observed: nobody needs to wait for it
    }
}
