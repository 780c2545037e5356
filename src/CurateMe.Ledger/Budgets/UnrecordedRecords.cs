using CurateMe.Ledger.Records;

namespace CurateMe.Ledger.Budgets;

/// <summary>
/// More ended records than are remembered are on their way to the ledger: what the counters should be cannot be told until it has them. Admission does not depend on it.
/// </summary>
public sealed class RecordsOnTheirWayException(string orgId)
    : InvalidOperationException($"Too many records of {orgId} are on their way to the ledger to compare its counters with it; ask again when queue_depth is small.");

/// <summary>
/// How many ended records all orgs together remember until the ledger has them. What ends beyond that is only counted, so that memory stays flat however long the ledger is away; the
/// journal has the records. An org that is not complete is so again when the ledger has all that had ended by then.
/// </summary>
sealed class UnrecordedRecords(int most)
{
    long kept;
    long skipped;
    long caughtUp;

    /// <summary>Records that were not remembered, ever; each has its number.</summary>
    public long Skipped => Interlocked.Read(ref skipped);

    /// <summary>Up to this number the ledger has them.</summary>
    public long CaughtUp => Interlocked.Read(ref caughtUp);

    /// <summary>Whether one more may be remembered.</summary>
    public bool TryKeep()
    {
        if (Interlocked.Increment(ref kept) <= most)
        {
            return true;
        }
        Interlocked.Decrement(ref kept);
        return false;
    }

    /// <summary>One is remembered whatever the limit says: its cost may yet be corrected.</summary>
    public void Keep() => Interlocked.Increment(ref kept);

    public void Forget() => Interlocked.Decrement(ref kept);

    /// <returns>The number of the record that is not remembered.</returns>
    public long Skip() => Interlocked.Increment(ref skipped);

    /// <summary>Says that the ledger has every record up to a number.</summary>
    public void CatchUp(long number) => Interlocked.Exchange(ref caughtUp, number);
}
