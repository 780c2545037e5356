using System.Diagnostics;
using System.Numerics;

namespace CurateMe.Gateway.Telemetry;

/// <summary>Where a request's time goes, in the order of its life.</summary>
enum Stage
{
    /// <summary>The key is found and may be used.</summary>
    Auth,

    /// <summary>The body has arrived and is understood.</summary>
    Read,

    /// <summary>Model, price and the most it can cost.</summary>
    Quote,

    /// <summary>Session and human approval.</summary>
    Govern,

    /// <summary>Money set aside at every node, and in the journal.</summary>
    Hold,

    /// <summary>The provider, until its answer has passed.</summary>
    Upstream,

    /// <summary>Journal and counters, before the answer ends.</summary>
    Settle,
}

/// <param name="Stage">Name of the stage.</param>
/// <param name="Count">Requests that passed it in the window.</param>
sealed record StageFigures(string Stage, long Count, double P50Ms, double P95Ms, double P99Ms, double MaxMs);

/// <summary>
/// Times of each stage in histograms of a fixed size: eight steps to each doubling, from a microsecond to half an hour, so a figure is at most an eighth too high.
/// Writing allocates nothing and takes one interlocked addition. Figures are of the last five to ten minutes.
/// </summary>
sealed class StageTimes
{
    /// <summary>How often <see cref="Turn"/> is to be called.</summary>
    public static readonly TimeSpan TurnEvery = TimeSpan.FromMinutes(5);

    public const int Stages = 7;

    const int StepsPerDoubling = 8;
    const int Buckets = 31 * StepsPerDoubling;

    static readonly string[] Names = [.. Enum.GetNames<Stage>().Select(static n => n.ToLowerInvariant())];

    StripedCounts current = new(Stages * Buckets);
    StripedCounts previous = new(Stages * Buckets);

    /// <param name="ticks">Of <see cref="Stopwatch"/>.</param>
    public void Record(Stage stage, long ticks) => Volatile.Read(ref current).Add(((int)stage * Buckets) + BucketOf(ticks));

    /// <summary>Forgets what is older than one turn.</summary>
    public void Turn()
    {
        previous = current;
        Volatile.Write(ref current, new StripedCounts(Stages * Buckets));
    }

    /// <summary>Every stage, in order.</summary>
    public IReadOnlyList<StageFigures> Figures()
    {
        var counts = new long[Buckets];
        var figures = new StageFigures[Stages];
        for (var stage = 0; stage < Stages; stage++)
        {
            var total = 0L;
            for (var i = 0; i < Buckets; i++)
            {
                total += counts[i] = current[(stage * Buckets) + i] + previous[(stage * Buckets) + i];
            }
            figures[stage] = new StageFigures(Names[stage], total, At(counts, total, 50), At(counts, total, 95), At(counts, total, 99), At(counts, total, 100));
        }
        return figures;
    }

    // The upper edge of the bucket in which the percentile lies.
    static double At(long[] counts, long total, int percent)
    {
        if (total == 0)
        {
            return 0;
        }
        var wanted = Math.Max(1, (long)Math.Ceiling(total * percent / 100.0));
        for (var i = 0; i < counts.Length; i++)
        {
            wanted -= counts[i];
            if (wanted <= 0)
            {
                return UpperMicroseconds(i) / 1000.0;
            }
        }
        return UpperMicroseconds(counts.Length - 1) / 1000.0;
    }

    static int BucketOf(long ticks)
    {
        var microseconds = (ulong)Math.Max(1, ticks * 1_000_000 / Stopwatch.Frequency);
        var doubling = BitOperations.Log2(microseconds);
        // The three bits after the leading one; below eight microseconds there are not so many.
        var step = doubling >= 3 ? (int)(microseconds >> (doubling - 3)) & 7 : (int)(microseconds << (3 - doubling)) & 7;
        return Math.Min((doubling * StepsPerDoubling) + step, Buckets - 1);
    }

    static double UpperMicroseconds(int bucket) => Math.Pow(2, bucket / StepsPerDoubling) * (1 + ((bucket % StepsPerDoubling) + 1) / (double)StepsPerDoubling);
}
