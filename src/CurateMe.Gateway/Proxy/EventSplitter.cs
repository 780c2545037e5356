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

/// <summary>
/// Cuts a stream of server-sent events at the blank lines between them, whatever the line ends and wherever the network cut it, and shows
/// each event's data to the meter. What is passed on is the provider's own bytes.
/// </summary>
sealed class EventSplitter(UsageMeter meter, int maxEventBytes) : StreamSplitter
{
    byte[] joined = [];
    int scanned;

    /// <summary>An event was larger than the limit: from there on bytes pass unread.</summary>
    public bool GaveUp { get; private set; }

    public override int Pass(ReadOnlySpan<byte> bytes, ClientStream client)
    {
        if (GaveUp)
        {
            client.Write(bytes);
            return bytes.Length;
        }
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
            if (!Show(bytes[eventStart..next]))
            {
                client.Write(bytes[shown..eventStart]);
                shown = next;
            }
            eventStart = next;
        }
        client.Write(bytes[shown..eventStart]);
        // The line that is not ended is looked at again, whole, with the next bytes.
        scanned = lineStart - eventStart;
        if (bytes.Length - eventStart <= maxEventBytes)
        {
            return eventStart;
        }
        GaveUp = true;
        client.Write(bytes[eventStart..]);
        return bytes.Length;
    }

    // Without the last blank line what is left may still be an event.
    public override void Finish(ReadOnlySpan<byte> rest, ClientStream client)
    {
        if (rest.IsEmpty || GaveUp || Show(rest))
        {
            client.Write(rest);
        }
    }

    bool Show(ReadOnlySpan<byte> text)
    {
        // Nearly every event is one line of data.
        if (text.StartsWith("data: "u8) && text.EndsWith("\n\n"u8) && text[6..^2].IndexOfAny((byte)'\n', (byte)'\r') < 0)
        {
            return meter.ReadEvent(text[6..^2]);
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
        return lines == 0 || meter.ReadEvent(data);
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
