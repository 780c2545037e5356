using System.Buffers.Binary;

namespace CurateMe.Ledger.Records;

/// <summary>
/// The name of one request and of its hold: 48 bits of Unix milliseconds, then 80 random bits, so that ids sort by time.
/// Written as <c>gw_</c> and 26 characters of Crockford's base 32.
/// </summary>
public readonly record struct RequestId(UInt128 Value) : IComparable<RequestId>
{
    /// <summary>Characters in the written form, prefix included.</summary>
    public const int Length = 29;

    const string Prefix = "gw_";
    const string Alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

    /// <summary>When it was made, in whole milliseconds.</summary>
    public DateTimeOffset Made => DateTimeOffset.FromUnixTimeMilliseconds((long)(ulong)(Value >> 80));

    /// <summary>A new id at the given instant.</summary>
    public static RequestId New(DateTimeOffset now)
    {
        Span<byte> random = stackalloc byte[10];
        // Unique, not secret: the generator is seeded by the system, and knowing an id opens nothing.
        Random.Shared.NextBytes(random);
        var high = BinaryPrimitives.ReadUInt16BigEndian(random);
        var low = BinaryPrimitives.ReadUInt64BigEndian(random[2..]);
        var milliseconds = (ulong)now.ToUnixTimeMilliseconds() & 0xFFFF_FFFF_FFFF;
        return new RequestId(new UInt128((milliseconds << 16) | high, low));
    }

    /// <summary>Reads the written form; false when it is not one.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out RequestId id)
    {
        id = default;
        // 26 characters have two bits more than an id: one that begins above 7 would be another spelling of a smaller one.
        if (text.Length != Length || !text.StartsWith(Prefix, StringComparison.Ordinal) || text[Prefix.Length] > '7')
        {
            return false;
        }
        var value = UInt128.Zero;
        foreach (var c in text[Prefix.Length..])
        {
            var digit = Alphabet.IndexOf(c, StringComparison.Ordinal);
            if (digit < 0)
            {
                return false;
            }
            value = (value << 5) | (uint)digit;
        }
        id = new RequestId(value);
        return true;
    }

    /// <inheritdoc />
    public int CompareTo(RequestId other) => Value.CompareTo(other.Value);

    /// <inheritdoc />
    public override string ToString() => string.Create(Length, Value, static (span, value) =>
    {
        Prefix.CopyTo(span);
        for (var i = Length - 1; i >= Prefix.Length; i--)
        {
            span[i] = Alphabet[(int)(uint)(value & 31)];
            value >>= 5;
        }
    });

    /// <summary>Writes the written form, <see cref="Length"/> bytes of ASCII.</summary>
    public void Format(Span<byte> utf8)
    {
        "gw_"u8.CopyTo(utf8);
        var value = Value;
        for (var i = Length - 1; i >= Prefix.Length; i--)
        {
            utf8[i] = (byte)Alphabet[(int)(uint)(value & 31)];
            value >>= 5;
        }
    }

    public static bool operator <(RequestId left, RequestId right) => left.CompareTo(right) < 0;
    public static bool operator >(RequestId left, RequestId right) => left.CompareTo(right) > 0;
    public static bool operator <=(RequestId left, RequestId right) => left.CompareTo(right) <= 0;
    public static bool operator >=(RequestId left, RequestId right) => left.CompareTo(right) >= 0;
}
