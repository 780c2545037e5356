using System.Buffers;

namespace CurateMe.Ledger.Money;

/// <summary>Decimal text to scaled integers and back, digit by digit: no binary or decimal floating point on the way.</summary>
internal static class DecimalText
{
    /// <summary>Longest text read as a number, in bytes.</summary>
    internal const int MaxLength = 128;

    /// <summary>Longest text written for an int64 with nine decimals: sign, ten digits, point, nine digits.</summary>
    internal const int MaxFormattedLength = 21;

    const int MaxExponent = 1_000;

    /// <summary>Reads a JSON number and multiplies it by 10^<paramref name="scale"/>; anything that is then not an int64 is refused.</summary>
    internal static MoneyError TryRead(ReadOnlySpan<byte> text, int scale, out long value)
    {
        value = 0;
        if (text.IsEmpty) return MoneyError.Empty;
        if (text.Length > MaxLength) return MoneyError.TooLong;
        if (NamesNonFinite(text)) return MoneyError.NotFinite;
        if (!TrySplit(text, out var negative, out var whole, out var fraction, out var exponent)) return MoneyError.NotANumber;

        // The digits of whole and fraction stand for an integer times 10^shift; trailing zeros are given to the shift first.
        var shift = scale + exponent - fraction.Length;
        while (fraction is [.., (byte)'0']) { fraction = fraction[..^1]; shift++; }
        if (fraction.IsEmpty) while (whole is [.., (byte)'0']) { whole = whole[..^1]; shift++; }

        Int128 magnitude = 0;
        if (!TryAppend(whole, ref magnitude) || !TryAppend(fraction, ref magnitude))
            return shift < -18 ? MoneyError.TooFine : MoneyError.OutOfRange;
        if (magnitude == 0) return MoneyError.None;
        if (shift < 0) return MoneyError.TooFine;
        for (; shift > 0; shift--)
        {
            magnitude *= 10;
            if (magnitude > Limit) return MoneyError.OutOfRange;
        }
        if (negative) magnitude = -magnitude;
        if (magnitude > long.MaxValue || magnitude < long.MinValue) return MoneyError.OutOfRange;
        value = (long)magnitude;
        return MoneyError.None;
    }

    static readonly Int128 Limit = (Int128)long.MaxValue + 1;

    static bool TryAppend(ReadOnlySpan<byte> digits, ref Int128 magnitude)
    {
        foreach (var digit in digits)
        {
            magnitude = magnitude * 10 + (digit - '0');
            if (magnitude > Limit) return false;
        }
        return true;
    }

    static bool TrySplit(ReadOnlySpan<byte> text, out bool negative, out ReadOnlySpan<byte> whole, out ReadOnlySpan<byte> fraction, out int exponent)
    {
        fraction = default;
        exponent = 0;
        negative = text[0] == '-';
        if (negative) text = text[1..];
        whole = TakeDigits(ref text);
        if (whole.IsEmpty || (whole.Length > 1 && whole[0] == '0')) return false;
        if (text is [(byte)'.', ..])
        {
            text = text[1..];
            fraction = TakeDigits(ref text);
            if (fraction.IsEmpty) return false;
        }
        if (text is not [(byte)'e' or (byte)'E', ..]) return text.IsEmpty;

        text = text[1..];
        var negativeExponent = text is [(byte)'-', ..];
        if (text is [(byte)'-' or (byte)'+', ..]) text = text[1..];
        var digits = TakeDigits(ref text);
        if (digits.IsEmpty || !text.IsEmpty) return false;
        foreach (var digit in digits) exponent = Math.Min(MaxExponent, exponent * 10 + (digit - '0'));
        if (negativeExponent) exponent = -exponent;
        return true;
    }

    static ReadOnlySpan<byte> TakeDigits(scoped ref ReadOnlySpan<byte> text)
    {
        var end = text.IndexOfAnyExcept(Digits);
        if (end < 0) end = text.Length;
        var digits = text[..end];
        text = text[end..];
        return digits;
    }

    static readonly SearchValues<byte> Digits = SearchValues.Create("0123456789"u8);

    static bool NamesNonFinite(ReadOnlySpan<byte> text)
    {
        if (text[0] is (byte)'-' or (byte)'+') text = text[1..];
        return System.Text.Ascii.EqualsIgnoreCase(text, "nan"u8)
            || System.Text.Ascii.EqualsIgnoreCase(text, "infinity"u8)
            || System.Text.Ascii.EqualsIgnoreCase(text, "inf"u8)
            || text.SequenceEqual("∞"u8);
    }

    /// <summary>Writes value ÷ 10^9 right-aligned into a buffer and returns the used part; decimals beyond <paramref name="minDecimals"/> lose their trailing zeros.</summary>
    internal static Span<byte> WriteNano(long value, int minDecimals, Span<byte> buffer)
    {
        var magnitude = value < 0 ? (ulong)-(value + 1) + 1 : (ulong)value;
        var start = MaxFormattedLength;
        var kept = false;
        for (var decimals = 9; decimals > 0; decimals--)
        {
            (magnitude, var digit) = Math.DivRem(magnitude, 10);
            kept |= digit != 0 || decimals <= minDecimals;
            if (kept) buffer[--start] = (byte)('0' + digit);
        }
        if (kept) buffer[--start] = (byte)'.';
        do
        {
            (magnitude, var digit) = Math.DivRem(magnitude, 10);
            buffer[--start] = (byte)('0' + digit);
        }
        while (magnitude != 0);
        if (value < 0) buffer[--start] = (byte)'-';
        return buffer[start..MaxFormattedLength];
    }
}
