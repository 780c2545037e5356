using CurateMe.Gateway.Admin;
using CurateMe.Ledger.Journal;

namespace CurateMe.Gateway.Dashboard;

/// <summary>
/// Lists wait for what has settled, but at most <see cref="LedgerReads.MaxWait"/>. This notices when the ledger took longer with what watchers were told of, so
/// that who read a list too early is told to read it again. One loop looks; any thread expects.
/// </summary>
sealed class LateRecords(JournalFile journal, TimeProvider time)
{
    /// <summary>Well below what a list waits: whoever could have read too early is told.</summary>
    public static readonly TimeSpan Late = LedgerReads.MaxWait / 2;

    /// <summary>While the ledger stays behind, everything is read again so often at most.</summary>
    public static readonly TimeSpan TellEvery = TimeSpan.FromSeconds(5);

    int _expected;
    (long Settled, long At)? _waited;
    bool _late;
    long _told = long.MinValue;

    /// <summary>Something expected is not in the ledger yet.</summary>
    public bool Waits => _waited is not null;

    /// <summary>Somebody reads a list now, or soon, and looks for what has settled so far.</summary>
    public void Expect()
    {
        if (Volatile.Read(ref _expected) == 0)
        {
            Volatile.Write(ref _expected, 1);
        }
    }

    /// <summary>True when something expected came into the ledger late and nobody was told yet. Ask it a few times in <see cref="Late"/>.</summary>
    public bool Take()
    {
        if (_waited is { } waited && journal.RecordedEver >= waited.Settled)
        {
            _late |= time.GetElapsedTime(waited.At) > Late;
            _waited = null;
        }
        if (_waited is null && Interlocked.Exchange(ref _expected, 0) != 0)
        {
            _waited = (journal.SettledEver, time.GetTimestamp());
        }
        if (!_late || (_told != long.MinValue && time.GetElapsedTime(_told) < TellEvery))
        {
            return false;
        }
        _late = false;
        _told = time.GetTimestamp();
        return true;
    }
}
