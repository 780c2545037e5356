using CurateMe.Ledger.Money;
using CurateMe.Ledger.Pricing;
using CurateMe.Ledger.Records;
using CurateMe.Testing.Records;
using Xunit;

namespace CurateMe.Ledger.Tests.Records;

public sealed class RecordCodecTests
{
    static readonly DateTimeOffset At = new(2026, 8, 6, 12, 34, 56, 789, TimeSpan.Zero);

    [Fact]
    public void Write_VersionOne_HasTheseBytes()
    {
        var record = new UsageRecord
        {
            Id = new RequestId(new UInt128(0x0102030405060708, 0x090A0B0C0D0E0F10)),
            OrgId = "o",
            TeamId = null,
            KeyId = "k",
            RunnerId = "",
            SessionId = "sé",
            Provider = "p",
            Model = "m",
            RequestedModel = "r",
            Endpoint = "e",
            Stream = true,
            Day = DateOnly.FromDayNumber(64),
            Timestamp = new DateTimeOffset(128, TimeSpan.Zero),
            Hold = new NanoUsd(-1),
            PriceVersion = "v",
            Tier = ServiceTier.Batch,
            ClientIp = "i",
            Tags = "a=b",
            PromptHash = ulong.MaxValue,
            Status = RecordStatus.Failed,
            StatusCode = 200,
            Source = UsageSource.Presumed,
            Cost = new NanoUsd(long.MaxValue),
            LatencyMs = 3,
            TtftMs = 2,
        };
        record.Usage[BilledUnit.OutputToken] = 1;
        record.Usage[BilledUnit.MapsSearch] = UsageCounts.MaxCount;
        var bytes = new byte[RecordCodec.MaxBytes];

        var length = RecordCodec.Write(record, bytes);

        Assert.Equal(
            "01" + "0102030405060708090A0B0C0D0E0F10" // version, id
            + "026F" + "00" + "026B" + "01" + "0473C3A9" // org, no team, key, empty runner, session
            + "0270" + "026D" + "0272" + "0265" + "01" // provider, model, as asked for, endpoint, stream
            + "8001" + "8002" + "01" + "0276" + "03" // day, time, hold, price version, tier
            + "0269" + "04613D62" + "01" // address, tags, hash
            + "06" + "9003" + "02" + "FEFFFFFFFFFFFFFFFF01" + "06" + "04" // status, code, source, cost, latency, first byte
            + "02" + "0402" + "18FEFFFFFFFFFFFF1F", // two counts
            Convert.ToHexString(bytes.AsSpan(0, length)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Read_WhatWasWritten_IsTheSame(int seed)
    {
        var random = new RandomRecords(seed, At, At.AddDays(40));
        var bytes = new byte[RecordCodec.MaxBytes];
        for (var i = 0; i < 500; i++)
        {
            var record = random.Make();
            var length = RecordCodec.Write(record, bytes);

            Assert.Equal(SameRecord.Text(record), SameRecord.Text(RecordCodec.Read(bytes.AsSpan(0, length))));
        }
    }

    [Theory]
    [InlineData("k")]
    [InlineData("é")]
    [InlineData("€")]
    [InlineData("😀")]
    public void Read_TextsOfEveryLength_AreTheSame(string letter)
    {
        var bytes = new byte[RecordCodec.MaxBytes];
        var records = new RandomRecords(7, At, At.AddDays(1));
        for (var length = 0; length * System.Text.Encoding.UTF8.GetByteCount(letter) <= UsageRecord.MaxIdBytes; length++)
        {
            var record = records.Make(orgId: string.Concat(Enumerable.Repeat(letter, length)));

            var written = RecordCodec.Write(record, bytes);

            Assert.Equal(SameRecord.Text(record), SameRecord.Text(RecordCodec.Read(bytes.AsSpan(0, written))));
        }
    }

    [Fact]
    public void Write_EverythingAtItsLongest_FitsAndGrowsLessThanReserved()
    {
        var id = new string('x', UsageRecord.MaxIdBytes);
        var record = new UsageRecord
        {
            Id = new RequestId(UInt128.MaxValue),
            OrgId = id,
            TeamId = id,
            KeyId = id,
            RunnerId = id,
            SessionId = id,
            Provider = "p",
            Model = "m",
            RequestedModel = id,
            Endpoint = id,
            Day = DateOnly.MaxValue,
            Timestamp = DateTimeOffset.MaxValue,
            Hold = NanoUsd.MaxValue,
            PriceVersion = id,
            ClientIp = id,
            Tags = new string('x', UsageRecord.MaxTagsBytes),
            PromptHash = ulong.MaxValue / 2,
        };
        var bytes = new byte[RecordCodec.MaxBytes];
        var held = RecordCodec.Write(record, bytes);

        record.Provider = record.Model = id;
        record.Status = RecordStatus.Failed;
        record.StatusCode = int.MinValue;
        record.Cost = new NanoUsd(long.MinValue);
        record.LatencyMs = record.TtftMs = int.MinValue;
        for (var unit = 0; unit < BilledUnits.Count; unit++) record.Usage[(BilledUnit)unit] = UsageCounts.MaxCount;
        var ended = RecordCodec.Write(record, bytes);

        Assert.InRange(ended - held, 1, RecordCodec.MaxGrowth);
    }

    [Fact]
    public void Read_LaterVersion_SaysWhatToDo()
    {
        var bytes = new byte[RecordCodec.MaxBytes];
        RecordCodec.Write(new RandomRecords(1, At, At.AddDays(1)).Make(), bytes);
        bytes[0] = 2;

        Assert.Contains("newer release", Assert.Throws<InvalidDataException>(() => RecordCodec.Read(bytes)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Numbers_OfStoredEnums_AreFrozen()
    {
        Assert.Equal(
            [("Held", 0), ("Settled", 1), ("ClientLeft", 2), ("UpstreamBroken", 3), ("Abandoned", 4), ("Expired", 5), ("Failed", 6)],
            Enum.GetValues<RecordStatus>().Select(status => ($"{status}", (int)status)));
        Assert.Equal([("Provider", 0), ("Estimated", 1), ("Presumed", 2)], Enum.GetValues<UsageSource>().Select(source => ($"{source}", (int)source)));
        Assert.Equal([("Standard", 0), ("Flex", 1), ("Priority", 2), ("Batch", 3), ("Fast", 4)], Enum.GetValues<ServiceTier>().Select(tier => ($"{tier}", (int)tier)));
    }
}
