using CurateMe.Ledger.Journal;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Pricing;
using CurateMe.Ledger.Records;
using CurateMe.Testing;
using CurateMe.Testing.Budgets;
using CurateMe.Testing.Records;
using Xunit;

namespace CurateMe.Ledger.Tests.Journal;

public sealed class JournalFileTests : IDisposable
{
    readonly TemporaryDirectory _directory = new();
    readonly TestClock _clock = new();
    readonly Wishes _ask;

    public JournalFileTests() => _ask = new Wishes("org_j", () => _clock.Now);

    public void Dispose() => _directory.Dispose();

    JournalFile Open(int pinned = 4, JournalDurability durability = JournalDurability.Process) =>
        JournalFile.Open(new JournalOptions { Directory = _directory.Path, SegmentBytes = 1 << 20, PinnedSegments = pinned, Durability = durability });

    UsageRecord Record(int tags = 3)
    {
        var record = _ask.Record(_ask.Whole());
        return new UsageRecord
        {
            Id = record.Id,
            OrgId = record.OrgId,
            TeamId = record.TeamId,
            KeyId = record.KeyId,
            SessionId = record.SessionId,
            Provider = record.Provider,
            Model = record.Model,
            RequestedModel = record.RequestedModel,
            Endpoint = record.Endpoint,
            Day = record.Day,
            Timestamp = record.Timestamp,
            PriceVersion = record.PriceVersion,
            Hold = new NanoUsd(100),
            Tags = new string('t', tags),
        };
    }

    async Task<UsageRecord> HeldAsync(JournalFile journal, int tags = 3)
    {
        var record = Record(tags);
        await journal.AppendHoldAsync(record);
        return record;
    }

    async Task<UsageRecord> SettledAsync(JournalFile journal, int tags = 3)
    {
        var record = Wishes.Settled(await HeldAsync(journal, tags), 70);
        await journal.AppendEndAsync(record);
        return record;
    }

    // About as much longer than its hold as an end can be.
    static UsageRecord Grown(UsageRecord record)
    {
        record.Provider = record.Model = new string('x', UsageRecord.MaxIdBytes);
        for (var unit = 0; unit < BilledUnits.Count; unit++) record.Usage[(BilledUnit)unit] = UsageCounts.MaxCount;
        return Wishes.Settled(record, long.MaxValue);
    }

    static List<UsageRecord> ReadAll(JournalFile journal)
    {
        using var reader = new JournalReader(journal, journal.LastCheckpoint);
        return ReadAll(reader);
    }

    static List<UsageRecord> ReadAll(JournalReader reader)
    {
        List<UsageRecord> all = [];
        while (reader.Next() is { } record) all.Add(record);
        return all;
    }

    string[] Segments => [.. Directory.GetFiles(_directory.Path, "*.journal").Order(StringComparer.Ordinal)];

    [Fact]
    public async Task Append_SettledRecords_AreReadInOrderAndOthersPassedOver()
    {
        await using var journal = Open();
        var first = await SettledAsync(journal);
        var held = await HeldAsync(journal);
        var voided = await HeldAsync(journal);
        await journal.AppendEndAsync(voided);
        var second = await SettledAsync(journal);

        Assert.Equal([SameRecord.Text(first), SameRecord.Text(second)], ReadAll(journal).Select(SameRecord.Text));
        Assert.Equal((2, 1, 0), (journal.Settled, journal.OpenHolds, journal.Unwritten));
        Assert.Same(held, Assert.Single(journal.OpenRecords()));
        Assert.Null(journal.Fault);
    }

    [Fact]
    public async Task Read_AcrossManySegments_MissesNothing()
    {
        await using var journal = Open();
        using var reader = new JournalReader(journal, default);
        List<RequestId> written = [];
        List<RequestId> read = [];
        for (var i = 0; i < 4000; i++)
        {
            written.Add((await SettledAsync(journal, tags: i % 1000)).Id);
            if (i % 37 == 0) read.AddRange(ReadAll(reader).Select(record => record.Id));
        }
        read.AddRange(ReadAll(reader).Select(record => record.Id));

        Assert.True(Segments.Length > 3);
        Assert.Equal(written, read);
    }

