using CurateMe.Ledger.Records;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace CurateMe.Ledger.Sqlite;

/// <summary>The write side of ledger.db: one transaction per batch, statements prepared once. Callers take turns.</summary>
internal sealed class UsageWriter : IDisposable
{
    readonly SqliteConnection _connection;
    readonly RecordInserts _inserts;
    readonly RawStatement _begin, _commit, _rollback, _rollUp, _rollUpGroup, _rolledUp, _sumGroup, _summed;
    readonly RollUpTail _tail = new();
    readonly SumsTail _sums = new();
    readonly List<UsageRecord> _added = [];
    bool _tailIsAll, _sumsAreAll;
    long _lag, _sumsFrom;

    internal UsageWriter(SqliteConnection connection)
    {
        _connection = connection;
        var db = connection.Handle!;
        _begin = new RawStatement(db, "BEGIN IMMEDIATE");
        _commit = new RawStatement(db, "COMMIT");
        _rollback = new RawStatement(db, "ROLLBACK");
        _inserts = new RecordInserts(connection);
        _rollUp = new RawStatement(db, LedgerSchema.RollUp);
        _rollUpGroup = new RawStatement(db, LedgerSchema.RollUpGroup);
        _rolledUp = new RawStatement(db, LedgerSchema.RolledUp);
        _sumGroup = new RawStatement(db, UsageSums.AddGroup);
        _summed = new RawStatement(db, UsageSums.SummedAsRolledUp);
        _lag = LedgerSchema.RollUpEvery; // whatever the last process left is rolled up with the first batch
    }

    /// <summary>Stores what is new of a batch, or nothing.</summary>
    /// <returns>How many were new.</returns>
    /// <exception cref="SqliteException">Nothing was stored.</exception>
    internal int Write(IReadOnlyList<UsageRecord> batch)
    {
        _begin.Run();
        try
        {
            _added.Clear();
            var due = _lag >= LedgerSchema.RollUpEvery;
            if (due) RollUp();
            _inserts.Run(batch, _added);
            _commit.Run();
            Committed(due);
            return _added.Count;
        }
        catch
        {
            _inserts.Forget();
            RollBack();
            throw;
        }
    }

    /// <summary>Forces everything committed so far to the disk: the sync of this commit covers the whole write-ahead log before it.</summary>
    internal void Sync()
    {
        SqliteFile.Execute(_connection, "PRAGMA synchronous=FULL");
        try
        {
            SqliteFile.Execute(_connection, "BEGIN IMMEDIATE; UPDATE ledger_syncs SET count = count + 1; COMMIT");
        }
        catch
        {
            RollBack();
            throw;
        }
        finally
        {
            SqliteFile.Execute(_connection, "PRAGMA synchronous=NORMAL");
        }
    }

    /// <summary>Brings the sums up to the newest record, or a stretch nearer to it.</summary>
    /// <returns>Whether there is more to do.</returns>
    internal bool SumStretch()
    {
        try
        {
            RollUpNow();
            if (UsageSums.Through(_connection) < _sumsFrom)
            {
                UsageSums.SumStretch(_connection, _sumsFrom);
                return true;
            }
            WriteSums();
            return false;
        }
        catch
        {
            RollBack();
            throw;
        }
    }

    public void Dispose()
    {
        foreach (var statement in (RawStatement[])[_begin, _commit, _rollback, _rollUp, _rollUpGroup, _rolledUp, _sumGroup, _summed]) statement.Dispose();
        _inserts.Dispose();
        _connection.Dispose();
    }

    void WriteSums()
    {
        if (_sums.Count == 0) return;
        _begin.Run();
        _sums.Write(_sumGroup);
        _summed.Run();
        _commit.Run();
        _sums.Clear();
    }

    void RollUpNow()
    {
        if (_lag == 0) return;
        _begin.Run();
        RollUp();
        _commit.Run();
        _added.Clear();
        Committed(rolledUp: true);
    }

    void RollBack()
    {
        _rollUpGroup.Forget();
        _sumGroup.Forget();
        if (raw.sqlite3_get_autocommit(_connection.Handle!) == 0) _rollback.Run(); // a full disk has already rolled back
    }

    // Should this fail in the middle, the table is asked again.
    void Committed(bool rolledUp)
    {
        var tailWasAll = _tailIsAll;
        _tailIsAll = false;
        if (rolledUp)
        {
            Remember(tailWasAll);
            _tail.Clear();
            _lag = 0;
        }
        _lag += _added.Count;
        foreach (var record in _added) _tail.Add(record);
        _tailIsAll = rolledUp || tailWasAll;
    }

    // What the roll-up got is remembered for the sums. Where that is not all, or too much, the sums get everything up to here from the table.
    void Remember(bool tailIsAll)
    {
        var all = _sumsAreAll && tailIsAll;
        _sumsAreAll = false;
        if (all) _tail.AddTo(_sums);
        if (!all || _sums.Count > SumsTail.MaxGroups)
        {
            _sums.Clear();
            _sumsFrom = UsageSums.Number(_connection, "SELECT through FROM gateway_usage_rolled_up");
        }
        _sumsAreAll = true;
    }

    // The first time it is also what the last process left, which only the table knows.
    void RollUp()
    {
        if (_tailIsAll)
        {
            _tail.Write(_rollUpGroup);
        }
        else
        {
            _rollUp.Run();
        }
        _rolledUp.Run();
    }
}
