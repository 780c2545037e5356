using System.Buffers.Text;
using System.Globalization;
using System.Text;

namespace CurateMe.Resp;

/// <summary>
/// One reply, or one element of an array. It owns its bytes: it stays valid for as long as it is kept.
/// An accessor that does not fit the kind throws <see cref="RespProtocolException"/>, and <see cref="RespServerException"/> on an error element.
/// </summary>
public readonly struct RespReply
{
    private readonly object? _data; // byte[] for text, RespReply[] for aggregates
    private readonly long _bits;    // the integer, the double's bits, or offset and length of the text

    private RespReply(RespKind kind, object? data, long bits)
    {
        Kind = kind;
        _data = data;
        _bits = bits;
    }

    public RespKind Kind { get; }

    public bool IsNull => Kind == RespKind.Null;

    public bool IsError => Kind == RespKind.Error;

    /// <summary>Number of elements of an array, set, push or map (a map counts keys and values); 0 for null.</summary>
    public int Count => Kind == RespKind.Null ? 0 : Elements.Length;

    public RespReply this[int index] => Elements[index];

    /// <summary>The elements of an array, set, push or map, in order.</summary>
    public ReadOnlySpan<RespReply> AsArray() => Kind == RespKind.Null ? [] : Elements;

    /// <summary>An integer, a boolean (1 or 0), or text that is exactly a 64-bit decimal integer, as scripts return large numbers.</summary>
    public long AsInt64()
    {
        if (Kind is RespKind.Integer or RespKind.Boolean)
            return _bits;
        var text = AsSpan();
        return Utf8Parser.TryParse(text, out long value, out var used) && used == text.Length ? value : throw Unfit("a 64-bit integer");
    }

    /// <summary>True for a RESP3 true and for the integer 1.</summary>
    public bool AsBoolean() => AsInt64() switch { 0 => false, 1 => true, _ => throw Unfit("a boolean") };

    public double AsDouble()
    {
        if (Kind == RespKind.Double)
            return BitConverter.Int64BitsToDouble(_bits);
        if (Kind == RespKind.Integer)
            return _bits;
        return ParseDouble(AsSpan(), out var value) ? value : throw Unfit("a double");
    }

    /// <summary>The bytes of a string; a null has none.</summary>
    public ReadOnlySpan<byte> AsSpan() => AsMemory().Span;

    /// <inheritdoc cref="AsSpan"/>
    public ReadOnlyMemory<byte> AsMemory() => Kind switch
    {
        RespKind.BulkString or RespKind.SimpleString or RespKind.Verbatim or RespKind.BigNumber => Text,
        RespKind.Null => default,
        _ => throw Unfit("a string"),
    };

    /// <summary>A string as UTF-8 text, or a number as its decimal text; null for a null.</summary>
    public string? AsString() => Kind switch
    {
        RespKind.Null => null,
        RespKind.Integer => _bits.ToString(CultureInfo.InvariantCulture),
        RespKind.Double => AsDouble().ToString("R", CultureInfo.InvariantCulture),
        _ => Encoding.UTF8.GetString(AsSpan()),
    };

    /// <summary>True for the status <c>OK</c>.</summary>
    public bool IsOk => Kind == RespKind.SimpleString && Text.Span.SequenceEqual("OK"u8);

    /// <summary>The bytes of an error, its code word first; empty for any other kind.</summary>
    public ReadOnlySpan<byte> ErrorText => Kind == RespKind.Error ? Text.Span : default;

    /// <summary>The kind only: the contents of a reply never reach a log by accident.</summary>
    public override string ToString() => Kind.ToString();

    internal static RespReply Ok { get; } = OfText(RespKind.SimpleString, "OK"u8.ToArray(), 0, 2);

    internal static RespReply OfText(RespKind kind, byte[] bytes, int offset, int length) => new(kind, bytes, ((long)offset << 32) | (uint)length);

    internal static RespReply OfInteger(long value) => new(RespKind.Integer, null, value);

    internal static RespReply OfBoolean(bool value) => new(RespKind.Boolean, null, value ? 1 : 0);

    internal static RespReply OfDouble(double value) => new(RespKind.Double, null, BitConverter.DoubleToInt64Bits(value));

    internal static RespReply OfElements(RespKind kind, RespReply[] items) => new(kind, items, 0);

    /// <summary>Without the arguments that a server quotes of a command that it does not know: one may be a password.</summary>
    internal RespServerException ToException()
    {
        var quoted = ErrorText.IndexOf(", with args beginning with"u8);
        return new(Encoding.UTF8.GetString(quoted < 0 ? ErrorText : ErrorText[..quoted]));
    }

    internal static bool ParseDouble(ReadOnlySpan<byte> text, out double value)
    {
        value = 0;
        if (text.SequenceEqual("inf"u8) || text.SequenceEqual("+inf"u8))
            value = double.PositiveInfinity;
        else if (text.SequenceEqual("-inf"u8))
            value = double.NegativeInfinity;
        else if (text.SequenceEqual("nan"u8) || text.SequenceEqual("-nan"u8))
            value = double.NaN;
        else
            return Utf8Parser.TryParse(text, out value, out var used) && used == text.Length && double.IsFinite(value);
        return true;
    }

    private ReadOnlyMemory<byte> Text => new((byte[])_data!, (int)(_bits >> 32), (int)_bits);

    private RespReply[] Elements => Kind >= RespKind.Array ? (RespReply[])_data! : throw Unfit("an array");

    private RespException Unfit(string wanted) =>
        IsError ? ToException() : new RespProtocolException($"The server sent {Kind} where {wanted} was expected.");
}
