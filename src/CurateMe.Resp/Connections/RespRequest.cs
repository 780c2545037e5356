using System.Threading.Tasks.Sources;

namespace CurateMe.Resp;

/// <summary>
/// One command from encoding to reply, and the task its caller awaits. It is owned by one place at a time: its maker, then a connection's
/// queue, then the read loop or the client's recovery. Only the owner may complete it with a reply; a time-out or the caller's cancellation may end it
/// at any moment, and then it is left to the garbage collector, because its owner still holds it.
/// </summary>
internal sealed class RespRequest : IValueTaskSource<RespReply>
{
    private ManualResetValueTaskSourceCore<RespReply> _core = new() { RunContinuationsAsynchronously = true };
    private CancellationTokenRegistration _cancellation;
    private CommandBuffer _command;
    private int _done;
    private bool _reusable;

    public ReadOnlySpan<byte> Command => _command.Written;

    /// <summary>Sees error replies before the caller does; null: the caller sees them as they are.</summary>
    public RespClient? Client { get; private set; }

    public RespScript? Script { get; private set; }

    /// <summary>The hash slot of the first key, or −1.</summary>
    public int Slot { get; private set; }

    public int Redirections { get; set; }

    /// <summary>Time stamp of the first send, 0 before it.</summary>
    public long FirstSentAt { get; set; }

    /// <summary>Time stamp of the last send.</summary>
    public long SentAt { get; set; }

    /// <summary>The connection's count of bytes at the end of this command.</summary>
    public long EndOffset { get; set; }

    public bool IsDone => Volatile.Read(ref _done) != 0;

    public ValueTask<RespReply> Task => new(this, _core.Version);

    public void Encode(RespClient? client, ReadOnlySpan<RespArg> words)
    {
        Client = client;
        Slot = -1;
        var key = client is { IsCluster: true } ? CommandKeys.FirstKey(words) : -1;
        _command.WriteHeader((byte)'*', words.Length);
        for (var i = 0; i < words.Length; i++)
        {
            var (start, length) = _command.Write(words[i]);
            if (i == key)
                Slot = HashSlot.Of(_command.Slice(start, length));
        }
    }

    public void Encode(RespClient client, RespScript script, ReadOnlySpan<RespArg> keys, ReadOnlySpan<RespArg> args)
    {
        Client = client;
        Script = script;
        Slot = -1;
        _command.WriteHeader((byte)'*', 3 + keys.Length + args.Length);
        _command.WriteRaw(script.Call);
        _command.Write(keys.Length);
        for (var i = 0; i < keys.Length; i++)
        {
            var (start, length) = _command.Write(keys[i]);
            if (i == 0 && client.IsCluster)
                Slot = HashSlot.Of(_command.Slice(start, length));
        }
        for (var i = 0; i < args.Length; i++)
            _command.Write(args[i]);
    }

    public void Encode(RespClient client, RespScript script, RespWords keys, ReadOnlySpan<RespArg> args, RespWords? more, bool inline)
    {
        _core.RunContinuationsAsynchronously = !inline;
        Client = client;
        Script = script;
        Slot = client.IsCluster ? keys.FirstSlot : -1;
        _command.WriteHeader((byte)'*', 3 + keys.Count + args.Length + (more?.Count ?? 0));
        _command.WriteRaw(script.Call);
        _command.Write(keys.Count);
        _command.WriteRaw(keys.Encoded);
        for (var i = 0; i < args.Length; i++)
            _command.Write(args[i]);
        if (more is not null)
            _command.WriteRaw(more.Encoded);
    }

    /// <summary>Turns EVALSHA into EVAL, which also leaves the script loaded, for a server that does not have it.</summary>
    public void FallBackToSource()
    {
        CommandBuffer eval = default;
        var call = Command[(Command.IndexOf((byte)'\n') + 1)..];
        eval.WriteRaw(Command[..^call.Length]);
        eval.Write("EVAL");
        eval.Write(Script!.Source);
        eval.WriteRaw(call[Script.Call.Length..]);
        _command.Clear();
        _command.WriteRaw(eval.Written);
        eval.Release();
        Script = null;
    }

    /// <summary>A cancelled caller stops waiting; a command already sent may still run.</summary>
    public void CancelOn(CancellationToken cancel)
    {
        if (cancel.CanBeCanceled)
            _cancellation = cancel.UnsafeRegister(static (state, token) => ((RespRequest)state!).End(new OperationCanceledException(token)), this);
    }

    /// <summary>By the owner only.</summary>
    public void Succeed(in RespReply reply)
    {
        if (Interlocked.Exchange(ref _done, 1) != 0)
            return;
        _reusable = true;
        _core.SetResult(reply);
    }

    /// <summary>By the owner only.</summary>
    public void Fail(Exception error)
    {
        if (Interlocked.Exchange(ref _done, 1) != 0)
            return;
        _reusable = true;
        _core.RunContinuationsAsynchronously = true;
        _core.SetException(error);
    }

    /// <summary>By anyone: the owner keeps the request and finds it done.</summary>
    public void End(Exception error)
    {
        if (Interlocked.Exchange(ref _done, 1) != 0)
            return;
        _core.RunContinuationsAsynchronously = true; // whoever ends it may hold a lock
        _core.SetException(error);
    }

    RespReply IValueTaskSource<RespReply>.GetResult(short token)
    {
        try
        {
            return _core.GetResult(token);
        }
        finally
        {
            _cancellation.Dispose(); // waits for a callback that is running, so that none ends the next use
            if (_reusable)
                Recycle();
        }
    }

    ValueTaskSourceStatus IValueTaskSource<RespReply>.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource<RespReply>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);

    private void Recycle()
    {
        var client = Client;
        _cancellation = default;
        _command.Clear();
        Client = null;
        Script = null;
        Redirections = 0;
        FirstSentAt = 0;
        _reusable = false;
        _core.Reset();
        _core.RunContinuationsAsynchronously = true;
        Volatile.Write(ref _done, 0);
        client?.Requests.Return(this);
    }
}
