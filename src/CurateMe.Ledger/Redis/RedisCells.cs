using System.Buffers.Text;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;

namespace CurateMe.Ledger.Redis;

/// <summary>How cells and records are written in Redis.</summary>
static class RedisCells
{
    /// <summary>The node that a field of a cost hash counts for.</summary>
    public static (NodeKind Kind, string Id) Node(string field, string orgId)
    {
        var colon = field.IndexOf(':', StringComparison.Ordinal);
        return colon < 0 ? (NodeKind.Org, orgId) : (field[..colon] switch { "team" => NodeKind.Team, "key" => NodeKind.Key, _ => NodeKind.Session }, field[(colon + 1)..]);
    }

    /// <summary>D day, M month or L.</summary>
    public static string Period(CellName cell) => cell.Period switch
    {
        PeriodKind.Day => $"D{cell.Start:yyyy-MM-dd}",
        PeriodKind.Month => $"M{cell.Start:yyyy-MM}",
        _ => "L",
    };

    public static CellName Cell(string period, string field) => period[0] switch
    {
        'D' => new CellName(field, PeriodKind.Day, DateOnly.ParseExact(period.AsSpan(1), "yyyy-MM-dd")),
        'M' => new CellName(field, PeriodKind.Month, DateOnly.ParseExact(period.AsSpan(1), "yyyy-MM")),
        _ => new CellName(field, PeriodKind.Life, default),
    };

    /// <summary>The record of a hold that expired at an instant, charged in full.</summary>
    public static UsageRecord Expired(ReadOnlySpan<byte> bytes, long amount, long atMs)
    {
        var record = RecordCodec.Read(bytes);
        record.Hold = new NanoUsd(amount);
        Presumed.Complete(record, RecordStatus.Expired, DateTimeOffset.FromUnixTimeMilliseconds(atMs));
        return record;
    }

    /// <summary>A value of the hash of unrecorded ends: R cost : record, or X amount : ms of expiry : record as it was held.</summary>
    /// <exception cref="InvalidDataException">It is none.</exception>
    public static UsageRecord Unrecorded(ReadOnlySpan<byte> value)
    {
        var rest = value[1..];
        var first = Number(ref rest);
        if (value[0] == (byte)'X')
        {
            var at = Number(ref rest);
            return Expired(rest, first, at);
        }
        var record = RecordCodec.Read(rest);
        record.Cost = new NanoUsd(first);
        return record;
    }

    static long Number(ref ReadOnlySpan<byte> rest)
    {
        var colon = rest.IndexOf((byte)':');
        if (colon < 0 || !Utf8Parser.TryParse(rest[..colon], out long number, out var used) || used != colon)
        {
            throw new InvalidDataException("Redis holds an ended hold that this release cannot read.");
        }
        rest = rest[(colon + 1)..];
        return number;
    }
}
