namespace CurateMe.Resp;

internal enum SendResult { Queued, Closed, Full }

/// <summary>
/// One socket, from the end of its dial to its loss. Callers append their commands to a buffer under a short lock; one that finds nobody sending hands to the
/// socket whatever has gathered, and goes on while more comes. A loop reads replies and matches them to the queue of commands, first in, first out.
/// </summary>
internal sealed class RespConnection
{
    /// <summary>How often a caller sends on for others before the thread pool takes over.</summary>
    private const int MostRounds = 8;

    private readonly Lock _gate = new();
    private readonly Queue<RespRequest> _pending = new();
    private readonly ReplyReader _replies;
    private readonly Stream _stream;
    private readonly RespOptions _options;
    private readonly TimeProvider _time;
    private readonly Action<RespConnection, RespReply>? _pushed;
    private readonly TaskCompletionSource<RespException> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly long _openedAt;
    private ITimer? _sweep;
    private long _appended;
    private long _handed;
    private long _lastByteAt;
    private long _latencyTicks;
    private CommandBuffer _gathered;
    private CommandBuffer _sent;
    private bool _isSending;
    private bool _isClosed;
    private bool _refusedWrite;

    // What is sent by those whose replies are being handed out goes out together.
    [ThreadStatic]
    private static RespConnection? t_dispatching;

    /// <param name="pushed">Where push messages go. When given, the connection is for subscriptions, and RESP2 messages and refusals to subscribe go there as well.</param>
    public RespConnection(Stream stream, RespAddress address, RespOptions options, Action<RespConnection, RespReply>? pushed)
    {
        _stream = stream;
        Address = address;
        _options = options;
        _time = options.Time;
        _pushed = pushed;
        _replies = new(options.Limits);
        _lastByteAt = _openedAt = _time.GetTimestamp();
    }

    public RespAddress Address { get; }

    /// <summary>Completes with the reason when the connection is lost or closed.</summary>
    public Task<RespException> Closed => _closed.Task;

    public TimeSpan Latency => TimeSpan.FromTicks(Volatile.Read(ref _latencyTicks));

    public void Start()
    {
        _ = ReadLoopAsync();
        var period = TimeSpan.FromTicks(Math.Min(_options.CommandTimeout.Ticks, _options.HeartbeatInterval.Ticks) / 4);
        if (period < TimeSpan.FromMilliseconds(1))
            period = TimeSpan.FromMilliseconds(1);
        lock (_gate)
            if (!_isClosed)
                _sweep = _time.CreateTimer(static state => ((RespConnection)state!).Sweep(), this, period, period);
    }

    /// <summary>Queues the command, after <paramref name="prefix"/>, a command whose reply nobody waits for.</summary>
    public SendResult TrySend(RespRequest request, RespRequest? prefix = null)
    {
        lock (_gate)
        {
            if (_isClosed)
                return SendResult.Closed;
            var bytes = request.Command.Length + (prefix?.Command.Length ?? 0);
            if (_pending.Count + (prefix is null ? 0 : 1) >= _options.MaxPendingCommands || _appended - Volatile.Read(ref _handed) + bytes > _options.MaxPendingBytes)
                return SendResult.Full;
            if (prefix is not null)
                Append(prefix);
            Append(request);
            if (_isSending || t_dispatching == this)
                return SendResult.Queued;
            _isSending = true;
        }
        _ = SendAsync();
        return SendResult.Queued;
    }

    /// <summary>For a connection that is not yet, or not only, in the hands of callers.</summary>
    public ValueTask<RespReply> ExecuteAsync(ReadOnlySpan<RespArg> words)
    {
        var request = new RespRequest();
        request.Encode(null, words);
        Send(request);
        return request.Task;
    }

