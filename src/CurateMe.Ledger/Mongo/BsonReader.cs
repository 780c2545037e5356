using System.Buffers.Binary;
using System.Text;

namespace CurateMe.Ledger.Mongo;

/// <summary>A document as it came: fields by name, both integer types as long, kinds of no interest here left out.</summary>
internal sealed class BsonFields : Dictionary<string, object?>
{
    internal string? Text(string name) => this.GetValueOrDefault(name) as string;

    internal string RequiredText(string name) => Text(name) ?? throw Missing(name);

    /// <summary>An integer; a double that is whole counts, as a server may answer with one.</summary>
    internal long Number(string name) => this.GetValueOrDefault(name) switch
    {
        long number => number,
        double number when number == Math.Floor(number) && Math.Abs(number) < 1L << 53 => (long)number,
        _ => throw Missing(name),
    };

    internal bool Flag(string name) => this.GetValueOrDefault(name) is true;

    internal DateTimeOffset Time(string name) => this.GetValueOrDefault(name) is DateTimeOffset at ? at : throw Missing(name);

    internal BsonFields? Document(string name) => this.GetValueOrDefault(name) as BsonFields;

    internal IReadOnlyList<object?> List(string name) => this.GetValueOrDefault(name) as List<object?> ?? [];

    static InvalidDataException Missing(string name) => new($"A document from MongoDB has no {name} of the kind this program writes.");
}

/// <summary>Reads the bytes of a document. They come checked from libbson; a length that leaves them is still refused.</summary>
internal ref struct BsonReader(ReadOnlySpan<byte> bytes)
{
    ReadOnlySpan<byte> _rest = bytes;

    internal static BsonFields Read(ReadOnlySpan<byte> bytes) => new BsonReader(bytes).Document();

    BsonFields Document()
    {
        var fields = new BsonFields();
        var body = Take(Int32() - 4);
        var reader = new BsonReader(body[..^1]);
        while (!reader._rest.IsEmpty)
        {
            var type = reader.Take(1)[0];
            var name = reader.Name();
            if (reader.TryValue(type, out var value)) fields[name] = value;
        }
        return fields;
    }

    bool TryValue(byte type, out object? value)
    {
        value = null;
        switch (type)
        {
            case 0x01: value = BinaryPrimitives.ReadDoubleLittleEndian(Take(8)); return true;
            case 0x02: value = Encoding.UTF8.GetString(Take(Int32())[..^1]); return true;
            case 0x03: value = Document(); return true;
            case 0x04: value = Document().Values.ToList(); return true;
            case 0x08: value = Take(1)[0] != 0; return true;
            case 0x09: value = DateTimeOffset.FromUnixTimeMilliseconds(BinaryPrimitives.ReadInt64LittleEndian(Take(8))); return true;
            case 0x0A: return true;
            case 0x10: value = (long)Int32(); return true;
            case 0x12: value = BinaryPrimitives.ReadInt64LittleEndian(Take(8)); return true;
            case 0x05: Take(Int32() + 1); return false;
            case 0x07: Take(12); return false;
            case 0x11: Take(8); return false;
            case 0x13: Take(16); return false;
            default: throw new InvalidDataException($"A document from MongoDB has a value of type {type:x2}, which this program never writes.");
        }
    }

    string Name()
    {
        var end = _rest.IndexOf((byte)0);
        var name = Encoding.UTF8.GetString(Take(end));
        Take(1);
        return name;
    }

    int Int32() => BinaryPrimitives.ReadInt32LittleEndian(Take(4));

    ReadOnlySpan<byte> Take(int count)
    {
        var taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }
}
