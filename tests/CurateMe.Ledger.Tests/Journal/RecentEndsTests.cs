using CurateMe.Ledger.Journal;
using CurateMe.Ledger.Records;
using CurateMe.Testing;
using CurateMe.Testing.Records;
using Xunit;

namespace CurateMe.Ledger.Tests.Journal;

public sealed class RecentEndsTests : IDisposable
{
    static readonly DateTimeOffset At = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    /// <summary>A reader that is handed the newest ends, one that reads only the file, and what was appended: all the same, in the same order.</summary>
    [Theory]
    [InlineData(41)]
    [InlineData(42)]
    [InlineData(43)]
    public async Task Next_WithEndsHandedOver_GivesWhatTheFileHas(int seed)
    {
        var random = new RandomRecords(seed, At, At.AddDays(2));
        List<string> ended = [];
        await WriteAsync(random, ended, steps: 300);
        await using var journal = JournalFile.Open(Options);
        using var handed = new JournalReader(journal, journal.LastCheckpoint, journal.Recent);
        using var file = new JournalReader(journal, journal.LastCheckpoint);
        List<string> first = [];
        List<string> second = [];
        List<UsageRecord> open = [];
        for (var round = 0; round < 12; round++)
        {
            // Sometimes more than are kept, sometimes none.
            for (var steps = random.Random.Next(3) == 0 ? RecentEnds.Size * 2 : random.Random.Next(200); steps > 0; steps--)
            {
                await StepAsync(journal, random, open, ended);
            }
            Read(handed, first, random.Random.Next(2) == 0 ? int.MaxValue : random.Random.Next(RecentEnds.Size));
            Assert.True(handed.Position >= journal.LastCheckpoint);
        }
        Read(handed, first, int.MaxValue);
        Read(file, second, int.MaxValue);

        Assert.Equal(ended, second);
        Assert.Equal(ended, first);
        // Both stand behind the last record: the one only read, the other also passed over the frames after it.
        Assert.True(handed.Position <= file.Position);
    }

    [Fact]
    public async Task Next_ReaderBegunAnewBeforeWhatWasHandedOver_ReadsTheFile()
    {
        var random = new RandomRecords(44, At, At.AddDays(2));
        await using var journal = JournalFile.Open(Options);
        List<string> ended = [];
        List<UsageRecord> open = [];
        var start = journal.LastCheckpoint;
        for (var i = 0; i < 400; i++)
        {
            await StepAsync(journal, random, open, ended);
        }
        List<string> seen = [];
        using (var one = new JournalReader(journal, start, journal.Recent))
        {
            Read(one, seen, ended.Count / 2);
        }
        seen.Clear();
        using var again = new JournalReader(journal, start, journal.Recent);
        Read(again, seen, int.MaxValue);

        Assert.Equal(ended, seen);
    }

    JournalOptions Options => new() { Directory = directory.Path, SegmentBytes = 1 << 20 };

    async Task WriteAsync(RandomRecords random, List<string> ended, int steps)
    {
        await using var journal = JournalFile.Open(Options);
        List<UsageRecord> open = [];
        for (var i = 0; i < steps; i++)
        {
            await StepAsync(journal, random, open, ended);
        }
        foreach (var record in open)
        {
            await EndAsync(journal, record, ended, voided: true);
        }
    }

    static async Task StepAsync(JournalFile journal, RandomRecords random, List<UsageRecord> open, List<string> ended)
    {
        var record = random.Make();
        switch (random.Random.Next(5))
        {
            case 0 when open.Count > 0:
                var at = random.Random.Next(open.Count);
                await EndAsync(journal, open[at], ended, voided: random.Random.Next(4) == 0);
                open.RemoveAt(at);
                break;
            case 1:
                await journal.AppendExpiredAsync(record);
                ended.Add(record.Id.ToString());
                break;
            default:
                var status = record.Status;
                record.Status = RecordStatus.Held;
                await journal.AppendHoldAsync(record);
                record.Status = status;
                if (open.Count < 50)
                {
                    open.Add(record);
                }
                else
                {
                    await EndAsync(journal, record, ended, voided: false);
                }
                break;
        }
    }

    static async Task EndAsync(JournalFile journal, UsageRecord record, List<string> ended, bool voided)
    {
        record.Status = voided ? RecordStatus.Held : record.Status == RecordStatus.Held ? RecordStatus.Settled : record.Status;
        await journal.AppendEndAsync(record);
        if (!voided)
        {
            ended.Add(record.Id.ToString());
        }
    }

    static void Read(JournalReader reader, List<string> into, int most)
    {
        for (; most > 0 && reader.Next() is { } record; most--)
        {
            into.Add(record.Id.ToString());
        }
    }
}
