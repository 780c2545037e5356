using System.Buffers.Text;

namespace CurateMe.Resp;

/// <summary>
/// Finds the end of one reply in a growing buffer and proves it well formed, without reading twice what it has passed and
/// without allocating for what a header only promises.
/// </summary>
internal struct FrameScanner(RespLimits limits)
{
    private readonly int[] _remaining = new int[limits.MaxDepth];
    private int _position;
    private int _depth;
    private int _elements;

    /// <summary><paramref name="frame"/> starts where the reply starts. False: more bytes are needed.</summary>
    public bool TryScan(ReadOnlySpan<byte> frame, out int length)
    {
        while (TryScanElement(frame, out var done))
        {
            if (!done)
                continue;
            length = _position;
            _position = _elements = 0;
            return true;
        }
        if (frame.Length > limits.MaxReplyBytes)
            throw TooLong();
        length = 0;
        return false;
    }

    private bool TryScanElement(ReadOnlySpan<byte> frame, out bool done)
    {
        done = false;
        var rest = frame[_position..];
        if (rest.IsEmpty)
            return false;
        var type = rest[0];
        var lineEnd = LineEnd(rest, type);
        if (lineEnd < 0)
            return false;
        var line = rest[1..lineEnd];
        var next = lineEnd + 2;
        switch (type)
        {
            case (byte)'$' or (byte)'!' or (byte)'=':
                var bytes = Length(line, limits.MaxBulkBytes, nullable: type == '$');
                if (bytes < 0)
                    break;
                if ((long)_position + next + bytes + 2 > limits.MaxReplyBytes)
                    throw TooLong();
                if (rest.Length < next + bytes + 2)
                    return false;
                CheckBody(type, rest.Slice(next, bytes + 2));
                next += bytes + 2;
                break;
            case (byte)'*' or (byte)'~' or (byte)'>' or (byte)'%' or (byte)'|':
                var count = Length(line, limits.MaxElements, nullable: type == '*');
                if (Open(type, count))
                {
                    _position += next;
                    return true;
                }
                break;
            default:
                CheckLine(type, line);
                break;
        }
        _position += next;
        done = Close();
        return true;
    }

    /// <summary>Enters an aggregate; false when it has no elements and is complete at once.</summary>
    private bool Open(byte type, int count)
    {
        var items = type is (byte)'%' or (byte)'|' ? 2L * count : count;
        // An attribute inside an aggregate comes before an element and is not one itself.
        if (type == '|' && _depth > 0)
            _remaining[_depth - 1]++;
        if (count <= 0)
            return false;
        if (_elements + items > limits.MaxElements)
            throw new RespProtocolException($"A reply has more than MaxElements = {limits.MaxElements} elements.");
        if (_depth == limits.MaxDepth)
            throw new RespProtocolException($"A reply is nested deeper than MaxDepth = {limits.MaxDepth}.");
        _elements += (int)items;
        _remaining[_depth++] = (int)items;
        return true;
    }

    /// <summary>One element is complete, and with it every aggregate that it was the last of; true when that ends the reply.</summary>
    private bool Close()
    {
        while (_depth > 0)
        {
            if (--_remaining[_depth - 1] > 0)
                return false;
            _depth--;
        }
        return true;
    }

    private readonly int LineEnd(ReadOnlySpan<byte> rest, byte type)
    {
        if (!"+-:$*_#,(!=%~>|"u8.Contains(type))
            throw new RespProtocolException($"A reply starts with the byte 0x{type:X2}, which RESP does not know.");
        var end = rest.IndexOfAny((byte)'\r', (byte)'\n');
        if (end > limits.MaxLineBytes || (end < 0 && rest.Length > limits.MaxLineBytes))
            throw new RespProtocolException($"A line is longer than MaxLineBytes = {limits.MaxLineBytes}.");
        if (end < 0 || (rest[end] == '\r' && end + 1 == rest.Length))
            return -1;
        return rest[end] == '\r' && rest[end + 1] == '\n' ? end : throw new RespProtocolException("A line does not end in CR LF.");
    }

    private static int Length(ReadOnlySpan<byte> line, int max, bool nullable)
    {
        if (nullable && line.SequenceEqual("-1"u8))
            return -1;
        if (line.IsEmpty || line[0] is < (byte)'0' or > (byte)'9' || !Utf8Parser.TryParse(line, out long length, out var used) || used != line.Length)
            throw new RespProtocolException("A length is not a number.");
        return length <= max ? (int)length : throw new RespProtocolException($"A length of {length} is past the limit of {max}.");
    }

    private static void CheckBody(byte type, ReadOnlySpan<byte> body)
    {
        if (body[^2] != '\r' || body[^1] != '\n')
            throw new RespProtocolException("A string is not followed by CR LF.");
        if (type == '=' && (body.Length < 6 || body[3] != ':'))
            throw new RespProtocolException("A verbatim string does not name its format.");
    }

    private static void CheckLine(byte type, ReadOnlySpan<byte> line)
    {
        var fits = type switch
        {
            (byte)':' => Utf8Parser.TryParse(line, out long _, out var used) && used == line.Length,
            (byte)'_' => line.IsEmpty,
            (byte)'#' => line.Length == 1 && line[0] is (byte)'t' or (byte)'f',
            (byte)',' => RespReply.ParseDouble(line, out _),
            (byte)'(' => line.TrimStart("+-"u8) is { IsEmpty: false } digits && line.Length - digits.Length <= 1 && !digits.ContainsAnyExceptInRange((byte)'0', (byte)'9'),
            _ => true,
        };
        if (!fits)
            throw new RespProtocolException($"A value of type '{(char)type}' is malformed.");
    }

    private readonly RespProtocolException TooLong() => new($"A reply is longer than MaxReplyBytes = {limits.MaxReplyBytes}.");
}
