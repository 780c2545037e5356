using System.Buffers.Binary;
using System.Numerics;
using CurateMe.Ledger.Records;

namespace CurateMe.Ledger.Journal;

/// <summary>The numbers are on disk; a test freezes them.</summary>
enum FrameKind : byte
{
    /// <summary>Money set aside; the payload is the held record.</summary>
    Hold = 1,

    /// <summary>The end of a hold with its final record, which belongs in the ledger.</summary>
    Settle = 2,

    /// <summary>The end of a hold that was never forwarded; the payload is its id.</summary>
    Void = 3,
}

/// <summary>
/// One entry: payload length (4 bytes), CRC-32C of kind and payload (4), kind (1), payload. A length of zero is the unwritten rest of a segment.
/// </summary>
static class JournalFrame
{
    public const int HeaderBytes = 9;
    public const int MaxBytes = HeaderBytes + RecordCodec.MaxBytes;

    /// <summary>Writes a frame of a record and gives its length.</summary>
    public static int Write(FrameKind kind, UsageRecord record, Span<byte> destination)
    {
        int payload;
        if (kind == FrameKind.Void)
        {
            BinaryPrimitives.WriteUInt128BigEndian(destination[HeaderBytes..], record.Id.Value);
            payload = 16;
        }
        else
        {
            payload = RecordCodec.Write(record, destination[HeaderBytes..]);
        }
        destination[8] = (byte)kind;
        BinaryPrimitives.WriteInt32LittleEndian(destination, payload);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[4..], Crc(destination.Slice(8, payload + 1)));
        return HeaderBytes + payload;
    }

    /// <summary>Length of the whole frame at the start of the bytes; 0 when there is none, -1 when more bytes are needed to tell.</summary>
    public static int Measure(ReadOnlySpan<byte> bytes, out bool damaged)
    {
        damaged = false;
        if (bytes.Length < HeaderBytes)
        {
            return -1;
        }
        var payload = BinaryPrimitives.ReadInt32LittleEndian(bytes);
        if (payload == 0)
        {
            return 0;
        }
        if (payload is < 0 or > RecordCodec.MaxBytes)
        {
            damaged = true;
            return 0;
        }
        if (bytes.Length < HeaderBytes + payload)
        {
            return -1;
        }
        damaged = BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]) != Crc(bytes.Slice(8, payload + 1));
        return damaged ? 0 : HeaderBytes + payload;
    }

    public static FrameKind Kind(ReadOnlySpan<byte> frame) => (FrameKind)frame[8];

    public static UsageRecord Record(ReadOnlySpan<byte> frame) => RecordCodec.Read(frame[HeaderBytes..]);

    public static RequestId VoidedId(ReadOnlySpan<byte> frame) => new(BinaryPrimitives.ReadUInt128BigEndian(frame[HeaderBytes..]));

    internal static uint Crc(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        for (; bytes.Length >= 8; bytes = bytes[8..])
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        }
        foreach (var b in bytes)
        {
            crc = BitOperations.Crc32C(crc, b);
        }
        return ~crc;
    }
}
