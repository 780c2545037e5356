using System.Buffers;
using System.Buffers.Text;
using System.Text;

namespace CurateMe.Resp;

/// <summary>Encoded commands, one or several, in a rented array that is kept from use to use.</summary>
internal struct CommandBuffer
{
    private const int InitialBytes = 1 << 10;
    private const int KeptBytes = 16 << 10;

    private byte[]? _bytes;
    private int _length;

    public readonly ReadOnlySpan<byte> Written => _bytes.AsSpan(0, _length);

    public readonly ReadOnlyMemory<byte> Memory => _bytes.AsMemory(0, _length);

    public readonly int Length => _length;

    /// <summary>Where the text of the last written argument is.</summary>
    public readonly ReadOnlySpan<byte> Slice(int start, int length) => _bytes.AsSpan(start, length);

    public void WriteHeader(byte type, long value)
    {
        var span = Reserve(24);
        span[0] = type;
        Utf8Formatter.TryFormat(value, span[1..], out var digits);
        span[digits + 1] = (byte)'\r';
        span[digits + 2] = (byte)'\n';
        _length += digits + 3;
    }

    public void WriteRaw(ReadOnlySpan<byte> encoded)
    {
        encoded.CopyTo(Reserve(encoded.Length));
        _length += encoded.Length;
    }

    /// <summary>Writes one bulk string and answers where its bytes are.</summary>
    public (int Start, int Length) Write(in RespArg arg)
    {
        if (arg.IsInteger)
            return WriteInteger(arg.Integer);
        var length = arg.Text is { } text ? Encoding.UTF8.GetByteCount(text) : arg.Bytes.Length;
        WriteHeader((byte)'$', length);
        var start = _length;
        var span = Reserve(length + 2);
        if (arg.Text is { } chars)
            Encoding.UTF8.GetBytes(chars, span);
        else
            arg.Bytes.CopyTo(span);
        Terminate(span, length);
        return (start, length);
    }

    public void Clear()
    {
        _length = 0;
        if (_bytes is { Length: > KeptBytes })
            Release();
    }

    public void Release()
    {
        if (_bytes is not null)
            ArrayPool<byte>.Shared.Return(_bytes);
        _bytes = null;
        _length = 0;
    }

    private (int Start, int Length) WriteInteger(long value)
    {
        Span<byte> digits = stackalloc byte[20];
        Utf8Formatter.TryFormat(value, digits, out var length);
        WriteHeader((byte)'$', length);
        var start = _length;
        var span = Reserve(length + 2);
        digits[..length].CopyTo(span);
        Terminate(span, length);
        return (start, length);
    }

    private void Terminate(Span<byte> span, int length)
    {
        span[length] = (byte)'\r';
        span[length + 1] = (byte)'\n';
        _length += length + 2;
    }

    private Span<byte> Reserve(int bytes)
    {
        _bytes ??= ArrayPool<byte>.Shared.Rent(InitialBytes);
        if (_bytes.Length - _length < bytes)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(_bytes.Length * 2, checked(_length + bytes)));
            _bytes.AsSpan(0, _length).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_bytes);
            _bytes = larger;
        }
        return _bytes.AsSpan(_length);
    }
}
