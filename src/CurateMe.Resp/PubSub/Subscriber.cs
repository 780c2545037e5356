namespace CurateMe.Resp;

/// <summary>
/// All subscriptions of a client on one connection of their own, so that a slow handler holds up no command. It is dialled with the first
/// subscription and kept; a new one subscribes again to everything.
/// </summary>
internal sealed class Subscriber(RespClient client) : IAsyncDisposable
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, RespSubscription[]> _channels = new(StringComparer.Ordinal);
    private readonly Queue<string> _unconfirmed = new(); // what was asked on this connection, in the order of the answers
    private readonly CancellationTokenSource _stop = new();
    private RespConnection? _connection;
    private Task? _loop;

    public RespSubscription Add(string channel, Action<ReadOnlyMemory<byte>> onMessage, Action? onActive)
    {
        var subscription = new RespSubscription(this, channel, onMessage, onActive);
        lock (_gate)
        {
            var others = _channels.GetValueOrDefault(channel, []);
            if (others.Length == 0 && _channels.Count >= client.Options.MaxSubscriptions)
                throw new RespNotSentException($"More than MaxSubscriptions = {client.Options.MaxSubscriptions} channels.");
            _channels[channel] = [.. others, subscription];
            _loop ??= Task.Run(KeepSubscribedAsync);
            if (_connection is not null)
                Ask("SUBSCRIBE", channel); // once more for a channel that has one: it is confirmed again
        }
        return subscription;
    }

    public void Remove(RespSubscription subscription)
    {
        lock (_gate)
        {
            if (!_channels.TryGetValue(subscription.Channel, out var all))
                return;
            var rest = Array.FindAll(all, s => s != subscription);
            if (rest.Length > 0)
                _channels[subscription.Channel] = rest;
            else if (_channels.Remove(subscription.Channel) && _connection is not null)
                Ask("UNSUBSCRIBE", subscription.Channel);
        }
        subscription.Abandon(new RespNotSentException("The subscription is closed."));
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        Task? loop;
        RespSubscription[] all;
        lock (_gate)
        {
            loop = _loop;
            all = [.. _channels.Values.SelectMany(static s => s)];
        }
        if (loop is not null)
            await loop;
        foreach (var subscription in all)
            subscription.Abandon(new RespNotSentException("The client is closed."));
        _stop.Dispose();
    }

    private async Task KeepSubscribedAsync()
    {
        var options = client.Options;
        var backoff = new Backoff(options.ReconnectDelay, options.MaxReconnectDelay, Random.Shared);
        for (var attempt = 0; !_stop.IsCancellationRequested; attempt++)
        {
            var address = client.AnyAddress(attempt);
            try
            {
                var connection = await Dialer.DialAsync(address, options, Receive, _stop.Token);
                backoff.Reset();
                client.Report(new(address, RespConnectionState.Connected, null, IsSubscriber: true));
                client.Report(new(address, RespConnectionState.Lost, await ServeAsync(connection), IsSubscriber: true));
            }
            catch (RespException e)
            {
                client.Report(new(address, RespConnectionState.Failed, e, IsSubscriber: true));
            }
            catch (OperationCanceledException)
            {
                return;
            }
            await Task.Delay(backoff.Next(), options.Time, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<RespException> ServeAsync(RespConnection connection)
    {
        using var closing = _stop.Token.UnsafeRegister(static state => ((RespConnection)state!).Close(new RespNotSentException("The client is closed.")), connection);
        lock (_gate)
        {
            _connection = connection;
            _unconfirmed.Clear();
            foreach (var channel in _channels.Keys)
                Ask("SUBSCRIBE", channel);
        }
        var reason = await connection.Closed;
        lock (_gate)
            _connection = null;
        return reason;
    }

    private void Ask(string command, string channel)
    {
        _unconfirmed.Enqueue(channel);
        _connection!.SendWithoutReply([command, channel]);
    }

    private void Receive(RespConnection connection, RespReply push)
    {
        if (connection != Volatile.Read(ref _connection)) // what a lost connection still had in its buffer
            return;
        if (push.IsError)
        {
            foreach (var subscription in Answered(null))
                subscription.Abandon(push.ToException());
        }
        else if (push.Count == 3 && push[1].AsString() is { } channel)
        {
            if (push[0].AsSpan().SequenceEqual("message"u8))
                Deliver(channel, push[2].AsMemory());
            else if (push[0].AsSpan().SequenceEqual("subscribe"u8))
                Confirm(channel);
            else if (push[0].AsSpan().SequenceEqual("unsubscribe"u8))
                Answered(channel);
        }
    }

    private void Deliver(string channel, ReadOnlyMemory<byte> message)
    {
        RespSubscription[] subscriptions;
        lock (_gate)
            subscriptions = _channels.GetValueOrDefault(channel, []);
        foreach (var subscription in subscriptions)
            client.Guard(subscription.OnMessage, message);
    }

    private void Confirm(string channel)
    {
        foreach (var subscription in Answered(channel))
        {
            subscription.Confirm();
            if (subscription.OnActive is { } onActive)
                client.Guard(static action => action(), onActive);
        }
    }

    /// <summary>The subscriptions that the next answer is about; a refusal does not name its channel, but answers keep the order of the questions.</summary>
    private RespSubscription[] Answered(string? channel)
    {
        lock (_gate)
        {
            if (!_unconfirmed.TryDequeue(out var asked) || (channel is not null && channel != asked))
                throw new RespProtocolException("The server answered a subscription that was not asked for.");
            return _channels.GetValueOrDefault(asked, []);
        }
    }
}
