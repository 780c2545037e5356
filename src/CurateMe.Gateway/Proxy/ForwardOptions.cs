namespace CurateMe.Gateway.Proxy;

/// <summary>Limits of forwarding: <c>Forward__NAME</c> in the configuration.</summary>
sealed class ForwardOptions
{
    /// <summary>Largest request body, in bytes.</summary>
    public int MaxBodyBytes { get; set; } = 10 << 20;

    /// <summary>Longest wait for a connection to a provider.</summary>
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Longest a call may last, from admission to its last byte, draining included.</summary>
    public TimeSpan TotalTimeout { get; set; } = TimeSpan.FromMinutes(15);

    /// <summary>Longest silence within a stream.</summary>
    public TimeSpan StreamIdleTimeout { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>Longest a provider is still listened to after the client left, to learn what it bills.</summary>
    public TimeSpan DrainTimeout { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>Longest a stream waits for its client to take what was sent; one that takes nothing for so long counts as having left.</summary>
    public TimeSpan ClientStallTimeout { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>Tries after a first one that cannot have been billed.</summary>
    public int Retries { get; set; } = 2;

    /// <summary>Wait before the first retry; each further one waits twice as long.</summary>
    public TimeSpan RetryDelay { get; set; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Calls within <see cref="BreakerWindow"/> that must have been made before their failures count.</summary>
    public int BreakerCalls { get; set; } = 20;

    /// <summary>Time over which a provider's failures are counted; when half of the calls fail it is left alone.</summary>
    public TimeSpan BreakerWindow { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a failing provider is left alone before it is tried again.</summary>
    public TimeSpan BreakerPause { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>Largest single event of a stream, in bytes; a larger one passes unread, and what it told is estimated unless a later one tells it.</summary>
    public int MaxEventBytes { get; set; } = 4 << 20;

    /// <summary>Whether what was learnt of a model makes the bound of its text tighter than one token a byte.</summary>
    public bool TightenInput { get; set; } = true;

    /// <summary>A hold lives longer than any call, so that no live call's hold expires.</summary>
    public TimeSpan HoldTimeToLive => TotalTimeout + TimeSpan.FromMinutes(1);
}
