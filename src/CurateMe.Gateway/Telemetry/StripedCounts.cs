namespace CurateMe.Gateway.Telemetry;

/// <summary>
/// Counts that many threads add to: each thread to a stripe of its own, so that no core waits for another's cache line. Adding allocates nothing.
/// </summary>
sealed class StripedCounts(int counts)
{
    static readonly int Mask = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Clamp(Environment.ProcessorCount, 1, 16)) - 1;

    readonly long[][] stripes = [.. Enumerable.Range(0, Mask + 1).Select(_ => new long[counts])];

    public void Add(int index) => Interlocked.Increment(ref stripes[Environment.CurrentManagedThreadId & Mask][index]);

    /// <summary>The sum of all stripes.</summary>
    public long this[int index]
    {
        get
        {
            var sum = 0L;
            foreach (var stripe in stripes)
            {
                sum += Volatile.Read(ref stripe[index]);
            }
            return sum;
        }
    }
}
