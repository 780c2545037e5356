using System.Buffers.Text;

namespace CurateMe.Resp;

/// <summary>
/// Turns one frame that <see cref="FrameScanner"/> has proved whole into a reply. All the text of an array shares one copy of the frame,
/// so a flat array costs two allocations whatever its length, and a number or <c>OK</c> none.
/// </summary>
internal ref struct FrameBuilder(ReadOnlySpan<byte> frame)
{
    private readonly ReadOnlySpan<byte> _frame = frame;
    private byte[]? _copy;
    private int _position;

    public static RespReply Build(ReadOnlySpan<byte> frame)
    {
        if (frame.SequenceEqual("+OK\r\n"u8))
            return RespReply.Ok;
        var builder = new FrameBuilder(frame);
        return builder.Next();
    }

    private RespReply Next()
    {
        var type = _frame[_position];
        var line = _frame.Slice(_position + 1, _frame[_position..].IndexOf((byte)'\r') - 1);
        var lineStart = _position + 1;
        _position = lineStart + line.Length + 2;
        return type switch
        {
            (byte)':' => RespReply.OfInteger(Number(line)),
            (byte)'$' => String(RespKind.BulkString, Number(line), 0),
            (byte)'!' => String(RespKind.Error, Number(line), 0),
            (byte)'=' => String(RespKind.Verbatim, Number(line), 4),
            (byte)'+' => Text(RespKind.SimpleString, lineStart, line.Length),
            (byte)'-' => Text(RespKind.Error, lineStart, line.Length),
            (byte)'(' => Text(RespKind.BigNumber, lineStart, line.Length),
            (byte)'*' => Items(RespKind.Array, Number(line)),
            (byte)'~' => Items(RespKind.Set, Number(line)),
            (byte)'>' => Items(RespKind.Push, Number(line)),
            (byte)'%' => Items(RespKind.Map, 2 * Number(line)),
            (byte)'|' => Items(RespKind.Attribute, 2 * Number(line)),
            (byte)'#' => RespReply.OfBoolean(line[0] == 't'),
            (byte)',' => RespReply.ParseDouble(line, out var value) ? RespReply.OfDouble(value) : throw new RespProtocolException("A double is malformed."),
            _ => default,
        };
    }

    private RespReply String(RespKind kind, long length, int skip)
    {
        if (length < 0)
            return default;
        var start = _position;
        _position += (int)length + 2;
        return Text(kind, start + skip, (int)length - skip);
    }

    private RespReply Text(RespKind kind, int start, int length)
    {
        if (_copy is null && _position == _frame.Length && length + 16 >= _frame.Length) // a lone string: keep its bytes only
            return RespReply.OfText(kind, _frame.Slice(start, length).ToArray(), 0, length);
        return RespReply.OfText(kind, _copy ??= _frame.ToArray(), start, length);
    }

    private RespReply Items(RespKind kind, long count)
    {
        if (count < 0)
            return default;
        var items = count == 0 ? [] : new RespReply[count];
        for (var i = 0; i < items.Length; i++)
        {
            do
                items[i] = Next();
            while (items[i].Kind == RespKind.Attribute);
        }
        return RespReply.OfElements(kind, items);
    }

    private static long Number(ReadOnlySpan<byte> line) => Utf8Parser.TryParse(line, out long value, out _) ? value : throw new RespProtocolException("A number is malformed.");
}
