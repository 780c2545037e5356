using CurateMe.Ledger.Records;

namespace CurateMe.Ledger.Journal;

/// <summary>
/// The newest ended records with their places in the journal, so that the recorder, which is nearly always close behind, need not read them from the file. One thread at a
/// time adds (the journal's lock), one takes. What finds no room is read from the file.
/// </summary>
sealed class RecentEnds
{
    /// <summary>Most records kept.</summary>
    public const int Size = 4096;

    readonly Entry[] ring = new Entry[Size];
    long added;
    long taken;
    JournalPosition? before;

    public void Add(UsageRecord record, JournalPosition from, JournalPosition to)
    {
        // An earlier life of the journal has written no more than its own segments.
        var after = before ?? new JournalPosition(from.Segment, 0);
        if (added - Volatile.Read(ref taken) < Size)
        {
            ring[added % Size] = new Entry(record, after, from, to);
            Volatile.Write(ref added, added + 1);
        }
        before = to;
    }

    /// <summary>The record that ends next after this place, when it is here; the place then moves behind it.</summary>
    public UsageRecord? TryTake(ref JournalPosition place)
    {
        while (taken < Volatile.Read(ref added))
        {
            ref var next = ref ring[taken % Size];
            // Between the end before and its own beginning are only frames that the ledger does not want.
            var here = place >= next.Before && place <= next.From;
            if (!here && place < next.To)
            {
                return null;
            }
            var record = next.Record;
            var to = next.To;
            next = default;
            Volatile.Write(ref taken, taken + 1);
            if (here)
            {
                place = to;
                return record;
            }
        }
        return null;
    }

    readonly record struct Entry(UsageRecord Record, JournalPosition Before, JournalPosition From, JournalPosition To);
}
