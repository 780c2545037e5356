using System.Globalization;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;
using Microsoft.Data.Sqlite;

namespace CurateMe.Ledger.Sqlite;

/// <summary>Rows of gateway_usage, in the order of <see cref="LedgerSchema.Columns"/>, as records.</summary>
internal static class UsageRows
{
    internal static List<UsageRecord> ReadAll(SqliteCommand command)
    {
        var records = new List<UsageRecord>();
        using var row = command.ExecuteReader();
        while (row.Read()) records.Add(Read(row));
        return records;
    }

    static UsageRecord Read(SqliteDataReader row) => new()
    {
        Id = RequestId.TryParse(row.GetString(0), out var id) ? id : throw Corrupt(row, "request_id", 0),
        OrgId = row.GetString(1),
        TeamId = Text(row, 2),
        KeyId = row.GetString(3),
        RunnerId = Text(row, 4),
        SessionId = Text(row, 5),
        Provider = row.GetString(6),
        Model = row.GetString(7),
        RequestedModel = row.GetString(8),
        Endpoint = row.GetString(9),
        Stream = row.GetInt64(10) != 0,
        Status = RecordNames.TryParse(row.GetString(11), out RecordStatus status) ? status : throw Corrupt(row, "status", 11),
        StatusCode = row.GetInt32(12),
        Usage = UnitCounts.Read(row.GetInt64(13), row.GetInt64(14), row.GetInt64(15), row.GetInt64(16), row.GetInt64(17), row.GetInt64(18), UnitCounts.RestFromJson(Text(row, 19))),
        Hold = new NanoUsd(row.GetInt64(20)),
        Cost = new NanoUsd(row.GetInt64(21)),
        PriceVersion = row.GetString(22),
        Tier = RecordNames.TryParse(row.GetString(23), out Pricing.ServiceTier tier) ? tier : throw Corrupt(row, "service_tier", 23),
        Source = RecordNames.TryParse(row.GetString(24), out UsageSource source) ? source : throw Corrupt(row, "usage_source", 24),
        LatencyMs = row.GetInt32(25),
        TtftMs = row.GetInt32(26),
        PromptHash = ulong.Parse(row.GetString(27), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture),
        ClientIp = Text(row, 28),
        Tags = Text(row, 29),
        Day = DateOnly.ParseExact(row.GetString(30), "O", CultureInfo.InvariantCulture),
        Timestamp = DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(31)),
    };

    static string? Text(SqliteDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);

    static InvalidDataException Corrupt(SqliteDataReader row, string name, int column) =>
        new($"Record {row.GetString(0)} of the ledger has {name} '{row.GetString(column)}', which no version of this program writes.");
}
