namespace CurateMe.Gateway.Proxy;

/// <summary>
/// Cuts a JSON array that comes bit by bit at the ends of its elements and shows each element to the meter. Only brackets and strings are
/// looked at, so an array that is no good JSON passes as it is.
/// </summary>
sealed class JsonArraySplitter(UsageMeter meter, int maxElementBytes) : MeteredSplitter(meter, maxElementBytes)
{
    int scanned;
    int depth;
    bool inText;
    bool escaped;

    public override int Pass(ReadOnlySpan<byte> bytes, ClientStream client)
    {
        var start = depth > 1 ? 0 : -1;
        for (var i = scanned; i < bytes.Length; i++)
        {
            if (Step(bytes[i], out var opened) && depth == 1 && start >= 0)
            {
                Take(bytes[start..(i + 1)]);
                start = -1;
            }
            else if (opened && depth == 2)
            {
                start = i;
            }
        }
        // What stands between elements belongs to none and need not wait.
        var done = start < 0 || IsUnread(bytes.Length - start, ended: false) ? bytes.Length : start;
        client.Write(bytes[..done]);
        scanned = bytes.Length - done;
        return done;
    }

    // What is left is an element that was broken off.
    public override void Finish(ReadOnlySpan<byte> rest, ClientStream client)
    {
        if (!rest.IsEmpty)
        {
            Meter.PassUnread(rest.Length);
        }
        client.Write(rest);
    }

    void Take(ReadOnlySpan<byte> element)
    {
        if (!IsUnread(element.Length, ended: true))
        {
            Meter.ReadEvent(element);
        }
    }

    // True when a bracket closed here.
    bool Step(byte b, out bool opened)
    {
        opened = false;
        if (inText)
        {
            inText = escaped || b != (byte)'"';
            escaped = !escaped && b == (byte)'\\';
            return false;
        }
        switch (b)
        {
            case (byte)'"':
                inText = true;
                return false;
            case (byte)'{' or (byte)'[':
                depth++;
                opened = true;
                return false;
            case (byte)'}' or (byte)']':
                depth--;
                return true;
            default:
                return false;
        }
    }
}
