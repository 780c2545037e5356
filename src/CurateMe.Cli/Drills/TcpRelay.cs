using System.Net;
using System.Net.Sockets;

namespace CurateMe.Cli.Drills;

/// <summary>Stands between the gateway and a server, and makes the server seem dead or slow.</summary>
sealed class TcpRelay : IAsyncDisposable
{
    readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    readonly CancellationTokenSource _stop = new();
    readonly Lock _gate = new();
    readonly HashSet<Socket> _open = [];
    readonly Task _accepting;
    readonly string _host;
    readonly int _serverPort;
    volatile bool _dead;
    volatile int _delayMs;

    public TcpRelay(string host, int port)
    {
        (_host, _serverPort) = (host, port);
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Milliseconds that each answer is held back.</summary>
    public int DelayMs { set => _delayMs = value; }

    /// <summary>Cuts every connection, and new ones as they come.</summary>
    public void Kill()
    {
        _dead = true;
        lock (_gate)
        {
            foreach (var socket in _open)
            {
                socket.Close(0);
            }
            _open.Clear();
        }
    }

    public void Revive() => _dead = false;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        Kill();
        await _accepting;
        _stop.Dispose();
    }

    async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                _ = RelayAsync(await _listener.AcceptSocketAsync(_stop.Token));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // Stopped.
        }
    }

    async Task RelayAsync(Socket client)
    {
        using var server = new Socket(SocketType.Stream, ProtocolType.Tcp);
        using (client)
        {
            lock (_gate)
            {
                if (_dead)
                {
                    return;
                }
                _open.Add(client);
                _open.Add(server);
            }
            try
            {
                await server.ConnectAsync(_host, _serverPort);
                await Task.WhenAny(CopyAsync(client, server, delayed: false), CopyAsync(server, client, delayed: true));
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // Cut.
            }
            finally
            {
                lock (_gate)
                {
                    _open.Remove(client);
                    _open.Remove(server);
                }
            }
        }
    }

    async Task CopyAsync(Socket from, Socket to, bool delayed)
    {
        var buffer = new byte[1 << 16];
        try
        {
            while (await from.ReceiveAsync(buffer) is > 0 and var count)
            {
                if (delayed && _delayMs > 0)
                {
                    await Task.Delay(_delayMs);
                }
                for (var sent = 0; sent < count;)
                {
                    sent += await to.SendAsync(buffer.AsMemory(sent, count - sent));
                }
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Cut.
        }
    }
}
