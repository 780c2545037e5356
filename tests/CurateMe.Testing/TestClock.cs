namespace CurateMe.Testing;

/// <summary>
/// A clock that moves when it is told to. The wall and the stopwatch are two: the wall may be set back. Timers run in real time, so that
/// what waits a few milliseconds between tries goes on by itself.
/// </summary>
internal sealed class TestClock(DateTimeOffset now) : TimeProvider
{
    long _utcTicks = now.UtcTicks;
    long _elapsed;

    internal TestClock()
        : this(new DateTimeOffset(2026, 3, 14, 9, 26, 53, TimeSpan.Zero))
    {
    }

    internal DateTimeOffset Now => GetUtcNow();
    internal DateOnly Today => DateOnly.FromDateTime(Now.UtcDateTime);

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => new(Interlocked.Read(ref _utcTicks), TimeSpan.Zero);

    public override long GetTimestamp() => Interlocked.Read(ref _elapsed);

    /// <summary>Time passes.</summary>
    internal void Advance(TimeSpan time)
    {
        Interlocked.Add(ref _utcTicks, time.Ticks);
        Interlocked.Add(ref _elapsed, time.Ticks);
    }

    /// <summary>Somebody sets the wall clock; no time passes.</summary>
    internal void Set(DateTimeOffset wall) => Interlocked.Exchange(ref _utcTicks, wall.UtcTicks);
}
