using System.Net.Sockets;
using System.Text;

namespace CurateMe.Gateway.Tests.Acceptance;

/// <summary>A client that is a socket: sends what it likes, reads what it likes, leaves when it likes.</summary>
sealed class RawClient : IDisposable
{
    readonly Socket socket = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };

    /// <param name="receiveBuffer">What the system takes before it is read, in bytes, about; 0 as much as it likes.</param>
    public static async Task<RawClient> ConnectAsync(Uri address, int receiveBuffer = 0)
    {
        var client = new RawClient();
        if (receiveBuffer > 0)
        {
            client.socket.ReceiveBufferSize = receiveBuffer;
        }
        await client.socket.ConnectAsync(address.Host, address.Port);
        return client;
    }

    public static string Request(string key, string body, string? sim = null, string version = "1.1", string path = Chat.Path) =>
        $"POST {path} HTTP/{version}\r\nHost: gateway\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n{(sim is null ? "" : $"X-Sim: {sim}\r\n")}Content-Length: {Encoding.UTF8.GetByteCount(body)}\r\n\r\n{body}";

    public Task SendAsync(string text) => SendAsync(Encoding.UTF8.GetBytes(text));

    public async Task SendAsync(ReadOnlyMemory<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            bytes = bytes[await socket.SendAsync(bytes)..];
        }
    }

    /// <summary>Reads until there are so many bytes, or the other side has ended.</summary>
    public async Task<string> ReadAsync(int atLeast = int.MaxValue)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        var text = new StringBuilder();
        var buffer = new byte[16 << 10];
        while (text.Length < atLeast)
        {
            var read = await socket.ReceiveAsync(buffer.AsMemory(0, Math.Min(buffer.Length, atLeast - text.Length)), limit.Token);
            if (read == 0)
            {
                break;
            }
            text.Append(Encoding.Latin1.GetString(buffer, 0, read));
        }
        return text.ToString();
    }

    /// <summary>Reads until the text stands there.</summary>
    public async Task<string> ReadUntilAsync(string end)
    {
        var text = "";
        while (!text.EndsWith(end, StringComparison.Ordinal))
        {
            var more = await ReadAsync(1);
            if (more.Length == 0)
            {
                throw new IOException("ended before: " + text);
            }
            text += more;
        }
        return text;
    }

    /// <summary>Reads until the other side ends, or breaks off.</summary>
    public async Task<string> ReadToBreakAsync()
    {
        var text = new StringBuilder();
        try
        {
            for (string more; (more = await ReadAsync(1)).Length > 0;)
            {
                text.Append(more);
            }
        }
        catch (SocketException)
        {
            // Broken off: what came before counts.
        }
        return text.ToString();
    }

    /// <summary>Leaves at once, without a good-bye.</summary>
    public void Reset()
    {
        socket.LingerState = new LingerOption(true, 0);
        socket.Dispose();
    }

    /// <summary>Says that no more is coming.</summary>
    public void FinishSending() => socket.Shutdown(SocketShutdown.Send);

    public void Dispose() => socket.Dispose();
}
