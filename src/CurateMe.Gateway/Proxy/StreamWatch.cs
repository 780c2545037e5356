namespace CurateMe.Gateway.Proxy;

/// <summary>
/// Ends a stream whose provider is silent for too long, or whose client left long enough ago. It looks four times in the shorter of both
/// limits, so it acts up to a quarter late and costs nothing for each chunk.
/// </summary>
sealed class StreamWatch : IDisposable
{
    static readonly TimeSpan ShortestLook = TimeSpan.FromMilliseconds(20);
    static readonly TimeSpan LongestLook = TimeSpan.FromSeconds(5);

    readonly ClientStream client;
    readonly ForwardOptions options;
    readonly TimeProvider time;
    readonly CancellationTokenSource source;
    readonly ITimer timer;
    readonly Lock gate = new();
    long heard;
    long leftAt;

    public StreamWatch(ClientStream client, ForwardOptions options, TimeProvider time, CancellationToken deadline)
    {
        this.client = client;
        this.options = options;
        this.time = time;
        heard = time.GetTimestamp();
        source = CancellationTokenSource.CreateLinkedTokenSource(deadline);
        var look = (options.StreamIdleTimeout < options.DrainTimeout ? options.StreamIdleTimeout : options.DrainTimeout) / 4;
        look = look < ShortestLook ? ShortestLook : look > LongestLook ? LongestLook : look;
        timer = time.CreateTimer(static watch => ((StreamWatch)watch!).Look(), this, look, look);
    }

    /// <summary>Cancelled when the stream is to be given up.</summary>
    public CancellationToken Token => source.Token;

    /// <summary>Until the next <see cref="Heard"/> nobody listens to the provider, whose silence means nothing then.</summary>
    public void WaitsForClient() => Volatile.Write(ref heard, long.MaxValue);

    /// <summary>The provider sent something, or is listened to again.</summary>
    public void Heard() => Volatile.Write(ref heard, time.GetTimestamp());

    public void Dispose()
    {
        timer.Dispose();
        lock (gate)
        {
            source.Dispose();
            leftAt = -1;
        }
    }

    void Look()
    {
        lock (gate)
        {
            if (leftAt < 0)
            {
                return;
            }
            leftAt = leftAt == 0 && client.Left ? time.GetTimestamp() : leftAt;
            var drained = leftAt != 0 && time.GetElapsedTime(leftAt) >= options.DrainTimeout;
            if (drained || time.GetElapsedTime(Volatile.Read(ref heard)) >= options.StreamIdleTimeout)
            {
                source.Cancel();
            }
        }
    }
}
