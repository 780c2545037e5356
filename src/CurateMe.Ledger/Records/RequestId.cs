using System.Buffers.Binary;
using System.Text;

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
    public override string ToString() => string.Create(Length, this, static (span, id) =>
    {
        Span<byte> utf8 = stackalloc byte[Length];
        id.Format(utf8);
        Ascii.ToUtf16(utf8, span, out _);
    });

    /// <summary>Writes the written form, <see cref="Length"/> bytes of ASCII.</summary>
    public void Format(Span<byte> utf8)
    {
        // Twelve digits are 60 bits: shifts of 64 bits are several times quicker than those of 128.
        const ulong Sixty = (1UL << 60) - 1;
        "gw_"u8.CopyTo(utf8);
        Digits((ulong)(Value >> 120), utf8[3..5]);
        Digits((ulong)(Value >> 60) & Sixty, utf8[5..17]);
        Digits((ulong)Value & Sixty, utf8[17..29]);
    }

    static void Digits(ulong value, Span<byte> digits)
    {
        for (var i = digits.Length - 1; i >= 0; i--)
        {
            digits[i] = (byte)Alphabet[(int)(value & 31)];
            value >>= 5;
        }
    }

    public static bool operator <(RequestId left, RequestId right) => left.CompareTo(right) < 0;
    public static bool operator >(RequestId left, RequestId right) => left.CompareTo(right) > 0;
    public static bool operator <=(RequestId left, RequestId right) => left.CompareTo(right) <= 0;
    public static bool operator >=(RequestId left, RequestId right) => left.CompareTo(right) >= 0;
}
