using System.Runtime.InteropServices;

namespace CurateMe.Resp;

/// <summary>
/// One word of a command: text (sent as UTF-8), bytes (not copied until the command is encoded, so do not change them before the call returns), or a
/// 64-bit integer (sent as decimal text). Made by implicit conversion: <c>client.ExecuteAsync(["SET", key, 5])</c>.
/// </summary>
public readonly struct RespArg
{
    private readonly object? _data;
    private readonly long _bits;

    private RespArg(object? data, long bits)
    {
        _data = data;
        _bits = bits;
    }

    public static implicit operator RespArg(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return new(text, 0);
    }

    public static implicit operator RespArg(byte[] bytes)
    {
        ArgumentNullException.ThrowIfNull(bytes);
        return new(bytes, bytes.Length);
    }

    public static implicit operator RespArg(ReadOnlyMemory<byte> bytes) =>
        MemoryMarshal.TryGetArray(bytes, out var segment) && segment.Array is { } array
            ? new(array, ((long)segment.Offset << 32) | (uint)segment.Count)
            : new(bytes.ToArray(), bytes.Length);

    public static implicit operator RespArg(long value) => new(null, value);

    internal string? Text => _data as string;

    internal bool IsInteger => _data is null;

    internal long Integer => _bits;

    internal ReadOnlySpan<byte> Bytes => ((byte[])_data!).AsSpan((int)(_bits >> 32), (int)_bits);

    internal bool Is(string word) => _data is string text && text.Equals(word, StringComparison.OrdinalIgnoreCase);

    /// <summary>Nothing of the value: an argument may be a password.</summary>
    public override string ToString() => nameof(RespArg);
}
