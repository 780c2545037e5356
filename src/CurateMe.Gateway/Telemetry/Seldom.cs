namespace CurateMe.Gateway.Telemetry;

/// <summary>Lets one through in a while and counts those between: for lines that every request of a flood would write to the log.</summary>
sealed class Seldom(TimeProvider time, TimeSpan every)
{
    long passed = long.MinValue;
    long between;

    /// <param name="since">How many were kept back since the last one.</param>
    public bool Pass(out long since)
    {
        since = 0;
        var last = Volatile.Read(ref passed);
        var now = time.GetTimestamp();
        if ((last != long.MinValue && time.GetElapsedTime(last, now) < every) || Interlocked.CompareExchange(ref passed, now, last) != last)
        {
            Interlocked.Increment(ref between);
            return false;
        }
        since = Interlocked.Exchange(ref between, 0);
        return true;
    }
}