    /// <summary>For commands that the server answers with pushes only.</summary>
    public void SendWithoutReply(ReadOnlySpan<RespArg> words)
    {
        CommandBuffer command = default;
        command.WriteHeader((byte)'*', words.Length);
        foreach (var word in words)
            command.Write(word);
        lock (_gate)
        {
            if (_isClosed)
                return;
            Append(command.Written);
            command.Release();
            if (_isSending)
                return;
            _isSending = true;
        }
        _ = SendAsync();
    }

    public void Close(RespException reason)
    {
        RespRequest[] pending;
        lock (_gate)
        {
            if (_isClosed)
                return;
            _isClosed = true;
            pending = [.. _pending];
            _pending.Clear();
            _sweep?.Dispose();
        }
        _stream.Dispose();
        var handed = Volatile.Read(ref _handed);
        for (var i = 0; i < pending.Length; i++)
            pending[i].Fail(Loss(pending[i].EndOffset <= handed, isFirst: i == 0, reason));
        _closed.TrySetResult(reason);
    }

    private RespException Loss(bool wasSent, bool isFirst, RespException reason)
    {
        if (!wasSent)
            return new RespNotSentException($"The connection to {Address} was lost before the command was sent.", reason);
        return isFirst && reason is RespProtocolException
            ? new RespProtocolException(reason.Message, reason)
            : new RespOutcomeUnknownException($"The connection to {Address} was lost before the reply came.", reason);
    }

    private void Append(RespRequest request)
    {
        Append(request.Command);
        request.EndOffset = _appended;
        request.SentAt = _time.GetTimestamp();
        if (request.FirstSentAt == 0)
            request.FirstSentAt = request.SentAt;
        _pending.Enqueue(request);
    }

    private void Append(ReadOnlySpan<byte> bytes)
    {
        _gathered.WriteRaw(bytes);
        _appended += bytes.Length;
    }

    /// <summary>By whoever set <see cref="_isSending"/>. Runs on the caller's thread until the socket takes no more or others keep it busy.</summary>
    private async Task SendAsync()
    {
        try
        {
            for (var round = 0; TakeGathered(); round++)
            {
                if (round == MostRounds)
                    await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
                await _stream.WriteAsync(_sent.Memory);
            }
        }
        catch (Exception e)
        {
            Close(Lost(e));
        }
    }

    private bool TakeGathered()
    {
        lock (_gate)
        {
            _sent.Clear();
            _isSending = _gathered.Length > 0 && !_isClosed;
            if (!_isSending)
                return false;
            (_gathered, _sent) = (_sent, _gathered);
            // Counted before the write: a write that fails may have left the machine.
            Volatile.Write(ref _handed, _handed + _sent.Length);
            return true;
        }
    }

    private async Task ReadLoopAsync()
    {
        try
        {
            while (true)
            {
                var received = await _stream.ReadAsync(_replies.Free);
                if (received == 0)
                {
                    Close(new RespOutcomeUnknownException($"{Address} closed the connection."));
                    break;
                }
                _replies.Received(received);
                DispatchReceived();
            }
        }
        catch (Exception e)
        {
            Close(Lost(e));
        }
        _replies.Release();
    }

    private RespException Lost(Exception e) =>
        e as RespException ?? new RespOutcomeUnknownException($"The connection to {Address} failed: {e.Message}", e);

    private void DispatchReceived()
    {
        var now = _time.GetTimestamp();
        Volatile.Write(ref _lastByteAt, now);
        t_dispatching = this;
        try
        {
            while (_replies.TryRead(out var reply))
                Dispatch(reply, now);
        }
        finally
        {
            t_dispatching = null;
        }
        if (_refusedWrite)
            LeaveReplica(now);
        lock (_gate)
        {
            if (_isClosed || _isSending || _gathered.Length == 0)
                return;
            _isSending = true;
        }
        _ = SendAsync();
    }

