using System.Net;
using System.Net.Sockets;

namespace CurateMe.Testing.Mongo;

/// <summary>Stands between the driver and the server, and can be to the driver what a server is that died, froze or came back.</summary>
internal sealed class MongoRelay : IAsyncDisposable
{
    readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    readonly CancellationTokenSource _stop = new();
    readonly (string Host, int Port) _server;
    readonly Lock _gate = new();
    readonly HashSet<Socket> _open = [];
    readonly Task _accepting;
    TaskCompletionSource _flowing = Flowing();
    volatile bool _dead;
    volatile bool _swallowReplies;
    long _answered;
    (byte[] Bytes, long Answered)? _awaited;

    internal MongoRelay((string Host, int Port) server)
    {
        _server = server;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    /// <summary>Bytes that the server has answered.</summary>
    internal long Answered => Interlocked.Read(ref _answered);

    /// <summary>Looks out for a request with these bytes; gives what <see cref="Answered"/> was when the first one came, null before.</summary>
    internal Func<long?> AnsweredBefore(ReadOnlySpan<byte> request)
    {
        _awaited = (request.ToArray(), -1);
        return () => _awaited is { Answered: >= 0 and var answered } ? answered : null;
    }

    internal int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Cuts every connection, and new ones as they come.</summary>
    internal void Kill()
    {
        _dead = true;
        Cut();
    }

    internal void Restart() => _dead = false;

    /// <summary>Connections stay open and nothing passes.</summary>
    internal void Freeze() => _flowing = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    internal void Thaw() => _flowing.TrySetResult();

    /// <summary>Requests reach the server, and instead of the next answer the connection breaks: the caller cannot know what happened.</summary>
    internal bool BreakInsteadOfAnswering { set => _swallowReplies = value; }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        Thaw();
        Cut();
        await _accepting;
        _stop.Dispose();
    }

    static TaskCompletionSource Flowing()
    {
        var flowing = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        flowing.SetResult();
        return flowing;
    }

    void Cut()
    {
        lock (_gate)
        {
            foreach (var socket in _open) socket.Close(0);
            _open.Clear();
        }
    }

    async Task AcceptAsync()
    {
        try
        {
            while (true) _ = RelayAsync(await _listener.AcceptSocketAsync(_stop.Token));
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            return; // stopped
        }
    }

    async Task RelayAsync(Socket client)
    {
        using var upstream = new Socket(SocketType.Stream, ProtocolType.Tcp);
        using (client)
        {
            if (_dead) return;
            lock (_gate)
            {
                _open.Add(client);
                _open.Add(upstream);
            }
            try
            {
                await upstream.ConnectAsync(_server.Host, _server.Port);
                await Task.WhenAny(CopyAsync(client, upstream, answers: false), CopyAsync(upstream, client, answers: true));
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                return; // cut
            }
            finally
            {
                lock (_gate)
                {
                    _open.Remove(client);
                    _open.Remove(upstream);
                }
            }
        }
    }

    async Task CopyAsync(Socket from, Socket to, bool answers)
    {
        var buffer = new byte[1 << 16];
        try
        {
            while (await from.ReceiveAsync(buffer) is > 0 and var count)
            {
                await _flowing.Task;
                if (answers) Interlocked.Add(ref _answered, count);
                else if (_awaited is { Answered: < 0, Bytes: var bytes } && buffer.AsSpan(0, count).IndexOf(bytes) >= 0) _awaited = (bytes, Answered);
                if (answers && _swallowReplies)
                {
                    _swallowReplies = false;
                    return;
                }
                for (var sent = 0; sent < count;) sent += await to.SendAsync(buffer.AsMemory(sent, count - sent));
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return; // cut
        }
    }
}
