using System.Runtime.CompilerServices;

namespace CurateMe.Ledger.Pricing;

/// <summary>What one request used, by unit. A value of its own: copying it copies the counts.</summary>
public struct UsageCounts : IEquatable<UsageCounts>
{
    /// <summary>The largest count: 2⁵³ − 1, which every JSON reader keeps exact. Sums of counts and prices cannot overflow below it.</summary>
    public const long MaxCount = (1L << 53) - 1;

    Counts _counts;

    /// <exception cref="ArgumentOutOfRangeException">The value set is negative or above <see cref="MaxCount"/>.</exception>
    public long this[BilledUnit unit]
    {
        readonly get => _counts[(int)unit];
        set
        {
            if ((ulong)value > MaxCount) Refuse(unit, value);
            _counts[(int)unit] = value;
        }
    }

    /// <summary>Whether a count may be stored: not negative, not above <see cref="MaxCount"/>.</summary>
    public static bool IsValid(long count) => (ulong)count <= MaxCount;

    /// <summary>Everything that was read: text, cached, cache-written, audio and image tokens.</summary>
    public readonly long PromptTokens =>
        _counts[0] + _counts[1] + _counts[2] + _counts[3] + _counts[6] + _counts[7] + _counts[9] + _counts[10];

    /// <summary>Everything that was written: text, reasoning, audio and image tokens.</summary>
    public readonly long CompletionTokens => _counts[4] + _counts[5] + _counts[8] + _counts[11];

    public readonly bool IsZero => !AsSpan(in this).ContainsAnyExcept(0L);

    public readonly bool Equals(UsageCounts other) => AsSpan(in this).SequenceEqual(AsSpan(in other));
    public override readonly bool Equals(object? obj) => obj is UsageCounts other && Equals(other);

    public override readonly int GetHashCode()
    {
        var hash = new HashCode();
        foreach (var count in AsSpan(in this)) hash.Add(count);
        return hash.ToHashCode();
    }

    public static bool operator ==(UsageCounts left, UsageCounts right) => left.Equals(right);
    public static bool operator !=(UsageCounts left, UsageCounts right) => !left.Equals(right);

    /// <summary>The counts that are not zero, for messages.</summary>
    public override readonly string ToString()
    {
        var counts = this;
        return string.Join(", ", Enum.GetValues<BilledUnit>().Where(unit => counts[unit] != 0).Select(unit => $"{counts[unit]} {unit.Name()}"));
    }

    internal static ReadOnlySpan<long> AsSpan(in UsageCounts usage) => usage._counts;

    static void Refuse(BilledUnit unit, long value) =>
        throw new ArgumentOutOfRangeException(nameof(value), value, $"A count of {unit.Name()} is between 0 and {MaxCount}");

    [InlineArray(BilledUnits.Count)]
    struct Counts
    {
        long _first;
    }
}
