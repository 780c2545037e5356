namespace CurateMe.Resp;

/// <summary>The hash slot of a key: CRC-16/XMODEM of its hash tag, or of all of it, modulo 16384.</summary>
internal static class HashSlot
{
    public const int Count = 16384;

    private static readonly ushort[] Table = MakeTable();

    public static int Of(ReadOnlySpan<byte> key)
    {
        var open = key.IndexOf((byte)'{');
        if (open >= 0)
        {
            var length = key[(open + 1)..].IndexOf((byte)'}');
            if (length > 0)
                key = key.Slice(open + 1, length);
        }
        var crc = 0;
        foreach (var b in key)
            crc = ((crc << 8) & 0xFFFF) ^ Table[(crc >> 8) ^ b];
        return crc % Count;
    }

    private static ushort[] MakeTable()
    {
        var table = new ushort[256];
        for (var i = 0; i < table.Length; i++)
        {
            var crc = i << 8;
            for (var bit = 0; bit < 8; bit++)
                crc = (crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1;
            table[i] = (ushort)crc;
        }
        return table;
    }
}
