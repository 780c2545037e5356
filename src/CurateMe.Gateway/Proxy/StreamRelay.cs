using System.Buffers;

namespace CurateMe.Gateway.Proxy;

/// <summary>How the passing of a stream ended.</summary>
/// <param name="Complete">The provider ended it; else it broke off, fell silent, or was given up.</param>
/// <param name="GivenUp">The gateway stopped listening: the provider may bill more than was seen.</param>
readonly record struct StreamEnd(bool Complete, bool GivenUp, long FirstByte);

/// <summary>
/// Passes a stream on as it comes, each read written and flushed at once, with the meter looking on. When the client leaves, the provider is
/// listened to further, within a limit, because it goes on billing.
/// </summary>
sealed class StreamRelay(ForwardOptions options, TimeProvider time)
{
    const int ReadBytes = 16 << 10;

    public async Task<StreamEnd> PassAsync(ClientStream client, HttpResponseMessage answer, UsageMeter meter, StreamForm form, CancellationTokenSource deadline)
    {
        var splitter = StreamSplitter.Of(form, meter, options.MaxEventBytes);
        var buffer = ArrayPool<byte>.Shared.Rent(ReadBytes);
        var used = 0;
        var firstByte = 0L;
        using var watch = new StreamWatch(client, options, time, deadline.Token);
        try
        {
            await using var upstream = await answer.Content.ReadAsStreamAsync(deadline.Token);
            while (true)
            {
                if (used == buffer.Length)
                {
                    buffer = Grow(buffer, used);
                }
                var read = await upstream.ReadAsync(buffer.AsMemory(used), watch.Token);
                watch.Heard();
                if (read == 0)
                {
                    splitter.Finish(buffer.AsSpan(0, used), client);
                    await client.FlushAsync();
                    return new StreamEnd(Complete: true, GivenUp: false, firstByte);
                }
                firstByte = firstByte == 0 ? time.GetTimestamp() : firstByte;
                used += read;
                var done = splitter.Pass(buffer.AsSpan(0, used), client);
                used -= done;
                buffer.AsSpan(done, used).CopyTo(buffer);
                await client.FlushAsync();
            }
        }
        catch (OperationCanceledException)
        {
            return new StreamEnd(Complete: false, GivenUp: true, firstByte);
        }
        catch (Exception e) when (e is IOException or HttpRequestException)
        {
            splitter.Finish(buffer.AsSpan(0, used), client);
            await client.FlushAsync();
            return new StreamEnd(Complete: false, GivenUp: false, firstByte);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    static byte[] Grow(byte[] buffer, int used)
    {
        var larger = ArrayPool<byte>.Shared.Rent(buffer.Length * 2);
        buffer.AsSpan(0, used).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(buffer);
        return larger;
    }
}
