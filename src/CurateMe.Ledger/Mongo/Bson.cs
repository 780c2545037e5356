using System.Buffers.Binary;
using System.Collections;
using System.Text;

namespace CurateMe.Ledger.Mongo;

/// <summary>A document to be sent, in the order in which it is written. Values: string, int, long, double, bool, null, time, document, list, <see cref="BsonDollars"/>.</summary>
internal sealed class Bson : IEnumerable
{
    readonly List<KeyValuePair<string, object?>> _fields = [];

    internal IReadOnlyList<KeyValuePair<string, object?>> Fields => _fields;

    public void Add(string name, object? value) => _fields.Add(new(name, value));

    /// <summary>Adds the field unless the value is null.</summary>
    internal Bson With(string name, object? value)
    {
        if (value is not null) Add(name, value);
        return this;
    }

    internal byte[] ToBytes()
    {
        var writer = new BsonWriter();
        writer.Document(this);
        return writer.ToArray();
    }

    public IEnumerator GetEnumerator() => _fields.GetEnumerator();
}

/// <summary>Nano-dollars as the decimal number of dollars, exact (Decimal128 with exponent -9).</summary>
internal readonly record struct BsonDollars(long Nano);

internal sealed class BsonWriter
{
    byte[] _bytes = new byte[1024];
    int _length;

    internal byte[] ToArray() => _bytes[.._length];

    internal void Document(Bson document)
    {
        var start = Open();
        foreach (var (name, value) in document.Fields) Value(name, value);
        Close(start);
    }

    void Value(string name, object? value)
    {
        switch (value)
        {
            case null: Head(0x0A, name); break;
            case string text: Head(0x02, name); Text(text); break;
            case int number: Head(0x10, name); BinaryPrimitives.WriteInt32LittleEndian(Take(4), number); break;
            case long number: Head(0x12, name); BinaryPrimitives.WriteInt64LittleEndian(Take(8), number); break;
            case double number: Head(0x01, name); BinaryPrimitives.WriteDoubleLittleEndian(Take(8), number); break;
            case bool flag: Head(0x08, name); Take(1)[0] = flag ? (byte)1 : (byte)0; break;
            case DateTimeOffset at: Head(0x09, name); BinaryPrimitives.WriteInt64LittleEndian(Take(8), at.ToUnixTimeMilliseconds()); break;
            case BsonDollars dollars: Head(0x13, name); Decimal(dollars.Nano); break;
            case Bson document: Head(0x03, name); Document(document); break;
            case IEnumerable list: Head(0x04, name); List(list); break;
            default: throw new ArgumentException($"{value.GetType()} has no BSON form here.", nameof(value));
        }
    }

    void List(IEnumerable list)
    {
        var start = Open();
        var index = 0;
        foreach (var item in list) Value((index++).ToString(System.Globalization.CultureInfo.InvariantCulture), item);
        Close(start);
    }

    void Text(string text)
    {
        var count = Encoding.UTF8.GetByteCount(text);
        BinaryPrimitives.WriteInt32LittleEndian(Take(4), count + 1);
        Encoding.UTF8.GetBytes(text, Take(count));
        Take(1)[0] = 0;
    }

    void Decimal(long nano)
    {
        const ulong Exponent = 6176 - 9;
        BinaryPrimitives.WriteUInt64LittleEndian(Take(8), (ulong)Math.Abs(nano));
        BinaryPrimitives.WriteUInt64LittleEndian(Take(8), (Exponent << 49) | (nano < 0 ? 1UL << 63 : 0));
    }

    void Head(byte type, string name)
    {
        Take(1)[0] = type;
        if (name.Contains('\0')) throw new ArgumentException("A field's name holds no NUL.", nameof(name));
        Encoding.UTF8.GetBytes(name, Take(Encoding.UTF8.GetByteCount(name)));
        Take(1)[0] = 0;
    }

    int Open()
    {
        var start = _length;
        Take(4);
        return start;
    }

    void Close(int start)
    {
        Take(1)[0] = 0;
        BinaryPrimitives.WriteInt32LittleEndian(_bytes.AsSpan(start), _length - start);
    }

    Span<byte> Take(int count)
    {
        if (_length + count > _bytes.Length) Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, _length + count));
        _length += count;
        return _bytes.AsSpan(_length - count, count);
    }
}
