using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace CurateMe.Resp.Tests.Connections;

/// <summary>A server that does to each connection what its script says: the faults that a real one cannot be asked for.</summary>
internal sealed class ScriptedServer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Func<ScriptedPeer, int, Task> _script;
    private readonly ConcurrentBag<ScriptedPeer> _peers = [];
    private readonly Task _accepting;
    private int _connections;

    /// <param name="script">Given the peer and the number of the connection, from 0; the connection is closed when it returns.</param>
    public ScriptedServer(Func<ScriptedPeer, int, Task> script)
    {
        _script = script;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    /// <summary>A peer that greets and then runs <paramref name="script"/>.</summary>
    public static ScriptedServer Greeting(Func<ScriptedPeer, int, Task> script) => new(async (peer, number) =>
    {
        await peer.GreetAsync();
        await script(peer, number);
    });

    public int Connections => Volatile.Read(ref _connections);

    public RespOptions Options => new()
    {
        Addresses = [new("127.0.0.1", ((IPEndPoint)_listener.LocalEndpoint).Port)],
        ReconnectDelay = TimeSpan.FromMilliseconds(5),
        CommandTimeout = TimeSpan.FromSeconds(30),
        StallTimeout = TimeSpan.FromSeconds(60),
    };

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        foreach (var peer in _peers)
            peer.Dispose();
        await _accepting;
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var peer = new ScriptedPeer(await _listener.AcceptSocketAsync());
                _peers.Add(peer);
                _ = RunAsync(peer, Interlocked.Increment(ref _connections) - 1);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or InvalidOperationException)
        {
            // stopped, while it waited or between two connections
        }
    }

    private async Task RunAsync(ScriptedPeer peer, int number)
    {
        try
        {
            await _script(peer, number);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or EndOfStreamException)
        {
            // the client left first
        }
        peer.Dispose();
    }
}

internal sealed class ScriptedPeer(Socket socket) : IDisposable
{
    private readonly NetworkStream _stream = new(socket, ownsSocket: true);
    private readonly ReplyReader _commands = new(RespLimits.Default);

    /// <summary>A command has the form of an array reply.</summary>
    public async Task<string[]> ReceiveAsync()
    {
        RespReply command;
        while (!_commands.TryRead(out command))
        {
            var received = await _stream.ReadAsync(_commands.Free);
            if (received == 0)
                throw new EndOfStreamException();
            _commands.Received(received);
        }
        return [.. command.AsArray().ToArray().Select(static word => word.AsString()!)];
    }

    public async Task SendAsync(string text) => await _stream.WriteAsync(Encoding.UTF8.GetBytes(text));

    public async Task GreetAsync()
    {
        await ReceiveAsync();
        await SendAsync("%1\r\n$5\r\nproto\r\n:3\r\n");
    }

    /// <summary>Reads and says nothing until the client leaves.</summary>
    public async Task HearOutAsync()
    {
        while (true)
            await ReceiveAsync();
    }

    /// <summary>Ends with a reset instead of a FIN.</summary>
    public void Reset()
    {
        socket.LingerState = new LingerOption(true, 0);
        _stream.Dispose();
    }

    public void Dispose() => _stream.Dispose();
}