    [Fact]
    public async Task Read_WhileManyAppend_GivesEachOnce()
    {
        await using var journal = Open();
        using var reader = new JournalReader(journal, default);
        var writers = Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            List<RequestId> mine = [];
            for (var i = 0; i < 1500; i++) mine.Add((await SettledAsync(journal, i % 500)).Id);
            return mine;
        })).ToList();
        List<RequestId> read = [];
        while (writers.Exists(writer => !writer.IsCompleted)) read.AddRange(ReadAll(reader).Select(record => record.Id));
        read.AddRange(ReadAll(reader).Select(record => record.Id));

        var written = await Task.WhenAll(writers);
        Assert.Equal(6000, read.Count);
        foreach (var mine in written) Assert.Equal(mine, read.Where(mine.ToHashSet().Contains));
    }

    [Fact]
    public async Task I2_AppendEnd_SaidAgainOrUnknown_IsIgnored()
    {
        await using var journal = Open();
        var record = await SettledAsync(journal);
        await journal.AppendEndAsync(record);
        await journal.AppendEndAsync(Wishes.Settled(Record(), 5));

        Assert.Equal(record.Id, Assert.Single(ReadAll(journal)).Id);
        Assert.Equal(1, journal.Settled);
    }

    [Fact]
    public async Task I2_AppendHold_OpenAlready_IsNotAppendedAgain()
    {
        await using var journal = Open();
        var record = await HeldAsync(journal);
        await journal.AppendHoldAsync(record);
        await journal.AppendEndAsync(Wishes.Settled(record, 5));

        Assert.Equal(0, journal.OpenHolds);
        Assert.Single(ReadAll(journal));
    }

    [Fact]
    public async Task I3_AppendExpired_OfAnotherReplicasHold_IsARecordForTheLedger()
    {
        await using var journal = Open();
        var foreign = Record();
        Presumed.Complete(foreign, RecordStatus.Expired, _clock.Now);
        await journal.AppendExpiredAsync(foreign);
        var own = await HeldAsync(journal);
        Presumed.Complete(own, RecordStatus.Expired, _clock.Now);
        await journal.AppendExpiredAsync(own);

        Assert.Equal([foreign.Id, own.Id], ReadAll(journal).Select(record => record.Id));
        Assert.Equal(0, journal.OpenHolds);
    }

    [Fact]
    public async Task I5_Open_AfterDeath_GivesOpenHoldsAndUnrecorded()
    {
        UsageRecord open, settled;
        await using (var first = Open())
        {
            settled = await SettledAsync(first);
            open = await HeldAsync(first);
            await first.AppendEndAsync(await HeldAsync(first));
        }

        await using var second = Open();

        Assert.Equal(SameRecord.Text(open), SameRecord.Text(Assert.Single(second.Recovered.OpenHolds)));
        Assert.Equal((1, 0), (second.Recovered.Unrecorded, second.Recovered.DamagedBytes));
        Assert.Equal((1, 1), (second.Settled, second.OpenHolds));
        await second.AppendEndAsync(Wishes.Settled(second.Recovered.OpenHolds[0], 9));
        Assert.Equal([settled.Id, open.Id], ReadAll(second).Select(record => record.Id));
    }

    [Fact]
    public async Task Open_ManyIdleStarts_LeaveOneSegment()
    {
        for (var i = 0; i < 5; i++)
        {
            await using var journal = Open();
        }

        Assert.Single(Segments);
    }

    [Fact]
    public async Task Open_SecondOwner_IsRefused()
    {
        await using var first = Open();

        var refusal = Assert.Throws<JournalUnavailableException>(() => Open());

        Assert.Contains("CM_DATA_DIR", refusal.Message, StringComparison.Ordinal);
        await SettledAsync(first);
    }

    [Fact]
    public void Open_DirectoryIsAFile_IsRefusedAndOpensOnceItIsNot()
    {
        var path = Path.Combine(_directory.Path, "journal");
        File.WriteAllText(path, "");
        var options = new JournalOptions { Directory = path, SegmentBytes = 1 << 20 };
        Assert.Throws<JournalUnavailableException>(() => JournalFile.Open(options));

        File.Delete(path);
        Assert.Null(JournalFile.Open(options).Fault);
    }

    [Theory]
    [InlineData((1 << 20) - 1)]
    [InlineData((1 << 30) + 1)]
    public void Open_SegmentOutOfRange_IsRefused(long bytes) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => JournalFile.Open(new JournalOptions { Directory = _directory.Path, SegmentBytes = bytes }));

    [Fact]
    public async Task Checkpoint_OldSegments_AreDeletedAndNothingIsReadAgain()
    {
        await using (var journal = Open())
        {
            for (var i = 0; i < 2000; i++) await SettledAsync(journal, 1000);
            var before = Segments.Length;
            using var reader = new JournalReader(journal, default);
            var count = ReadAll(reader).Count;
            journal.Recorded(count);
            journal.Checkpoint(reader.Position);

            Assert.True(before >= 3);
            Assert.Single(Segments);
            Assert.Equal(0, journal.Settled);
        }
        await using var again = Open();
        Assert.Equal((0, 0), (again.Settled, ReadAll(again).Count));
        var next = await SettledAsync(again);
        Assert.Equal(next.Id, Assert.Single(ReadAll(again)).Id);
    }

    [Fact]
    public async Task Checkpoint_LongCall_PinsFewSegmentsAndItsHoldIsCarriedForward()
    {
        UsageRecord slow;
        await using (var journal = Open(pinned: 2))
        {
            slow = await HeldAsync(journal);
            using var reader = new JournalReader(journal, default);
            for (var round = 0; round < 6; round++)
            {
                for (var i = 0; i < 800; i++) await SettledAsync(journal, 1000);
                ReadAll(reader);
                journal.Checkpoint(reader.Position);
                Assert.InRange(Segments.Length, 1, 4);
            }
        }
        await using var again = Open();
        Assert.Equal(SameRecord.Text(slow), SameRecord.Text(Assert.Single(again.Recovered.OpenHolds)));
    }

    [Fact]
    public async Task Open_SegmentsLostButCheckpointKept_NewRecordsAreRead()
    {
        await using (var journal = Open())
        {
            for (var i = 0; i < 100; i++) await SettledAsync(journal);
            using var reader = new JournalReader(journal, default);
            ReadAll(reader);
            journal.Checkpoint(reader.Position);
        }
        foreach (var segment in Segments) File.Delete(segment);

        await using var again = Open();
        var record = await SettledAsync(again);

        Assert.Equal(record.Id, Assert.Single(ReadAll(again)).Id);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    [InlineData(19)]
    public async Task Open_CheckpointTornOrDamaged_ReadsAllAgain(int damagedAt)
    {
        await using (var journal = Open())
        {
            await SettledAsync(journal);
            using var reader = new JournalReader(journal, default);
            ReadAll(reader);
            journal.Checkpoint(reader.Position);
        }
        var file = Path.Combine(_directory.Path, "checkpoint");
        var bytes = File.ReadAllBytes(file);
        bytes[damagedAt] ^= 0x40;
        File.WriteAllBytes(file, bytes);

        await using var again = Open();

        Assert.Single(ReadAll(again));
    }

    [Fact]
    public async Task I5_AppendHold_MoreThanASegmentHoldsTheEndsOf_IsRefusedAndEveryEndFits()
    {
        await using var journal = Open();
        List<UsageRecord> open = [];
        while (true)
        {
            var record = Record(1000);
            try
            {
                await journal.AppendHoldAsync(record);
            }
            catch (JournalUnavailableException)
            {
                break;
            }
            open.Add(record);
            Assert.True(open.Count < 10_000);
        }
        var segments = Segments.Length;
        journal.BeforeWrite = () => Assert.Equal(segments, Segments.Length); // an end needs no new segment

        foreach (var record in open)
        {
            await journal.AppendEndAsync(Grown(record));
        }

        Assert.Equal(segments, Segments.Length);
        Assert.Equal((0, open.Count), (journal.OpenHolds, journal.Settled));
        journal.BeforeWrite = null;
        await SettledAsync(journal);
        Assert.Equal(open.Count + 1, ReadAll(journal).Count);
    }

    [Fact]
    public async Task I5_RecoveredHolds_HaveTheirPlaceReservedToo()
    {
        var open = 0;
        await using (var first = Open())
        {
            for (; open < 300; open++) await HeldAsync(first, 1000);
        }
        await using var journal = Open();
        for (var i = 0; i < 5000; i++)
        {
            try
            {
                await HeldAsync(journal, 1000);
            }
            catch (JournalUnavailableException)
            {
                break;
            }
        }
        var segments = Segments.Length;

        foreach (var record in journal.OpenRecords()) await journal.AppendEndAsync(Grown(record));

        Assert.Equal(segments, Segments.Length);
        Assert.Equal(0, journal.OpenHolds);
    }

    [Fact]
    public void Numbers_OfFrames_AreFrozen() =>
        Assert.Equal([("Hold", 1), ("Settle", 2), ("Void", 3)], Enum.GetValues<FrameKind>().Select(kind => ($"{kind}", (int)kind)));
}
