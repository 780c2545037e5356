using System.IO.Pipelines;

namespace CurateMe.Resp;

internal enum SendResult { Queued, Closed, Full }

/// <summary>
/// One socket, from the end of its dial to its loss. Callers append their commands to a pipe under a short lock; one loop hands to the socket whatever
/// has gathered, another reads replies and matches them to the queue of commands, first in, first out.
/// </summary>
internal sealed class RespConnection
{
    private static readonly PipeOptions Output = new(pauseWriterThreshold: 0, resumeWriterThreshold: 0, minimumSegmentSize: 32 << 10, useSynchronizationContext: false);

    private readonly Lock _gate = new();
    private readonly Queue<RespRequest> _pending = new();
    private readonly Pipe _output = new(Output);
    private readonly ReplyReader _replies;
    private readonly Stream _stream;
    private readonly RespOptions _options;
    private readonly TimeProvider _time;
    private readonly Action<RespConnection, RespReply>? _pushed;
    private readonly TaskCompletionSource<RespException> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ITimer? _sweep;
    private long _appended;
    private long _handed;
    private long _lastByteAt;
    private long _latencyTicks;
    private bool _isClosed;

    /// <param name="pushed">Where push messages go. When given, the connection is for subscriptions, and RESP2 messages and refusals to subscribe go there as well.</param>
    public RespConnection(Stream stream, RespAddress address, RespOptions options, Action<RespConnection, RespReply>? pushed)
    {
        _stream = stream;
        Address = address;
        _options = options;
        _time = options.Time;
        _pushed = pushed;
        _replies = new(options.Limits);
        _lastByteAt = _time.GetTimestamp();
    }

    public RespAddress Address { get; }

    /// <summary>Completes with the reason when the connection is lost or closed.</summary>
    public Task<RespException> Closed => _closed.Task;

    public TimeSpan Latency => TimeSpan.FromTicks(Volatile.Read(ref _latencyTicks));

    public void Start()
    {
        _ = WriteLoopAsync();
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
            Flush();
            return SendResult.Queued;
        }
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
            Flush();
        }
        command.Release();
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
            _output.Writer.Complete();
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
        while (!bytes.IsEmpty)
        {
            var span = _output.Writer.GetSpan();
            var part = bytes[..Math.Min(span.Length, bytes.Length)];
            part.CopyTo(span);
            _output.Writer.Advance(part.Length);
            _appended += part.Length;
            bytes = bytes[part.Length..];
        }
    }

    /// <summary>Wakes the write loop; never waits, as the pipe has no threshold and MaxPendingBytes was checked.</summary>
    private void Flush()
    {
        var flushed = _output.Writer.FlushAsync();
        if (!flushed.IsCompleted)
            throw new InvalidOperationException("The output pipe has a threshold.");
    }

    private async Task WriteLoopAsync()
    {
        try
        {
            while (true)
            {
                var gathered = await _output.Reader.ReadAsync();
                foreach (var segment in gathered.Buffer)
                {
                    // Counted before the write: a write that fails may have left the machine.
                    Volatile.Write(ref _handed, _handed + segment.Length);
                    await _stream.WriteAsync(segment);
                }
                _output.Reader.AdvanceTo(gathered.Buffer.End);
                if (gathered.IsCompleted)
                    break;
            }
        }
        catch (Exception e)
        {
            Close(Lost(e));
        }
        _output.Reader.Complete();
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
        while (_replies.TryRead(out var reply))
        {
            if (reply.Kind == RespKind.Attribute)
                continue;
            if (reply.Kind == RespKind.Push || (_pushed is not null && (IsMessage(reply) || (reply.IsError && !IsOwing))))
                _pushed?.Invoke(this, reply);
            else
                Answer(reply, now);
        }
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
            request.Fail(reply.ToException());
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
