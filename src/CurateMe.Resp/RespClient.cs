using System.Diagnostics;

namespace CurateMe.Resp;

/// <summary>
/// A Redis client for one server or one Redis Cluster. Safe for any number of concurrent callers: their commands share one connection per server,
/// go out in few writes and never wait for one another's replies. A failure is always one of the four kinds of <see cref="RespException"/>.
/// While a server is away its commands fail at once with <see cref="RespNotSentException"/>; the client reconnects by itself.
/// </summary>
public sealed class RespClient : IAsyncDisposable
{
    private readonly RespNode? _single;
    private readonly ClusterMap? _cluster;
    private readonly Subscriber _subscriber;
    private bool _disposed;

    private RespClient(RespOptions options)
    {
        options.Validate();
        Options = options;
        IsCluster = options.Cluster;
        if (IsCluster)
            _cluster = new ClusterMap(options, Report);
        else
            _single = new RespNode(options.Addresses[0], options, (_, change) => Report(change));
        _subscriber = new Subscriber(this);
    }

    /// <summary>Raised on every change of a connection, one at a time per connection. The handler must be quick. <see cref="Create"/> may have connected before a handler is attached: see <see cref="IsConnected"/>.</summary>
    public event Action<RespConnectionChange>? ConnectionChanged;

    /// <summary>A handler of this client's events or subscriptions threw. With nobody listening it goes to <see cref="Trace"/>.</summary>
    public event Action<Exception>? HandlerFailed;

    /// <summary>Every server that commands go to can be reached (of a cluster: every known master, and the map is known).</summary>
    public bool IsConnected => _cluster?.IsConnected ?? _single!.IsConnected;

    /// <summary>The servers that commands go to.</summary>
    public IReadOnlyList<RespNodeStatus> Nodes => _cluster?.Statuses() ?? [_single!.Status];

    /// <summary>From the send to the reply of the last answered command; of a cluster, the slowest server's.</summary>
    public TimeSpan LastLatency => Nodes.Select(n => n.Latency).DefaultIfEmpty().Max();

    internal RespOptions Options { get; }

    internal bool IsCluster { get; }

    internal RequestPool Requests { get; } = new();

    /// <summary>Connects, or throws the reason why the first attempt failed: <see cref="RespNotSentException"/>, or <see cref="RespServerException"/> for example for a wrong password.</summary>
    public static async Task<RespClient> ConnectAsync(RespOptions options, CancellationToken cancel = default)
    {
        var client = Create(options);
        try
        {
            await (client._cluster?.FirstAttempt ?? client._single!.FirstAttempt).WaitAsync(cancel);
            return client;
        }
        catch
        {
            await client.DisposeAsync();
            throw;
        }
    }

    /// <summary>Returns at once and connects in the background, however long the server is away.</summary>
    public static RespClient Create(RespOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new(options);
    }

    /// <summary>Waits until commands can be sent.</summary>
    public Task WaitForConnectionAsync(CancellationToken cancel = default) => _cluster?.ConnectedAsync(cancel) ?? _single!.ConnectedAsync(cancel);

    /// <summary>
    /// Sends one command, its name first: <c>await client.ExecuteAsync(["SET", key, value])</c>. In a cluster it goes to the master of its first key, a command
    /// without keys to any. Await the result once. A cancelled wait throws <see cref="OperationCanceledException"/>, and the command may still run.
    /// What would change or hold up the shared connection (MULTI, SELECT, SUBSCRIBE, BLPOP, MONITOR …) is refused with <see cref="ArgumentException"/>.
    /// </summary>
    /// <exception cref="RespException">Always one of its four subclasses.</exception>
    public ValueTask<RespReply> ExecuteAsync(ReadOnlySpan<RespArg> words, CancellationToken cancel = default)
    {
        SharedConnection.Check(words);
        var request = Requests.Rent();
        request.Encode(this, words);
        request.CancelOn(cancel);
        Route(request);
        return request.Task;
    }

    /// <summary>Sends one command to one of <see cref="Nodes"/>, whatever its keys; a redirection is an error here.</summary>
    /// <exception cref="RespException">Always one of its four subclasses.</exception>
    public ValueTask<RespReply> ExecuteAtAsync(RespAddress address, ReadOnlySpan<RespArg> words, CancellationToken cancel = default)
    {
        SharedConnection.Check(words);
        var request = new RespRequest();
        request.Encode(null, words);
        request.CancelOn(cancel);
        if ((_cluster is null ? (_single!.Address == address ? _single : null) : _cluster.Find(address)) is { } node)
            Send(request, node);
        else
            request.Fail(new RespNotSentException($"{address} is not a server of this client."));
        return request.Task;
    }

