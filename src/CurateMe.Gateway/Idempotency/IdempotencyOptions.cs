using CurateMe.Ledger.Entries;

namespace CurateMe.Gateway.Idempotency;

/// <summary>Limits of idempotency keys: <c>Idempotency__NAME</c> in the configuration.</summary>
sealed class IdempotencyOptions
{
    /// <summary>How long a key is remembered.</summary>
    public TimeSpan TimeToLive { get; set; } = TimeSpan.FromHours(24);

    /// <summary>Largest answer that is kept, in bytes; of a larger one only that it was given.</summary>
    public int MaxAnswerBytes { get; set; } = 1 << 20;

    /// <summary>Keys that one org may use in a UTC day.</summary>
    public int MaxKeysPerDay { get; set; } = 1_000_000;

    /// <summary>Bytes of answers kept for one org in a UTC day; beyond it only that they were given.</summary>
    public long MaxBytesPerDay { get; set; } = 256L << 20;

    public EntryQuota Quota => new(MaxKeysPerDay, MaxBytesPerDay);
}
