namespace CurateMe.Ledger.Money;

/// <summary>
/// An exact sum of prices in pico-dollars (10⁻¹² USD), 128 bits wide and checked. It lives from the first priced unit of a request to its total;
/// <see cref="CeilToNano"/> then makes the amount that is held or charged.
/// </summary>
public readonly record struct PicoUsd(Int128 Value) : IComparable<PicoUsd>
{
    public const long PerNano = 1_000;

    public static PicoUsd Zero => default;

    /// <summary>What so many units cost.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A count or a price is negative.</exception>
    public static PicoUsd Of(long units, long picoPerUnit)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(units);
        ArgumentOutOfRangeException.ThrowIfNegative(picoPerUnit);
        return new PicoUsd((Int128)Math.BigMul((ulong)units, (ulong)picoPerUnit));
    }

    public static PicoUsd operator +(PicoUsd left, PicoUsd right) => new(checked(left.Value + right.Value));
    public static bool operator <(PicoUsd left, PicoUsd right) => left.Value < right.Value;
    public static bool operator >(PicoUsd left, PicoUsd right) => left.Value > right.Value;
    public static bool operator <=(PicoUsd left, PicoUsd right) => left.Value <= right.Value;
    public static bool operator >=(PicoUsd left, PicoUsd right) => left.Value >= right.Value;

    public int CompareTo(PicoUsd other) => Value.CompareTo(other.Value);

    /// <summary>The amount in nano-dollars, rounded up. The only rounding of money there is, made once per request (I7).</summary>
    /// <exception cref="OverflowException">The amount is above the largest <see cref="NanoUsd"/>.</exception>
    public NanoUsd CeilToNano()
    {
        var nano = Value / PerNano;
        if (nano * PerNano < Value) nano++;
        if (nano > long.MaxValue || nano < long.MinValue)
            throw new OverflowException("The cost of this request is above 9223372036.854775807 dollars; no amount of money here is larger.");
        return new NanoUsd((long)nano);
    }

    /// <summary>Pico-dollars, for messages.</summary>
    public override string ToString() => $"{Value} pUSD";
}
