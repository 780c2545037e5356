namespace CurateMe.Resp;

/// <summary>One server: its connections, each replaced with back-off when it is lost.</summary>
internal sealed class RespNode : IAsyncDisposable
{
    private readonly RespConnection?[] _lanes;
    private readonly Task[] _loops;
    private readonly RespOptions _options;
    private readonly Action<RespNode, RespConnectionChange> _changed;
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource _firstAttempt = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource _connected = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private uint _next;

    public RespNode(RespAddress address, RespOptions options, Action<RespNode, RespConnectionChange> changed)
    {
        Address = address;
        _options = options;
        _changed = changed;
        _lanes = new RespConnection?[options.ConnectionsPerNode];
        _loops = new Task[_lanes.Length];
        for (var i = 0; i < _loops.Length; i++)
        {
            var lane = i;
            _loops[i] = Task.Run(() => KeepConnectedAsync(lane));
        }
    }

    public RespAddress Address { get; }

    /// <summary>Ends with the outcome of the first attempt to connect.</summary>
    public Task FirstAttempt => _firstAttempt.Task;

    public bool IsConnected
    {
        get
        {
            foreach (ref var lane in _lanes.AsSpan())
                if (Volatile.Read(ref lane) is { Closed.IsCompleted: false })
                    return true;
            return false;
        }
    }

    public RespNodeStatus Status
    {
        get
        {
            var latency = TimeSpan.Zero;
            foreach (ref var lane in _lanes.AsSpan())
                if (Volatile.Read(ref lane) is { } connection && connection.Latency > latency)
                    latency = connection.Latency;
            return new(Address, IsConnected, latency);
        }
    }

    /// <summary>Waits until some connection is open.</summary>
    public async Task ConnectedAsync(CancellationToken cancel)
    {
        while (!IsConnected)
        {
            await Volatile.Read(ref _connected).Task.WaitAsync(cancel);
            await Task.Yield(); // a loss is seen a moment before it is recorded
        }
    }

    public SendResult TrySend(RespRequest request, RespRequest? prefix = null)
    {
        var start = _lanes.Length == 1 ? 0 : Interlocked.Increment(ref _next);
        var result = SendResult.Closed;
        for (uint i = 0; i < _lanes.Length; i++)
        {
            if (Volatile.Read(ref _lanes[(start + i) % (uint)_lanes.Length]) is not { } lane)
                continue;
            var own = lane.TrySend(request, prefix);
            if (own == SendResult.Queued)
                return own;
            if (own == SendResult.Full)
                result = own;
        }
        return result;
    }

    public RespNotSentException NotSent(SendResult result) => result == SendResult.Full
        ? new($"Too much is pending on the connection to {Address} (MaxPendingCommands = {_options.MaxPendingCommands}, MaxPendingBytes = {_options.MaxPendingBytes}).")
        : new($"Not connected to {Address}.");

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_loops);
        var connected = Volatile.Read(ref _connected);
        connected.TrySetException(new RespNotSentException("The client is closed."));
        _ = connected.Task.Exception; // observed: nobody needs to wait for it
        _stop.Dispose();
    }

    private async Task KeepConnectedAsync(int lane)
    {
        var backoff = new Backoff(_options.ReconnectDelay, _options.MaxReconnectDelay, Random.Shared);
        while (!_stop.IsCancellationRequested)
        {
            await ConnectOnceAsync(lane, backoff);
            await Task.Delay(backoff.Next(), _options.Time, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task ConnectOnceAsync(int lane, Backoff backoff)
    {
        RespConnection connection;
        try
        {
            connection = await Dialer.DialAsync(Address, _options, pushed: null, _stop.Token);
        }
        catch (Exception e)
        {
            _firstAttempt.TrySetException(e);
            _ = _firstAttempt.Task.Exception; // observed: nobody needs to wait for it
            if (e is RespException reason)
                _changed(this, new(Address, RespConnectionState.Failed, reason));
            return;
        }
        Volatile.Write(ref _lanes[lane], connection);
        backoff.Reset();
        _firstAttempt.TrySetResult();
        Volatile.Read(ref _connected).TrySetResult();
        _changed(this, new(Address, RespConnectionState.Connected, null));
        using (_stop.Token.UnsafeRegister(static state => ((RespConnection)state!).Close(new RespNotSentException("The client is closed.")), connection))
        {
            var reason = await connection.Closed;
            Interlocked.Exchange(ref _connected, new(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
            Volatile.Write(ref _lanes[lane], null);
            _changed(this, new(Address, RespConnectionState.Lost, reason));
        }
    }
}
