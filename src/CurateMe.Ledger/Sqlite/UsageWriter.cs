using System.Text;
using CurateMe.Ledger.Records;
using CurateMe.Ledger.Pricing;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace CurateMe.Ledger.Sqlite;

/// <summary>The write side of ledger.db: one transaction per batch, statements prepared once. Callers take turns.</summary>
internal sealed class UsageWriter : IDisposable
{
    readonly SqliteConnection _connection;
    readonly RawStatement _begin, _commit, _rollback, _insert, _rollUp, _rollUpGroup, _rolledUp;
    readonly RollUpTail _tail = new();
    readonly List<UsageRecord> _added = [];
    bool _tailIsAll;
    long _lag;
    DateOnly _day;
    string _dayText = "0001-01-01";

    internal UsageWriter(SqliteConnection connection)
    {
        _connection = connection;
        var db = connection.Handle!;
        _begin = new RawStatement(db, "BEGIN IMMEDIATE");
        _commit = new RawStatement(db, "COMMIT");
        _rollback = new RawStatement(db, "ROLLBACK");
        _insert = new RawStatement(db, LedgerSchema.Insert);
        _rollUp = new RawStatement(db, LedgerSchema.RollUp);
        _rollUpGroup = new RawStatement(db, LedgerSchema.RollUpGroup);
        _rolledUp = new RawStatement(db, LedgerSchema.RolledUp);
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
            for (var i = 0; i < batch.Count; i++)
            {
                if (Insert(batch[i])) _added.Add(batch[i]);
            }
            _commit.Run();
            Committed(due);
            return _added.Count;
        }
        catch
        {
            _insert.Forget();
            _rollUpGroup.Forget();
            if (raw.sqlite3_get_autocommit(_connection.Handle!) == 0) _rollback.Run(); // a full disk has already rolled back
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
            if (raw.sqlite3_get_autocommit(_connection.Handle!) == 0) _rollback.Run();
            throw;
        }
        finally
        {
            SqliteFile.Execute(_connection, "PRAGMA synchronous=NORMAL");
        }
    }

    /// <inheritdoc cref="UsageSums.SumStretch"/>
    internal bool SumStretch()
    {
        try
        {
            return UsageSums.SumStretch(_connection);
        }
        catch
        {
            if (raw.sqlite3_get_autocommit(_connection.Handle!) == 0) _rollback.Run();
            throw;
        }
    }

    public void Dispose()
    {
        foreach (var statement in (RawStatement[])[_begin, _commit, _rollback, _insert, _rollUp, _rollUpGroup, _rolledUp]) statement.Dispose();
        _connection.Dispose();
    }

    // Should this fail in the middle, the table is asked again.
    void Committed(bool rolledUp)
    {
        var all = rolledUp || _tailIsAll;
        _tailIsAll = false;
        if (rolledUp)
        {
            _tail.Clear();
            _lag = 0;
        }
        _lag += _added.Count;
        foreach (var record in _added) _tail.Add(record);
        _tailIsAll = all;
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

    bool Insert(UsageRecord record)
    {
        var insert = _insert;
        record.Id.Format(insert.Text(1, RequestId.Length));
        insert.Text(2, record.OrgId);
        insert.Text(3, record.TeamId);
        insert.Text(4, record.KeyId);
        insert.Text(5, record.RunnerId);
        insert.Text(6, record.SessionId);
        insert.Text(7, record.Provider);
        insert.Text(8, record.Model);
        insert.Text(9, record.RequestedModel);
        insert.Text(10, record.Endpoint);
        insert.Integer(11, record.Stream ? 1 : 0);
        insert.Text(12, record.Status.Name());
        insert.Integer(13, record.StatusCode);
        BindCounts(insert, in record.Usage);
        insert.Integer(21, record.Hold.Value);
        insert.Integer(22, record.Cost.Value);
        insert.Text(23, record.PriceVersion);
        insert.Text(24, record.Tier.Name());
        insert.Text(25, record.Source.Name());
        insert.Integer(26, record.LatencyMs);
        insert.Integer(27, record.TtftMs);
        BindHash(insert, record.PromptHash);
        insert.Text(29, record.ClientIp);
        insert.Text(30, record.Tags);
        insert.Text(31, DayText(record.Day));
        insert.Integer(32, record.Timestamp.ToUnixTimeMilliseconds());
        insert.Run();
        return insert.Changes > 0;
    }

    static void BindCounts(RawStatement insert, in UsageCounts usage)
    {
        insert.Integer(14, usage.PromptTokens);
        insert.Integer(15, usage.CompletionTokens);
        insert.Integer(16, usage[BilledUnit.ReasoningToken]);
        insert.Integer(17, usage[BilledUnit.CachedInputToken]);
        insert.Integer(18, usage[BilledUnit.CacheWrite5mToken]);
        insert.Integer(19, usage[BilledUnit.CacheWrite1hToken]);
        insert.Text(20, UnitCounts.RestToJson(in usage));
    }

    static void BindHash(RawStatement insert, ulong hash)
    {
        hash.TryFormat(insert.Text(28, 16), out _, "x16");
    }

    string DayText(DateOnly day)
    {
        if (day == _day) return _dayText;
        _day = day;
        return _dayText = day.ToString("O");
    }
}
