using System.Numerics;

namespace CurateMe.Gateway.Telemetry;

/// <summary>
/// How long governing a request takes, over the last five to ten minutes of this process. Counts in buckets an eighth apart: a percentile is at most
/// 12.5 % above the true one. Counting costs one addition.
/// </summary>
sealed class AddedLatency(TimeProvider time)
{
    /// <summary>What is counted is forgotten after once to twice this.</summary>
    public static readonly TimeSpan Window = TimeSpan.FromMinutes(5);

    const int StepBits = 3;
    const int Buckets = 40 << StepBits;

    readonly Lock _gate = new();
    StripedCounts _now = new(Buckets);
    StripedCounts _before = new(Buckets);
    long _since = time.GetTimestamp();

    public void Add(double seconds)
    {
        Volatile.Read(ref _now).Add(BucketOf(seconds));
        if (time.GetElapsedTime(Volatile.Read(ref _since)) >= Window)
        {
            Turn();
        }
    }

    /// <summary>Milliseconds that this share of requests did not exceed; null when there were none.</summary>
    /// <param name="share">Above 0, at most 1.</param>
    public double? Percentile(double share)
    {
        Turn();
        var (now, before) = (_now, _before);
        var total = 0L;
        for (var i = 0; i < Buckets; i++)
        {
            total += now[i] + before[i];
        }
        var wanted = Math.Max(1, (long)Math.Ceiling(total * share));
        for (var i = 0; total > 0 && i < Buckets; i++)
        {
            wanted -= now[i] + before[i];
            if (wanted <= 0)
            {
                return Math.Round(EndOf(i) / 1000.0, 3);
            }
        }
        return null;
    }

    void Turn()
    {
        lock (_gate)
        {
            var passed = time.GetElapsedTime(_since);
            if (passed >= Window)
            {
                _before = passed >= 2 * Window ? new StripedCounts(Buckets) : _now;
                Volatile.Write(ref _now, new StripedCounts(Buckets));
                Volatile.Write(ref _since, time.GetTimestamp());
            }
        }
    }

    static int BucketOf(double seconds)
    {
        var micros = (ulong)Math.Clamp(seconds * 1_000_000, 1, 1e12);
        var power = BitOperations.Log2(micros);
        var step = power >= StepBits ? micros >> (power - StepBits) & 7 : micros << (StepBits - power) & 7;
        return Math.Min((power << StepBits) + (int)step, Buckets - 1);
    }

    // Microseconds at which the next bucket begins.
    static double EndOf(int bucket) => Math.Pow(2, bucket >> StepBits) * (1 + (((bucket & 7) + 1) / 8.0));
}