    /// <summary>
    /// A server that was the primary and is a replica now keeps its connections: only a new one finds whoever has its address since. Where the address stays
    /// a replica's, this is done once per MaxReconnectDelay.
    /// </summary>
    private void LeaveReplica(long now)
    {
        _refusedWrite = false;
        if (_time.GetElapsedTime(_openedAt, now) >= _options.MaxReconnectDelay)
            Close(new RespOutcomeUnknownException($"{Address} is a replica and takes no writes; the connection is given up for one to the primary."));
    }

    private void Dispatch(in RespReply reply, long now)
    {
        if (reply.Kind == RespKind.Attribute)
            return;
        if (reply.Kind == RespKind.Push || (_pushed is not null && (IsMessage(reply) || (reply.IsError && !IsOwing))))
            _pushed?.Invoke(this, reply);
        else
            Answer(reply, now);
    }

    private bool IsOwing
    {
        get
        {
            lock (_gate)
                return _pending.Count > 0;
        }
    }

    private void Answer(in RespReply reply, long now)
    {
        RespRequest? request;
        lock (_gate)
            if (!_pending.TryDequeue(out request))
                throw _isClosed ? new RespOutcomeUnknownException("The connection is closed.") : new RespProtocolException($"{Address} sent a reply that no command asked for.");
        Volatile.Write(ref _latencyTicks, _time.GetElapsedTime(request.SentAt, now).Ticks);
        if (!reply.IsError)
            request.Succeed(reply);
        else if (request.Client is null || !request.Client.TryRecover(request, reply, this))
        {
            // Of a write within a script, an older server says it in the middle of its own error.
            _refusedWrite |= reply.ErrorText.IndexOf("READONLY You can't write against a read only"u8) >= 0;
            request.Fail(reply.ToException());
        }
    }

    /// <summary>In RESP2, what a subscribed connection receives is an array that names what it is; the answer to PING is such an array too.</summary>
    private static bool IsMessage(in RespReply reply) =>
        reply.Kind == RespKind.Array && reply.Count == 3 && reply[0].Kind == RespKind.BulkString
        && (reply[0].AsSpan().SequenceEqual("message"u8) || reply[0].AsSpan().SequenceEqual("subscribe"u8) || reply[0].AsSpan().SequenceEqual("unsubscribe"u8));

    private void Sweep()
    {
        var now = _time.GetTimestamp();
        var isSilent = _time.GetElapsedTime(Volatile.Read(ref _lastByteAt), now) >= _options.StallTimeout;
        var stalled = false;
        lock (_gate)
        {
            if (_isClosed)
                return;
            foreach (var request in _pending)
            {
                var age = _time.GetElapsedTime(request.SentAt, now);
                if (age < _options.CommandTimeout)
                    break;
                stalled |= isSilent && age >= _options.StallTimeout;
                if (!request.IsDone) // under the lock: what is in the queue cannot have been used again
                    request.End(new RespOutcomeUnknownException($"No reply from {Address} within {_options.CommandTimeout.TotalSeconds:0.###} s."));
            }
        }
        if (stalled)
            Close(new RespOutcomeUnknownException($"Nothing came from {Address} for {_options.StallTimeout.TotalSeconds:0.###} s; the connection is given up."));
        else
            Ping(now);
    }

    private void Ping(long now)
    {
        lock (_gate)
            if (_pending.Count > 0 || _time.GetElapsedTime(Volatile.Read(ref _lastByteAt), now) < _options.HeartbeatInterval)
                return;
        var ping = new RespRequest();
        ping.Encode(null, ["PING"]);
        TrySend(ping); // its reply, or the lack of one, is what it is for
    }

    private void Send(RespRequest request)
    {
        var result = TrySend(request);
        if (result != SendResult.Queued)
            request.Fail(NotSent(result));
    }

    public RespNotSentException NotSent(SendResult result) => result == SendResult.Full
        ? new($"Too much is pending on the connection to {Address} (MaxPendingCommands = {_options.MaxPendingCommands}, MaxPendingBytes = {_options.MaxPendingBytes}).")
        : new($"Not connected to {Address}.");
}
