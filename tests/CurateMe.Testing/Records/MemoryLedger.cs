using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;

namespace CurateMe.Testing.Records;

/// <summary>A ledger in memory that a test may hold up or break.</summary>
internal sealed class MemoryLedger : IUsageLedger
{
    readonly Lock _gate = new();
    readonly Dictionary<RequestId, UsageRecord> _records = [];
    readonly List<int> _batches = [];
    int _syncs;

    /// <summary>Awaited before each batch is stored; what it throws, the caller gets.</summary>
    internal Func<IReadOnlyList<UsageRecord>, Task>? BeforeRecord { get; set; }

    /// <summary>Awaited after each batch was stored; what it throws, the caller gets although the batch is there.</summary>
    internal Func<IReadOnlyList<UsageRecord>, Task>? AfterRecord { get; set; }

    internal Func<Task>? BeforeSync { get; set; }

    /// <summary>Awaited before each sum is read.</summary>
    internal Func<Task>? BeforeSum { get; set; }

    internal int Syncs => Volatile.Read(ref _syncs);

    internal List<UsageRecord> All
    {
        get
        {
            lock (_gate) return [.. _records.Values];
        }
    }

    internal int Count
    {
        get
        {
            lock (_gate) return _records.Count;
        }
    }

    /// <summary>Sizes of all batches, repeated ones too.</summary>
    internal List<int> Batches
    {
        get
        {
            lock (_gate) return [.. _batches];
        }
    }

    public async Task<int> RecordAsync(IReadOnlyList<UsageRecord> batch, CancellationToken ct)
    {
        var copy = batch.ToList();
        await (BeforeRecord?.Invoke(copy) ?? Task.CompletedTask).WaitAsync(ct);
        LedgerBatch.Check(copy);
        var added = 0;
        lock (_gate)
        {
            _batches.Add(copy.Count);
            foreach (var record in copy)
            {
                if (_records.TryAdd(record.Id, record)) added++;
            }
        }
        await (AfterRecord?.Invoke(copy) ?? Task.CompletedTask);
        return added;
    }

    public async Task SyncAsync(CancellationToken ct)
    {
        await (BeforeSync?.Invoke() ?? Task.CompletedTask).WaitAsync(ct);
        Interlocked.Increment(ref _syncs);
    }

    public Task MaintainAsync(CancellationToken ct) => Task.CompletedTask;

    public Task<UsageRecord?> FindAsync(string orgId, RequestId id, CancellationToken ct)
    {
        lock (_gate) return Task.FromResult(_records.GetValueOrDefault(id) is { } record && record.OrgId == orgId ? record : null);
    }

    public async Task<IReadOnlyList<UsageRecord>> FindManyAsync(string orgId, IReadOnlyCollection<RequestId> ids, CancellationToken ct)
    {
        List<UsageRecord> found = [];
        foreach (var id in ids)
        {
            if (await FindAsync(orgId, id, ct) is { } record) found.Add(record);
        }
        return found;
    }

    public Task<UsagePage> QueryAsync(UsageQuery query, CancellationToken ct) =>
        Task.FromResult(new UsagePage([.. All.Where(record => record.OrgId == query.OrgId).OrderByDescending(record => record.Timestamp).Take(query.Limit)], null));

    public async Task<IReadOnlyList<LeafSpend>> SpendAsync(
        string? orgId, SpendPeriod period, IReadOnlySet<RequestId>? except, DateTimeOffset? before, CancellationToken ct)
    {
        await (BeforeSum?.Invoke() ?? Task.CompletedTask);
        return [.. Chosen(orgId, except, before).Where(record => record.Day >= period.Day && record.Day < period.End)
            .GroupBy(record => (record.OrgId, record.TeamId, record.KeyId))
            .Select(leaf => new LeafSpend(leaf.Key.OrgId, leaf.Key.TeamId, leaf.Key.KeyId, Sum(leaf), leaf.LongCount()))];
    }

    public async Task<IReadOnlyList<SessionSpend>> SessionSpendAsync(
        string? orgId, DateTimeOffset since, IReadOnlySet<RequestId>? except, DateTimeOffset? before, CancellationToken ct)
    {
        await (BeforeSum?.Invoke() ?? Task.CompletedTask);
        return [.. Chosen(orgId, except, before).Where(record => record.SessionId is not null)
            .GroupBy(record => (record.OrgId, record.RunnerId, record.SessionId))
            .Where(session => session.Max(record => record.Timestamp) >= since)
            .Select(session => new SessionSpend(session.Key.OrgId, session.Key.RunnerId, session.Key.SessionId!, Sum(session), session.LongCount(), session.Max(record => record.Timestamp)))];
    }

    public Task<IReadOnlyList<BreakdownRow>> BreakdownAsync(BreakdownQuery query, CancellationToken ct) =>
        throw new NotSupportedException("Breakdowns are asked of a real ledger.");

    public Task<LedgerHealth> CheckAsync(CancellationToken ct) => Task.FromResult(new LedgerHealth(true, 0, null));

    public ValueTask DisposeAsync() => default;

    IEnumerable<UsageRecord> Chosen(string? orgId, IReadOnlySet<RequestId>? except, DateTimeOffset? before) =>
        All.Where(record => (orgId is null || record.OrgId == orgId) && except?.Contains(record.Id) != true && !(record.Timestamp.ToUnixTimeMilliseconds() >= before?.ToUnixTimeMilliseconds()));

    static NanoUsd Sum(IEnumerable<UsageRecord> records) => new(records.Sum(record => record.Cost.Value));
}
