using System.Buffers.Binary;
using System.Text;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Pricing;

namespace CurateMe.Ledger.Records;

/// <summary>
/// The journal's bytes of a record: a version, then fixed fields in order, numbers as variable-length integers, strings with their length.
/// A later version may append fields; it still reads what earlier ones wrote. A golden test freezes version 1.
/// </summary>
static class RecordCodec
{
    /// <summary>Most bytes one record can take: all strings at their longest.</summary>
    public const int MaxBytes = 4096;

    /// <summary>How much longer the end of a record may be than its hold: usage counts, cost, and a fallback's longer names.</summary>
    public const int MaxGrowth = 640;

    const byte Version = 1;

    public static int Write(UsageRecord record, Span<byte> destination)
    {
        var w = new Writer(destination);
        w.Byte(Version);
        w.UInt128(record.Id.Value);
        w.Text(record.OrgId);
        w.Text(record.TeamId);
        w.Text(record.KeyId);
        w.Text(record.RunnerId);
        w.Text(record.SessionId);
        w.Text(record.Provider);
        w.Text(record.Model);
        w.Text(record.RequestedModel);
        w.Text(record.Endpoint);
        w.Byte(record.Stream ? (byte)1 : (byte)0);
        w.Number(record.Day.DayNumber);
        w.Number(record.Timestamp.UtcTicks);
        w.Number(record.Hold.Value);
        w.Text(record.PriceVersion);
        w.Byte((byte)record.Tier);
        w.Text(record.ClientIp);
        w.Text(record.Tags);
        w.Number((long)record.PromptHash);
        w.Byte((byte)record.Status);
        w.Number(record.StatusCode);
        w.Byte((byte)record.Source);
        w.Number(record.Cost.Value);
        w.Number(record.LatencyMs);
        w.Number(record.TtftMs);
        WriteUsage(ref w, record);
        return w.Position;
    }

    public static UsageRecord Read(ReadOnlySpan<byte> source)
    {
        var r = new Reader(source);
        if (r.Byte() is not Version and var version)
        {
            throw new InvalidDataException($"The journal holds a record of version {version}, which this release cannot read; start the newer release.");
        }
        var record = new UsageRecord
        {
            Id = new RequestId(r.UInt128()),
            OrgId = r.Text() ?? "",
            TeamId = r.Text(),
            KeyId = r.Text() ?? "",
            RunnerId = r.Text(),
            SessionId = r.Text(),
            Provider = r.Text() ?? "",
            Model = r.Text() ?? "",
            RequestedModel = r.Text() ?? "",
            Endpoint = r.Text() ?? "",
            Stream = r.Byte() != 0,
            Day = DateOnly.FromDayNumber((int)r.Number()),
            Timestamp = new DateTimeOffset(r.Number(), TimeSpan.Zero),
            Hold = new NanoUsd(r.Number()),
            PriceVersion = r.Text() ?? "",
            Tier = (ServiceTier)r.Byte(),
            ClientIp = r.Text(),
            Tags = r.Text(),
            PromptHash = (ulong)r.Number(),
            Status = (RecordStatus)r.Byte(),
            StatusCode = (int)r.Number(),
            Source = (UsageSource)r.Byte(),
            Cost = new NanoUsd(r.Number()),
            LatencyMs = (int)r.Number(),
            TtftMs = (int)r.Number(),
        };
        for (var units = r.Byte(); units > 0; units--)
        {
            record.Usage[(BilledUnit)r.Byte()] = r.Number();
        }
        return record;
    }

    static void WriteUsage(ref Writer w, UsageRecord record)
    {
        var counted = w.Position;
        w.Byte(0);
        byte units = 0;
        for (var i = 0; i < BilledUnits.Count; i++)
        {
            if (record.Usage[(BilledUnit)i] is not 0 and var count)
            {
                w.Byte((byte)i);
                w.Number(count);
                units++;
            }
        }
        w.Patch(counted, units);
    }

    ref struct Writer(Span<byte> destination)
    {
        // UTF-8 takes at most three bytes for a character of a string.
        const int MaxShort = (0x7F - 1) / 3;

        readonly Span<byte> bytes = destination;

        public int Position { get; private set; }

        public void Byte(byte value) => bytes[Position++] = value;

        public void Patch(int position, byte value) => bytes[position] = value;

        public void UInt128(UInt128 value)
        {
            BinaryPrimitives.WriteUInt128BigEndian(bytes[Position..], value);
            Position += 16;
        }

        // Zig-zag, so that small negative numbers stay short.
        public void Number(long value) => Unsigned(((ulong)value << 1) ^ (ulong)(value >> 63));

        // Zero means null; a string's length is written one higher.
        public void Text(string? value)
        {
            if (value is null)
            {
                Unsigned(0);
                return;
            }
            if (value.Length <= MaxShort)
            {
                // Its length takes one byte, whatever is in it: it need not be known beforehand.
                var written = Encoding.UTF8.GetBytes(value, bytes[(Position + 1)..]);
                bytes[Position] = (byte)(written + 1);
                Position += written + 1;
                return;
            }
            Unsigned((ulong)Encoding.UTF8.GetByteCount(value) + 1);
            Position += Encoding.UTF8.GetBytes(value, bytes[Position..]);
        }

        void Unsigned(ulong rest)
        {
            for (; rest >= 0x80; rest >>= 7)
            {
                bytes[Position++] = (byte)(rest | 0x80);
            }
            bytes[Position++] = (byte)rest;
        }
    }

    ref struct Reader(ReadOnlySpan<byte> source)
    {
        readonly ReadOnlySpan<byte> bytes = source;
        int position;

        public byte Byte() => bytes[position++];

        public UInt128 UInt128()
        {
            var value = BinaryPrimitives.ReadUInt128BigEndian(bytes[position..]);
            position += 16;
            return value;
        }

        public long Number()
        {
            var value = Unsigned();
            return (long)(value >> 1) ^ -(long)(value & 1);
        }

        public string? Text()
        {
            var length = Unsigned();
            if (length == 0)
            {
                return null;
            }
            var text = Encoding.UTF8.GetString(bytes.Slice(position, (int)(length - 1)));
            position += (int)(length - 1);
            return text;
        }

        ulong Unsigned()
        {
            ulong value = 0;
            for (var shift = 0; ; shift += 7)
            {
                var next = bytes[position++];
                value |= (ulong)(next & 0x7F) << shift;
                if (next < 0x80)
                {
                    return value;
                }
            }
        }
    }
}