    /// <summary>Runs a script by its SHA-1, and with its source where the server does not have it. In a cluster all keys share one hash tag.</summary>
    /// <exception cref="RespException">Always one of its four subclasses.</exception>
    public ValueTask<RespReply> EvalAsync(RespScript script, ReadOnlySpan<RespArg> keys, ReadOnlySpan<RespArg> args, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(script);
        var request = Requests.Rent();
        request.Encode(this, script, keys, args);
        request.CancelOn(cancel);
        Route(request);
        return request.Task;
    }

    /// <summary>As the other, with keys, and arguments after <paramref name="args"/>, that were encoded before.</summary>
    /// <param name="inline">
    /// The code that awaits the reply runs where the connection is read, as soon as the reply is there, instead of on the thread pool: for code that is quick and never
    /// waits for a reply of this client without awaiting it. Other replies wait for it. Failures are reported on the thread pool all the same.
    /// </param>
    /// <exception cref="RespException">Always one of its four subclasses.</exception>
    public ValueTask<RespReply> EvalAsync(RespScript script, RespWords keys, ReadOnlySpan<RespArg> args, RespWords? more, bool inline, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(script);
        ArgumentNullException.ThrowIfNull(keys);
        var request = Requests.Rent();
        request.Encode(this, script, keys, args, more, inline);
        request.CancelOn(cancel);
        Route(request);
        return request.Task;
    }

    /// <summary>
    /// Subscribes and waits until the server has confirmed it. The subscription is renewed whenever its connection is replaced; what is published in between is lost,
    /// so <paramref name="onActive"/> is called after every confirmation, the first included: read again there whatever a lost message could have changed.
    /// </summary>
    /// <param name="onMessage">Called in the order of arrival, one at a time for the whole client. It must not block.</param>
    public async Task<RespSubscription> SubscribeAsync(string channel, Action<ReadOnlyMemory<byte>> onMessage, Action? onActive = null, CancellationToken cancel = default)
    {
        var subscription = Subscribe(channel, onMessage, onActive);
        try
        {
            await subscription.Active.WaitAsync(cancel);
            return subscription;
        }
        catch
        {
            subscription.Dispose();
            throw;
        }
    }

    /// <summary>As <see cref="SubscribeAsync"/>, but returns at once, also while the server is away.</summary>
    public RespSubscription Subscribe(string channel, Action<ReadOnlyMemory<byte>> onMessage, Action? onActive = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(channel);
        ArgumentNullException.ThrowIfNull(onMessage);
        ObjectDisposedException.ThrowIf(_disposed, this);
        return _subscriber.Add(channel, onMessage, onActive);
    }

    /// <summary>Closes every connection. What is pending fails as if the connection were lost.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, true))
            return;
        await _subscriber.DisposeAsync();
        if (_cluster is not null)
            await _cluster.DisposeAsync();
        else
            await _single!.DisposeAsync();
    }

    /// <summary>Takes over a command that was answered with an error which names a remedy; false: the error is for the caller.</summary>
    internal bool TryRecover(RespRequest request, in RespReply error, RespConnection connection)
    {
        if (request.Script is not null && error.ErrorText.StartsWith("NOSCRIPT"u8))
        {
            request.FallBackToSource();
            var result = request.IsDone ? SendResult.Queued : connection.TrySend(request);
            if (result != SendResult.Queued)
                request.Fail(connection.NotSent(result));
            return true;
        }
        return _cluster is not null && _cluster.TryRedirect(request, error, connection);
    }

    /// <summary>An address at which to subscribe: any server passes a cluster's messages on.</summary>
    internal RespAddress AnyAddress(int attempt) => _cluster?.AnyAddress(attempt) ?? _single!.Address;

    internal void Guard<T>(Action<T> handler, T value)
    {
        try
        {
            handler(value);
        }
        catch (Exception e)
        {
            if (HandlerFailed is { } listener)
                listener(e);
            else
                Trace.TraceError($"A handler of the Redis client failed: {e}");
        }
    }

    internal void Report(RespConnectionChange change)
    {
        if (ConnectionChanged is { } handler)
            Guard(handler, change);
    }

    private void Route(RespRequest request)
    {
        if (_cluster is not null)
            _cluster.Send(request);
        else
            Send(request, _single!);
    }

    private static void Send(RespRequest request, RespNode node)
    {
        if (request.IsDone) // cancelled before it was sent
            return;
        var result = node.TrySend(request);
        if (result != SendResult.Queued)
            request.Fail(node.NotSent(result));
    }
}
