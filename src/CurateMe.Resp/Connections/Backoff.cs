namespace CurateMe.Resp;

/// <summary>Waits that double up to a maximum, each drawn from the upper half of its range so that clients do not return together.</summary>
internal sealed class Backoff(TimeSpan first, TimeSpan max, Random random)
{
    private int _failures;

    public void Reset() => _failures = 0;

    public TimeSpan Next()
    {
        var full = Math.Min(first.Ticks * Math.Pow(2, Math.Min(_failures++, 30)), max.Ticks);
        return TimeSpan.FromTicks((long)(full * (0.5 + random.NextDouble() / 2)));
    }
}
