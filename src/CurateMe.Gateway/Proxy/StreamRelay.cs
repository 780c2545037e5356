using System.Buffers;

namespace CurateMe.Gateway.Proxy;

/// <summary>How the passing of a stream ended.</summary>
/// <param name="Complete">The provider ended it; else it broke off, fell silent, or was given up.</param>
/// <param name="GivenUp">The gateway stopped listening: the provider may bill more than was seen.</param>
readonly record struct StreamEnd(bool Complete, bool GivenUp, long FirstByte);

/// <summary>
/// Passes a stream on as it comes, with the meter looking on: what was read goes out before anything is waited for, and reads that need no waiting
/// go out together. When the client leaves, the provider is listened to further, within a limit, because it goes on billing.
/// </summary>
sealed class StreamRelay(ForwardOptions options, TimeProvider time)
{
    const int ReadBytes = 16 << 10;

    /// <summary>A provider that never lets us wait must not keep the client waiting.</summary>
    const int MaxUnsentBytes = 64 << 10;

    public async Task<StreamEnd> PassAsync(ClientStream client, HttpResponseMessage answer, UsageMeter meter, StreamForm form, CancellationTokenSource deadline)
    {
        var splitter = StreamSplitter.Of(form, meter, options.MaxEventBytes);
        var buffer = ArrayPool<byte>.Shared.Rent(ReadBytes);
        var used = 0;
        var unsent = 0;
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
                var reading = upstream.ReadAsync(buffer.AsMemory(used), watch.Token);
                if (unsent > 0 && (!reading.IsCompleted || unsent >= MaxUnsentBytes))
                {
                    unsent = 0;
                    var sending = client.FlushAsync();
                    if (!sending.IsCompletedSuccessfully)
                    {
                        watch.WaitsForClient();
                        await sending;
                        watch.Heard();
                    }
                }
                var read = await reading;
                watch.Heard();
                if (read == 0)
                {
                    splitter.Finish(buffer.AsSpan(0, used), client);
                    await client.FlushAsync();
                    return new StreamEnd(Complete: true, GivenUp: false, firstByte);
                }
                firstByte = firstByte == 0 ? time.GetTimestamp() : firstByte;
                used += read;
                unsent += read;
                var done = splitter.Pass(buffer.AsSpan(0, used), client);
                used -= done;
                buffer.AsSpan(done, used).CopyTo(buffer);
            }
        }
        catch (OperationCanceledException)
        {
            await client.FlushAsync();
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
