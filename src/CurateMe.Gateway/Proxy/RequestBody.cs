using System.Buffers;
using System.IO.Pipelines;

namespace CurateMe.Gateway.Proxy;

/// <summary>The client's connection ended before its request did.</summary>
sealed class RequestCutOffException(Exception cause) : IOException("The connection ended before the request did.", cause);

/// <summary>A request's body in one piece of pooled memory. Dispose gives it back.</summary>
sealed class RequestBody : IDisposable
{
    byte[]? rented;
    int length;

    RequestBody(byte[] rented, int length)
    {
        this.rented = rented;
        this.length = length;
    }

    public ReadOnlySpan<byte> Span => Memory.Span;
    public ReadOnlyMemory<byte> Memory => rented.AsMemory(0, length);

    /// <summary>Reads all of it, up to the limit.</summary>
    /// <exception cref="RefusedException">It is longer than the limit.</exception>
    /// <exception cref="BadHttpRequestException">It is no HTTP.</exception>
    /// <exception cref="RequestCutOffException">The connection ended before it did.</exception>
    public static async ValueTask<RequestBody> ReadAsync(HttpRequest request, int limit, CancellationToken ct)
    {
        try
        {
            return await ReadAllAsync(request, limit, ct);
        }
        catch (Exception e) when (e is IOException and not BadHttpRequestException or InvalidOperationException)
        {
            // A reset may be seen here before the request is known to be aborted, and the reader may be shut already.
            throw new RequestCutOffException(e);
        }
    }

    static async ValueTask<RequestBody> ReadAllAsync(HttpRequest request, int limit, CancellationToken ct)
    {
        if (request.ContentLength > limit)
        {
            throw TooLarge(limit);
        }
        var pipe = request.BodyReader;
        while (true)
        {
            var read = await pipe.ReadAsync(ct);
            if (read.Buffer.Length > limit)
            {
                pipe.AdvanceTo(read.Buffer.End);
                throw TooLarge(limit);
            }
            if (read.IsCompleted)
            {
                return Take(pipe, read.Buffer);
            }
            pipe.AdvanceTo(read.Buffer.Start, read.Buffer.End);
        }
    }

    public void Dispose()
    {
        if (rented is not null)
        {
            ArrayPool<byte>.Shared.Return(rented);
            rented = null;
            length = 0;
        }
    }

    static RequestBody Take(PipeReader pipe, ReadOnlySequence<byte> buffer)
    {
        var rented = ArrayPool<byte>.Shared.Rent((int)Math.Max(1, buffer.Length));
        buffer.CopyTo(rented);
        var body = new RequestBody(rented, (int)buffer.Length);
        pipe.AdvanceTo(buffer.End);
        return body;
    }

    static RefusedException TooLarge(int limit) =>
        new(ErrorCode.BodyTooLarge, $"The body is larger than {limit} bytes.", "Send less at once, e.g. refer to pictures by address, or ask for a higher max_request_bytes.");
}
