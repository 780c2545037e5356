namespace CurateMe.Gateway.Proxy;

/// <summary>Cuts a stream into the pieces that a meter reads. What is passed on is the provider's own bytes.</summary>
abstract class StreamSplitter
{
    public static StreamSplitter Of(StreamForm form, UsageMeter meter, int maxEventBytes) => form switch
    {
        StreamForm.Events => new EventSplitter(meter, maxEventBytes),
        StreamForm.JsonArray => new JsonArraySplitter(meter, maxEventBytes),
        _ => new ByteSplitter(),
    };

    /// <summary>
    /// Looks at bytes that begin where the last call said it was done, writes those that the client may have, and says how many are done with.
    /// The caller gives the rest again with what follows.
    /// </summary>
    public abstract int Pass(ReadOnlySpan<byte> bytes, ClientStream client);

    /// <summary>The provider has ended: what is left goes out.</summary>
    public abstract void Finish(ReadOnlySpan<byte> rest, ClientStream client);

    sealed class ByteSplitter : StreamSplitter
    {
        public override int Pass(ReadOnlySpan<byte> bytes, ClientStream client)
        {
            client.Write(bytes);
            return bytes.Length;
        }

        public override void Finish(ReadOnlySpan<byte> rest, ClientStream client) => client.Write(rest);
    }
}

/// <summary>Cuts a stream into pieces of any size and shows those within the limit to the meter; of a larger one it only counts the bytes.</summary>
abstract class MeteredSplitter(UsageMeter meter, int maxPieceBytes) : StreamSplitter
{
    bool unread;

    protected UsageMeter Meter => meter;

    /// <summary>
    /// Whether these bytes belong to a piece that is larger than the limit, and are counted. Only the size of the whole piece decides, however it came:
    /// ask of one that is not ended, too, so that it need not be kept.
    /// </summary>
    /// <param name="bytes">Bytes of the piece that this was not told of yet.</param>
    protected bool IsUnread(int bytes, bool ended)
    {
        if (!unread && bytes <= maxPieceBytes)
        {
            return false;
        }
        meter.PassUnread(bytes);
        unread = !ended;
        return true;
    }
}

/// <summary>
/// Cuts a stream of server-sent events at the blank lines between them, whatever the line ends and wherever the network cut it, and shows
/// each event's data to the meter. What is passed on is the provider's own bytes.
/// </summary>
sealed class EventSplitter(UsageMeter meter, int maxEventBytes) : MeteredSplitter(meter, maxEventBytes)
{
    /// <summary>The end of a line that tells whether it is blank: one with two bytes is not.</summary>
    const int TellingBytes = 2;

    byte[] joined = [];
    int scanned;

    public override int Pass(ReadOnlySpan<byte> bytes, ClientStream client)
    {
        var eventStart = 0;
        var shown = 0;
        var lineStart = scanned;
        for (int end; (end = bytes[lineStart..].IndexOf((byte)'\n')) >= 0;)
        {
            var line = bytes.Slice(lineStart, end);
            var next = lineStart + end + 1;
            lineStart = next;
            if (line is not ([] or [(byte)'\r']))
            {
                continue;
            }
            if (!Take(bytes[eventStart..next]))
            {
                client.Write(bytes[shown..eventStart]);
                shown = next;
            }
            eventStart = next;
        }
        var done = eventStart;
        var telling = Math.Min(TellingBytes, bytes.Length - lineStart);
        if (IsUnread(bytes.Length - telling - eventStart, ended: false))
        {
            done = lineStart = bytes.Length - telling;
        }
        client.Write(bytes[shown..done]);
        // The line that is not ended is looked at again with the next bytes.
        scanned = lineStart - done;
        return done;
    }

    // Without the last blank line what is left may still be an event.
    public override void Finish(ReadOnlySpan<byte> rest, ClientStream client)
    {
        if (rest.IsEmpty || Take(rest))
        {
            client.Write(rest);
        }
    }

    bool Take(ReadOnlySpan<byte> text) => IsUnread(text.Length, ended: true) || Show(text);

    bool Show(ReadOnlySpan<byte> text)
    {
        // Nearly every event is one line of data.
        if (text.StartsWith("data: "u8) && text.EndsWith("\n\n"u8) && text[6..^2].IndexOfAny((byte)'\n', (byte)'\r') < 0)
        {
            return Meter.ReadEvent(text[6..^2]);
        }
        var data = default(ReadOnlySpan<byte>);
        var lines = 0;
        foreach (var range in text.Split((byte)'\n'))
        {
            var line = text[range];
            if (line.EndsWith("\r"u8))
            {
                line = line[..^1];
            }
            if (!line.StartsWith("data:"u8))
            {
                continue;
            }
            line = line is [_, _, _, _, _, (byte)' ', ..] ? line[6..] : line[5..];
            data = lines++ == 0 ? line : Join(data, line);
        }
        return lines == 0 || Meter.ReadEvent(data);
    }

    ReadOnlySpan<byte> Join(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second)
    {
        var both = new byte[first.Length + 1 + second.Length];
        first.CopyTo(both);
        both[first.Length] = (byte)'\n';
        second.CopyTo(both.AsSpan(first.Length + 1));
        joined = both;
        return joined;
    }
}
