using System.Buffers;

namespace CurateMe.Gateway.Proxy;

/// <summary>
/// A provider's whole answer in pooled memory, so that it can be metered and settled before its first byte reaches the client. Dispose gives it back.
/// </summary>
sealed class PlainAnswer : IDisposable
{
    byte[]? rented;

    PlainAnswer(byte[] rented, int length, bool complete)
    {
        this.rented = rented;
        Length = length;
        Complete = complete;
    }

    public int Length { get; }

    /// <summary>False when the provider broke off in the middle, or sent more than the limit.</summary>
    public bool Complete { get; }
    public ReadOnlyMemory<byte> Memory => rented.AsMemory(0, Length);

    /// <summary>Reads the answer, at most <paramref name="limit"/> bytes of it.</summary>
    public static async ValueTask<PlainAnswer> ReadAsync(HttpResponseMessage answer, int limit, CancellationToken ct)
    {
        var known = answer.Content.Headers.ContentLength;
        var buffer = ArrayPool<byte>.Shared.Rent((int)Math.Clamp(known + 1 ?? 4096, 1, limit));
        var used = 0;
        try
        {
            using var upstream = await answer.Content.ReadAsStreamAsync(ct);
            while (used < limit)
            {
                if (used == buffer.Length)
                {
                    var larger = ArrayPool<byte>.Shared.Rent(Math.Min(buffer.Length * 2, limit));
                    buffer.AsSpan(0, used).CopyTo(larger);
                    ArrayPool<byte>.Shared.Return(buffer);
                    buffer = larger;
                }
                var read = await upstream.ReadAsync(buffer.AsMemory(used), ct);
                if (read == 0)
                {
                    return new PlainAnswer(buffer, used, complete: true);
                }
                used += read;
            }
            return new PlainAnswer(buffer, used, complete: false);
        }
        catch (Exception e) when (e is IOException or HttpRequestException)
        {
            return new PlainAnswer(buffer, used, complete: false);
        }
        catch
        {
            ArrayPool<byte>.Shared.Return(buffer);
            throw;
        }
    }

    public void Dispose()
    {
        if (rented is not null)
        {
            ArrayPool<byte>.Shared.Return(rented);
            rented = null;
        }
    }
}
