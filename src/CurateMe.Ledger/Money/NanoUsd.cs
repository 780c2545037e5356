using System.Text;
using System.Text.Json.Serialization;

namespace CurateMe.Ledger.Money;

/// <summary>
/// An amount of money as an int64 of nano-dollars (10⁻⁹ USD): what is stored, counted and compared. Reaches ±9,223,372,036.854775807 USD.
/// Arithmetic is checked: leaving that range throws <see cref="OverflowException"/>. Negative amounts exist (differences, drift).
/// </summary>
[JsonConverter(typeof(NanoUsdJsonConverter))]
public readonly record struct NanoUsd(long Value) : IComparable<NanoUsd>, ISpanFormattable, IUtf8SpanFormattable
{
    public const long PerDollar = 1_000_000_000;

    /// <summary>Longest text that any amount is written as, in characters.</summary>
    public const int MaxTextLength = DecimalText.MaxFormattedLength;

    public static NanoUsd Zero => default;
    public static NanoUsd MaxValue => new(long.MaxValue);

    public static NanoUsd FromDollars(long dollars) => new(checked(dollars * PerDollar));

    public static NanoUsd operator +(NanoUsd left, NanoUsd right) => new(checked(left.Value + right.Value));
    public static NanoUsd operator -(NanoUsd left, NanoUsd right) => new(checked(left.Value - right.Value));
    public static NanoUsd operator -(NanoUsd amount) => new(checked(-amount.Value));
    public static bool operator <(NanoUsd left, NanoUsd right) => left.Value < right.Value;
    public static bool operator >(NanoUsd left, NanoUsd right) => left.Value > right.Value;
    public static bool operator <=(NanoUsd left, NanoUsd right) => left.Value <= right.Value;
    public static bool operator >=(NanoUsd left, NanoUsd right) => left.Value >= right.Value;

    public static NanoUsd Min(NanoUsd left, NanoUsd right) => left < right ? left : right;
    public static NanoUsd Max(NanoUsd left, NanoUsd right) => left > right ? left : right;

    public int CompareTo(NanoUsd other) => Value.CompareTo(other.Value);

    /// <summary>Reads dollars as a JSON number, plain or with an exponent. What is not a whole number of nano-dollars in range is refused, never rounded.</summary>
    public static bool TryParse(ReadOnlySpan<byte> utf8Decimal, out NanoUsd amount, out MoneyError error)
    {
        error = DecimalText.TryRead(utf8Decimal, 9, out var value);
        amount = new NanoUsd(value);
        return error == MoneyError.None;
    }

    /// <inheritdoc cref="TryParse(ReadOnlySpan{byte}, out NanoUsd, out MoneyError)"/>
    public static bool TryParse(string? text, out NanoUsd amount, out MoneyError error)
    {
        text ??= "";
        if (text.Length <= DecimalText.MaxLength) return TryParse(Encoding.UTF8.GetBytes(text), out amount, out error);
        amount = default;
        error = MoneyError.TooLong;
        return false;
    }

    /// <exception cref="FormatException">The text is not an amount; the message says why and what to write.</exception>
    public static NanoUsd Parse(string text) =>
        TryParse(text, out var amount, out var error) ? amount : throw new FormatException($"The amount {error.Message()}.");

    /// <summary>Dollars as a plain decimal without trailing zeros: 24.5, 0, -0.000000001.</summary>
    public override string ToString() => Text(0);

    /// <summary>Dollars for people: at least two decimals, exact all the same: 24.50, 0.000123.</summary>
    public string ToDisplay() => Text(2);

    string Text(int minDecimals)
    {
        Span<byte> buffer = stackalloc byte[MaxTextLength];
        return Encoding.ASCII.GetString(DecimalText.WriteNano(Value, minDecimals, buffer));
    }

    /// <summary>Writes what <see cref="ToString()"/> says without allocating.</summary>
    public bool TryFormat(Span<byte> utf8Destination, out int bytesWritten)
    {
        Span<byte> buffer = stackalloc byte[MaxTextLength];
        var text = DecimalText.WriteNano(Value, 0, buffer);
        var fits = text.TryCopyTo(utf8Destination);
        bytesWritten = fits ? text.Length : 0;
        return fits;
    }

    /// <inheritdoc cref="TryFormat(Span{byte}, out int)"/>
    public bool TryFormat(Span<char> destination, out int charsWritten)
    {
        Span<byte> buffer = stackalloc byte[MaxTextLength];
        var text = DecimalText.WriteNano(Value, 0, buffer);
        charsWritten = 0;
        return text.Length <= destination.Length && Encoding.ASCII.TryGetChars(text, destination, out charsWritten);
    }

    string IFormattable.ToString(string? format, IFormatProvider? formatProvider) => ToString();
    bool ISpanFormattable.TryFormat(Span<char> destination, out int charsWritten, ReadOnlySpan<char> format, IFormatProvider? provider) => TryFormat(destination, out charsWritten);
    bool IUtf8SpanFormattable.TryFormat(Span<byte> utf8Destination, out int bytesWritten, ReadOnlySpan<char> format, IFormatProvider? provider) => TryFormat(utf8Destination, out bytesWritten);
}
