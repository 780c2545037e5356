using CurateMe.Ledger.Journal;
using CurateMe.Ledger.Records;
using CurateMe.Testing;
using CurateMe.Testing.Budgets;
using Xunit;

namespace CurateMe.Ledger.Tests.Journal;

public sealed class JournalFaultTests : IDisposable
{
    readonly TemporaryDirectory _directory = new();
    readonly Wishes _ask = new("org_j", () => new TestClock().Now);
    bool _full;

    public void Dispose() => _directory.Dispose();

    JournalFile Open(JournalDurability durability = JournalDurability.Process)
    {
        var journal = JournalFile.Open(new JournalOptions { Directory = _directory.Path, SegmentBytes = 1 << 20, Durability = durability });
        journal.BeforeWrite = () =>
        {
            if (_full) throw new IOException("No space left on device");
        };
        return journal;
    }

    UsageRecord Record() => _ask.Record(_ask.Whole());

    static int Count(JournalFile journal)
    {
        using var reader = new JournalReader(journal, journal.LastCheckpoint);
        var count = 0;
        while (reader.Next() is not null) count++;
        return count;
    }

    [Fact]
    public async Task I5_AppendHold_DiskFails_IsRefusedUntilItIsWell()
    {
        await using var journal = Open();
        _full = true;
        var refused = Record();

        var exception = await Assert.ThrowsAsync<JournalUnavailableException>(async () => await journal.AppendHoldAsync(refused));

        Assert.Contains("No space left", exception.Message, StringComparison.Ordinal);
        Assert.Equal((0, "No space left on device"), (journal.OpenHolds, journal.Fault));
        Assert.False(journal.RetryUnwritten());
        _full = false;
        Assert.True(journal.RetryUnwritten());
        Assert.Null(journal.Fault);
        await journal.AppendHoldAsync(refused);
        Assert.Equal(1, journal.OpenHolds);
    }

    [Fact]
    public async Task I5_AppendEnd_DiskFails_IsKeptAndWrittenLaterInOrder()
    {
        await using var journal = Open();
        List<UsageRecord> records = [];
        for (var i = 0; i < 5; i++)
        {
            records.Add(Record());
            await journal.AppendHoldAsync(records[i]);
        }
        _full = true;
        var settled = 0;
        journal.OnSettled(() => settled++);
        foreach (var record in records) await journal.AppendEndAsync(Wishes.Settled(record, 1));
        await journal.AppendEndAsync(Wishes.Settled(records[0], 99)); // again: changes nothing

        Assert.Equal((5, 0, 5, 0), (journal.Unwritten, journal.Settled, journal.OpenHolds, settled));
        Assert.NotNull(journal.Fault);
        await Assert.ThrowsAsync<JournalUnavailableException>(async () => await journal.AppendHoldAsync(Record()));

        _full = false;
        Assert.True(journal.RetryUnwritten());
        Assert.Equal((0, 5, 0), (journal.Unwritten, journal.Settled, journal.OpenHolds));
        Assert.True(settled > 0);
        Assert.Equal(5, Count(journal));
    }

    [Fact]
    public async Task I5_AppendHold_EndsWait_WritesThemFirst()
    {
        await using var journal = Open();
        var first = Record();
        await journal.AppendHoldAsync(first);
        _full = true;
        await journal.AppendEndAsync(Wishes.Settled(first, 1));
        _full = false;

        await journal.AppendHoldAsync(Record());

        Assert.Equal((0, 1), (journal.Unwritten, Count(journal)));
        Assert.Null(journal.Fault);
    }

    [Fact]
    public async Task I5_Dispose_EndsWait_WritesThem()
    {
        var record = Record();
        await using (var journal = Open())
        {
            await journal.AppendHoldAsync(record);
            _full = true;
            await journal.AppendEndAsync(Wishes.Settled(record, 1));
            _full = false;
        }
        await using var again = Open();

        Assert.Empty(again.Recovered.OpenHolds);
        Assert.Equal(1, Count(again));
    }

    [Fact]
    public async Task AppendExpired_DiskFails_ForeignRecordIsKept()
    {
        await using var journal = Open();
        _full = true;
        await journal.AppendExpiredAsync(Wishes.Settled(Record(), 1));
        _full = false;

        Assert.True(journal.RetryUnwritten());
        Assert.Equal(1, Count(journal));
    }

    [Fact]
    public async Task I5_AppendHold_DirectoryGone_IsRefusedAtTheNextSegment()
    {
        await using var journal = Open();
        var refused = 0;
        for (var i = 0; i < 2000 && refused == 0; i++)
        {
            if (i == 100) Directory.Delete(_directory.Path, recursive: true);
            try
            {
                await journal.AppendHoldAsync(Record());
            }
            catch (JournalUnavailableException)
            {
                refused = i;
            }
        }

        Assert.True(refused > 100);
        Assert.NotNull(journal.Fault);
        Directory.CreateDirectory(_directory.Path);
        Assert.True(journal.RetryUnwritten());
        await journal.AppendHoldAsync(Record());
    }

    [Fact]
    public async Task Checkpoint_DiskFails_IsAFaultAndNoException()
    {
        await using var journal = Open();
        Directory.CreateDirectory(Path.Combine(_directory.Path, "checkpoint")); // in the file's place

        journal.Checkpoint(new JournalPosition(1, 100));

        Assert.NotNull(journal.Fault);
        Assert.True(journal.RetryUnwritten());
    }

    [Fact]
    public async Task Durability_Disk_ManyShareFlushesAndAllAreThere()
    {
        await using (var journal = Open(JournalDurability.Disk))
        {
            await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
            {
                for (var i = 0; i < 50; i++)
                {
                    var record = Record();
                    await journal.AppendHoldAsync(record);
                    await journal.AppendEndAsync(Wishes.Settled(record, 1));
                }
            })));
            Assert.Equal(400, Count(journal));
        }
        await using var again = Open();
        Assert.Equal((400, 0), (again.Recovered.Unrecorded, again.OpenHolds));
    }
}
