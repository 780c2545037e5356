using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace CurateMe.Gateway.Proxy;

/// <summary>
/// The client's side of a stream: pieces go out as they are flushed, and figures that are known only at the end go out as trailers.
/// Kestrel sends no trailers over HTTP/1.1, so there the chunks are framed here. Writes to a client that left go nowhere, and one that takes
/// nothing for too long is made to leave: what the server itself allows for that grows with all that was sent before, to hours.
/// </summary>
sealed class ClientStream
{
    /// <summary>Bytes around a chunk, at most: its length in hexadecimal digits and two line ends.</summary>
    const int FrameBytes = 12;

    /// <summary>Larger chunks would not fit the pooled blocks that the server writes to.</summary>
    const int MaxAtOnce = 2048;

    readonly Exchange exchange;
    readonly PipeWriter pipe;
    readonly TimeSpan patience;
    readonly CancellationToken deadline;
    readonly bool chunked;
    bool left;

    /// <summary>Call it before the answer begins, with its headers set.</summary>
    /// <param name="patience">Longest wait for the client to take what was sent.</param>
    /// <param name="deadline">From then on there is no wait for the client.</param>
    public ClientStream(Exchange exchange, TimeSpan patience, CancellationToken deadline)
    {
        this.exchange = exchange;
        this.patience = patience;
        this.deadline = deadline;
        var response = exchange.Http.Response;
        pipe = response.BodyWriter;
        Copy = exchange.Claim?.NewCopy();
        chunked = HttpProtocol.IsHttp11(exchange.Http.Request.Protocol);
        if (Left)
        {
            return;
        }
        if (chunked)
        {
            response.Headers.TransferEncoding = "chunked";
            response.Headers.Trailer = Exchange.TrailerNames;
        }
        else
        {
            exchange.DeclareTrailers();
        }
    }

    /// <summary>All that was written, also after the client left; null where nobody may ask for it again.</summary>
    public Idempotency.StreamCopy? Copy { get; }

    public bool Left => left |= exchange.ClientLeft;

    /// <summary>Cancelled when the connection is gone.</summary>
    public CancellationToken Leaving => exchange.Aborted;

    public void Write(ReadOnlySpan<byte> bytes)
    {
        Copy?.Write(bytes);
        if (bytes.IsEmpty || Left)
        {
            return;
        }
        if (!chunked)
        {
            pipe.Write(bytes);
            return;
        }
        var small = bytes.Length <= MaxAtOnce;
        var room = pipe.GetSpan(small ? bytes.Length + FrameBytes : FrameBytes);
        bytes.Length.TryFormat(room, out var used, "x", CultureInfo.InvariantCulture);
        "\r\n"u8.CopyTo(room[used..]);
        used += 2;
        if (small)
        {
            // The server locks at each of its calls: a chunk that fits is written by one.
            bytes.CopyTo(room[used..]);
            used += bytes.Length;
            "\r\n"u8.CopyTo(room[used..]);
            pipe.Advance(used + 2);
            return;
        }
        pipe.Advance(used);
        pipe.Write(bytes);
        pipe.Write("\r\n"u8);
    }

    /// <summary>Sends what was written; from then on a client that is gone is known to be.</summary>
    public ValueTask FlushAsync()
    {
        if (Left)
        {
            return default;
        }
        ValueTask<FlushResult> flush;
        try
        {
            flush = pipe.FlushAsync(exchange.Aborted);
        }
        catch (Exception e) when (MeansLeft(e))
        {
            left = true;
            return default;
        }
        // Nearly always the bytes are with the kernel by now.
        if (flush.IsCompletedSuccessfully)
        {
            Flushed(flush.Result);
            return default;
        }
        return WaitAsync(flush);
    }

    async ValueTask WaitAsync(ValueTask<FlushResult> flush)
    {
        using var waited = CancellationTokenSource.CreateLinkedTokenSource(deadline);
        waited.CancelAfter(patience);
        // Ends the flush, too.
        using var end = waited.Token.UnsafeRegister(static http => ((HttpContext)http!).Abort(), exchange.Http);
        try
        {
            Flushed(await flush);
        }
        catch (Exception e) when (MeansLeft(e))
        {
            left = true;
        }
    }

    void Flushed(FlushResult flushed) => left = flushed.IsCompleted || flushed.IsCanceled;

    static bool MeansLeft(Exception e) => e is OperationCanceledException or IOException or InvalidOperationException;

    /// <summary>Ends the stream so that the client sees that it is not whole, once it has all that came.</summary>
    public void BreakOff()
    {
        if (chunked && !Left && exchange.Http.Features.Get<IConnectionLifetimeNotificationFeature>() is { } connection)
        {
            // The connection closes in good order after what was written, without the last chunk. Aborting would throw away what is on its way.
            connection.RequestClose();
        }
        else
        {
            exchange.Http.Abort();
        }
    }

    /// <summary>Ends the stream with its trailers.</summary>
    public async ValueTask EndAsync()
    {
        if (Left)
        {
            return;
        }
        if (!chunked)
        {
            exchange.AppendTrailers();
            await exchange.Http.Response.CompleteAsync();
            return;
        }
        var text = new StringBuilder("0\r\n");
        foreach (var (name, value) in exchange.Trailers())
        {
            text.Append(name).Append(": ").Append(value).Append("\r\n");
        }
        pipe.Write(Encoding.ASCII.GetBytes(text.Append("\r\n").ToString()));
        await FlushAsync();
    }
}
