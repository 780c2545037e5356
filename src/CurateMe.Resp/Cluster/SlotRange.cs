namespace CurateMe.Resp;

/// <summary>The slots from <paramref name="First"/> to <paramref name="Last"/> belong to <paramref name="Master"/>.</summary>
internal readonly record struct SlotRange(int First, int Last, RespAddress Master)
{
    /// <summary>Reads the answer to CLUSTER SLOTS; a master without an address is the one that was asked.</summary>
    public static SlotRange[] Parse(RespReply reply, RespAddress asked)
    {
        var entries = reply.AsArray();
        if (entries.Length == 0)
            throw new RespProtocolException($"{asked} serves no slots: it is not, or not yet, part of a cluster.");
        if (entries.Length > HashSlot.Count)
            throw new RespProtocolException($"{asked} names more ranges than there are slots.");
        var ranges = new SlotRange[entries.Length];
        for (var i = 0; i < ranges.Length; i++)
        {
            var entry = entries[i].AsArray();
            if (entry.Length < 3 || entry[2].Count < 2)
                throw new RespProtocolException($"{asked} names a range of slots without a master.");
            var (first, last, port) = (entry[0].AsInt64(), entry[1].AsInt64(), entry[2][1].AsInt64());
            var host = entry[2][0].AsString();
            if (first < 0 || last < first || last >= HashSlot.Count || port is < 1 or > 65535)
                throw new RespProtocolException($"{asked} names slots or a port that do not exist.");
            ranges[i] = new((int)first, (int)last, new(host is null or "" or "?" ? asked.Host : host, (int)port));
        }
        return ranges;
    }
}
