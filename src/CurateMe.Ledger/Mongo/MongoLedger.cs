using System.Diagnostics;
using CurateMe.Ledger.Records;

namespace CurateMe.Ledger.Mongo;

/// <summary>
/// The ledger of shared mode: collection <c>gateway_usage</c>, unique on <c>request_id</c>. A batch is an unordered insert whose duplicates are
/// passed over; it is stored by a majority and in their journals when <see cref="RecordAsync"/> returns. Sums of days that are over are kept by
/// <see cref="RolledUpDays"/>, and brought up by <see cref="MaintainAsync"/>.
/// </summary>
public sealed class MongoLedger : IUsageLedger
{
    public const string Collection = "gateway_usage";

    /// <summary>Most documents in one insert.</summary>
    internal const int InsertChunk = 1_000;

    readonly MongoConnection _connection;
    readonly TimeProvider _time;
    long _lastWriteMs;

    MongoLedger(MongoConnection connection, TimeProvider time)
    {
        _connection = connection;
        _time = time;
    }

    /// <summary>Connects, and makes the indexes that are not there.</summary>
    /// <exception cref="LedgerUnavailableException">The driver is not installed, the URL is wrong, or the server does not answer.</exception>
    public static async Task<MongoLedger> OpenAsync(MongoOptions options, TimeProvider time, CancellationToken ct)
    {
        MongoConnection? connection = null;
        try
        {
            connection = new MongoConnection(options);
            await connection.RunAsync(MongoIndexes.OfLedger, ct);
            return new MongoLedger(connection, time);
        }
        catch (MongoException e)
        {
            connection?.Dispose();
            throw Unavailable("cannot be opened", e);
        }
        catch
        {
            connection?.Dispose();
            throw;
        }
    }

    public async Task<int> RecordAsync(IReadOnlyList<UsageRecord> batch, CancellationToken ct)
    {
        LedgerBatch.Check(batch);
        if (batch.Count == 0) return 0;
        var now = _time.GetUtcNow();
        var added = await RunAsync("did not store a batch", session => Record(session, batch, now), ct);
        Volatile.Write(ref _lastWriteMs, _time.GetUtcNow().ToUnixTimeMilliseconds());
        return added;
    }

    /// <summary>Nothing is left to do: a batch is durable when it is stored.</summary>
    public Task SyncAsync(CancellationToken ct) => Task.CompletedTask;

    public Task MaintainAsync(CancellationToken ct) => RunAsync("could not sum up days", session =>
    {
        RolledUpDays.SumUp(session, _time.GetUtcNow());
        return true;
    }, ct);

    public Task<UsageRecord?> FindAsync(string orgId, RequestId id, CancellationToken ct) => RunAsync("did not answer", session =>
        session.Find(Collection, new Bson { { "_id", id.ToString() }, { "org_id", orgId } }, []).Select(UsageDocuments.Read).SingleOrDefault(), ct);

    public Task<IReadOnlyList<UsageRecord>> FindManyAsync(string orgId, IReadOnlyCollection<RequestId> ids, CancellationToken ct) => RunAsync<IReadOnlyList<UsageRecord>>("did not answer", session =>
        session.Find(Collection, new Bson { { "_id", new Bson { { "$in", ids.Select(static id => id.ToString()) } } }, { "org_id", orgId } }, []).ConvertAll(UsageDocuments.Read), ct);

    public Task<UsagePage> QueryAsync(UsageQuery query, CancellationToken ct)
    {
        var after = UsageCursor.Parse(query.Cursor, query.Sort);
        return RunAsync("did not answer", session => UsageFinds.Page(session, query, after), ct);
    }

    public Task<IReadOnlyList<BreakdownRow>> BreakdownAsync(BreakdownQuery query, CancellationToken ct) =>
        RunAsync<IReadOnlyList<BreakdownRow>>("did not answer", session => UsageSums.Breakdown(session, query), ct);

    public Task<IReadOnlyList<LeafSpend>> SpendAsync(
        string? orgId, SpendPeriod period, IReadOnlySet<RequestId>? except, DateTimeOffset? before, CancellationToken ct) =>
        RunAsync<IReadOnlyList<LeafSpend>>("did not answer", session => UsageSums.ByKey(session, period, new SpendScope(orgId, except, before)), ct);

    public Task<IReadOnlyList<SessionSpend>> SessionSpendAsync(
        string? orgId, DateTimeOffset since, IReadOnlySet<RequestId>? except, DateTimeOffset? before, CancellationToken ct) =>
        RunAsync<IReadOnlyList<SessionSpend>>("did not answer", session => UsageSums.BySession(session, since, new SpendScope(orgId, except, before)), ct);

    public async Task<LedgerHealth> CheckAsync(CancellationToken ct)
    {
        var started = Stopwatch.GetTimestamp();
        var seen = await RunAsync("did not answer", UsageFinds.Newest, ct);
        var wrote = Volatile.Read(ref _lastWriteMs);
        return new LedgerHealth(true, Stopwatch.GetElapsedTime(started).TotalMilliseconds, wrote == 0 ? seen : DateTimeOffset.FromUnixTimeMilliseconds(wrote));
    }

    /// <summary>What the server says of itself.</summary>
    public Task<MongoServerState> StateAsync(CancellationToken ct) => RunAsync("did not answer", MongoServerState.Read, ct);

    public async ValueTask DisposeAsync() => await Task.Run(_connection.Dispose); // waits for the calls that run

    int Record(MongoSession session, IReadOnlyList<UsageRecord> batch, DateTimeOffset now)
    {
        var days = batch.Select(record => record.Day).Distinct().ToList();
        var late = LateAt(days, now);
        var mark = RolledUpDays.Mark(session, late, now);
        var added = 0;
        foreach (var chunk in batch.Chunk(InsertChunk)) added += Insert(session, chunk);
        if (mark is not null) RolledUpDays.Unmark(session, late, mark);
        RolledUpDays.Touch(session, [.. LateAt(days, _time.GetUtcNow()).Except(late)]);
        return added;
    }

    static List<DateOnly> LateAt(List<DateOnly> days, DateTimeOffset now) => [.. days.Where(day => now >= RolledUpDays.End(day) + RolledUpDays.LateAfter)];

    static int Insert(MongoSession session, UsageRecord[] chunk)
    {
        var reply = session.TryWrite(new Bson { { "insert", Collection }, { "ordered", false }, { "documents", chunk.Select(UsageDocuments.Write) } });
        foreach (var error in reply.List("writeErrors").OfType<BsonFields>())
        {
            if (MongoException.Of(error) is { Code: not MongoException.DuplicateKey } refused) throw refused;
        }
        return (int)reply.Number("n");
    }

    async Task<T> RunAsync<T>(string failure, Func<MongoSession, T> work, CancellationToken ct)
    {
        try
        {
            return await _connection.RunAsync(work, ct);
        }
        catch (MongoException e)
        {
            throw Unavailable(failure, e);
        }
    }

    static LedgerUnavailableException Unavailable(string what, MongoException e) => new($"The MongoDB ledger {what}: {e.Message} (code {e.Code})", e);
}
