using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using CurateMe.Gateway.Hosting;
using Xunit;

namespace CurateMe.Gateway.Tests.Acceptance;

/// <summary>A provider that is a socket: keeps what it was sent and answers each request with the next script's bytes, then closes.</summary>
sealed class ScriptedUpstream : IAsyncDisposable
{
    readonly TcpListener listener = new(IPAddress.Loopback, 0);
    readonly Task serving;

    public ScriptedUpstream()
    {
        listener.Start();
        serving = ServeAsync();
    }

    /// <summary>Cuts answers into pieces of random lengths; null sends them in one.</summary>
    public Random? Cut { get; init; }

    /// <summary>Takes one off before each event of an answer that is sent; null waits for nothing.</summary>
    public SemaphoreSlim? Events { get; init; }

    /// <summary>Requests as they came, head and body.</summary>
    public ConcurrentQueue<string> Requests { get; } = new();

    /// <summary>Answers still to give; with none left, the connection is closed at once.</summary>
    public ConcurrentQueue<byte[]> Answers { get; } = new();

    /// <summary>The body of the one request.</summary>
    public string Body => Requests.Single().Split("\r\n\r\n", 2)[1];

    /// <summary>The same settings with this as OpenAI and as DeepSeek.</summary>
    public GatewaySettings Behind(GatewaySettings settings) => settings with
    {
        Providers = [.. settings.Providers.Select(row => row.Name is "openai" or "deepseek" ? row with { BaseUrl = $"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/v1" } : row)],
    };

    /// <param name="length">The length that is told, in bytes; null tells the true one.</param>
    public void Answer(string body, string status = "200 OK", string type = "application/json", string headers = "", int? length = null) =>
        Answers.Enqueue(Encoding.Latin1.GetBytes($"HTTP/1.1 {status}\r\nContent-Type: {type}\r\nContent-Length: {length ?? Encoding.Latin1.GetByteCount(body)}\r\n{headers}Connection: close\r\n\r\n{body}"));

    public async ValueTask DisposeAsync()
    {
        listener.Stop();
        await serving;
        listener.Dispose();
    }

    async Task ServeAsync()
    {
        while (true)
        {
            Socket socket;
            try
            {
                socket = await listener.AcceptSocketAsync();
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                return;
            }
            using (socket)
            {
                await OneAsync(socket);
            }
        }
    }

    async Task OneAsync(Socket socket)
    {
        var text = new StringBuilder();
        var buffer = new byte[64 << 10];
        while (!Complete(text.ToString()))
        {
            var read = await socket.ReceiveAsync(buffer);
            if (read == 0)
            {
                return;
            }
            text.Append(Encoding.Latin1.GetString(buffer, 0, read));
        }
        Requests.Enqueue(text.ToString());
        if (Answers.TryDequeue(out var answer))
        {
            await SendAsync(socket, answer);
            socket.Shutdown(SocketShutdown.Send);
        }
    }

    async Task SendAsync(Socket socket, ReadOnlyMemory<byte> answer)
    {
        socket.NoDelay = true;
        // Small cuts where lines end and letters are split, larger ones to come to an end.
        for (var sent = 0; answer.Length > 0; sent++)
        {
            if (Events is not null)
            {
                await Events.WaitAsync(TestContext.Current.CancellationToken);
            }
            var piece = Events is not null ? answer.Span.IndexOf("\n\n"u8) + 2 : Cut is null ? answer.Length : Math.Min(answer.Length, Cut.Next(1, sent < 300 ? 9 : 50_000));
            await socket.SendAsync(answer[..piece]);
            answer = answer[piece..];
        }
    }

    static bool Complete(string request)
    {
        var head = request.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        if (head < 0)
        {
            return false;
        }
        const string Name = "Content-Length: ";
        var named = request.IndexOf(Name, StringComparison.OrdinalIgnoreCase);
        if (named < 0)
        {
            return true;
        }
        var at = named + Name.Length;
        return request.Length - head - 4 >= int.Parse(request.AsSpan(at, request.IndexOf('\r', at) - at), System.Globalization.CultureInfo.InvariantCulture);
    }
}
