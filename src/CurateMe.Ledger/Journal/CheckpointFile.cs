using System.Buffers.Binary;
using System.Numerics;

namespace CurateMe.Ledger.Journal;

/// <summary>How far the journal is in the ledger. Losing it costs time, never money: records are stored once whatever is replayed.</summary>
static class CheckpointFile
{
    const int Bytes = 20;

    public static void Write(string directory, JournalPosition position)
    {
        Span<byte> content = stackalloc byte[Bytes];
        BinaryPrimitives.WriteInt64LittleEndian(content, position.Segment);
        BinaryPrimitives.WriteInt64LittleEndian(content[8..], position.Offset);
        BinaryPrimitives.WriteUInt32LittleEndian(content[16..], Check(position));
        using var handle = File.OpenHandle(PathIn(directory), FileMode.OpenOrCreate, FileAccess.Write, FileShare.ReadWrite);
        RandomAccess.Write(handle, content, 0);
    }

    public static JournalPosition Read(string directory)
    {
        if (!File.Exists(PathIn(directory)) || File.ReadAllBytes(PathIn(directory)) is not { Length: Bytes } content)
        {
            return default;
        }
        var position = new JournalPosition(BinaryPrimitives.ReadInt64LittleEndian(content), BinaryPrimitives.ReadInt64LittleEndian(content.AsSpan(8)));
        return BinaryPrimitives.ReadUInt32LittleEndian(content.AsSpan(16)) == Check(position) ? position : default;
    }

    static string PathIn(string directory) => Path.Combine(directory, "checkpoint");

    static uint Check(JournalPosition position) =>
        BitOperations.Crc32C(BitOperations.Crc32C(uint.MaxValue, (ulong)position.Segment), (ulong)position.Offset);
}
