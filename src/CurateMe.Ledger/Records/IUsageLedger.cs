using CurateMe.Ledger.Money;

namespace CurateMe.Ledger.Records;

/// <summary>
/// The durable usage records. Two implementations: SQLite (one process) and MongoDB (shared); one contract-test suite runs on both.
/// Every call may throw <see cref="LedgerUnavailableException"/>; writing again what was written is always safe.
/// </summary>
public interface IUsageLedger : IAsyncDisposable
{
    /// <summary>Most records in one batch.</summary>
    const int MaxBatch = 10_000;

    /// <summary>How many of the recorder's batches one write takes when that many wait. More than 1 where the price of a write is its commit.</summary>
    int BatchesAtOnce => 1;

    /// <summary>
    /// Stores records whose ids are not there yet and leaves the others alone (I8). When it returns, all of the batch survive the death of this
    /// process; that they survive a loss of power is known after <see cref="SyncAsync"/>. Times are kept to the millisecond.
    /// </summary>
    /// <returns>How many were new.</returns>
    /// <exception cref="ArgumentException">The batch is longer than <see cref="MaxBatch"/>, or holds a record that has not ended.</exception>
    Task<int> RecordAsync(IReadOnlyList<UsageRecord> batch, CancellationToken ct);

    /// <summary>
    /// Makes sure that all for which <see cref="RecordAsync"/> has returned survives a loss of power. Only after it may a journal forget
    /// those records (I5).
    /// </summary>
    Task SyncAsync(CancellationToken ct);

    /// <summary>Work that makes later answers quick and changes none of them; to be called every few minutes, by any number of replicas.</summary>
    Task MaintainAsync(CancellationToken ct);

    /// <summary>One record, or null. Tenants are told apart by <paramref name="orgId"/>: another's record is null (I10).</summary>
    Task<UsageRecord?> FindAsync(string orgId, RequestId id, CancellationToken ct);

    /// <summary>Those of the ids that the org has records of, in any order; at most <see cref="MaxBatch"/> ids.</summary>
    Task<IReadOnlyList<UsageRecord>> FindManyAsync(string orgId, IReadOnlyCollection<RequestId> ids, CancellationToken ct);

    /// <summary>A page of records, at most <see cref="UsageQuery.MaxLimit"/>.</summary>
    /// <exception cref="InvalidCursorException">The cursor is not one that a page in this order gave out.</exception>
    Task<UsagePage> QueryAsync(UsageQuery query, CancellationToken ct);

    /// <summary>
    /// Money charged at each (org, team, key) in a day or a month, for rebuilding counters (I6) and for billing.
    /// </summary>
    /// <param name="orgId">One org, or null for all.</param>
    /// <param name="except">Records to leave out, when <paramref name="orgId"/> is given.</param>
    /// <param name="before">Leave out records admitted at or after this instant, when <paramref name="orgId"/> is given.</param>
    Task<IReadOnlyList<LeafSpend>> SpendAsync(string? orgId, SpendPeriod period, IReadOnlySet<RequestId>? except, DateTimeOffset? before, CancellationToken ct);

    /// <summary>Money charged in runner sessions since they began, of one org or of all when null; only sessions with a record since <paramref name="since"/>.</summary>
    /// <param name="except">As in <see cref="SpendAsync"/>.</param>
    /// <param name="before">As in <see cref="SpendAsync"/>.</param>
    Task<IReadOnlyList<SessionSpend>> SessionSpendAsync(
        string? orgId, DateTimeOffset since, IReadOnlySet<RequestId>? except, DateTimeOffset? before, CancellationToken ct);

    /// <summary>Sums grouped by the dimensions asked for, dearest first.</summary>
    Task<IReadOnlyList<BreakdownRow>> BreakdownAsync(BreakdownQuery query, CancellationToken ct);

    /// <summary>Reads one thing, to learn whether the ledger answers; gives the time of the newest record written by this process or seen in the store.</summary>
    Task<LedgerHealth> CheckAsync(CancellationToken ct);
}

/// <summary>The ledger did not answer or refused; nothing is known to be written.</summary>
public sealed class LedgerUnavailableException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>One UTC day, or one month when <see cref="Month"/> is set (then <see cref="Day"/> is its first).</summary>
public readonly record struct SpendPeriod(DateOnly Day, bool Month)
{
    public static SpendPeriod OfDay(DateOnly day) => new(day, Month: false);
    public static SpendPeriod OfMonth(DateOnly day) => new(new DateOnly(day.Year, day.Month, 1), Month: true);

    /// <summary>First day after the period.</summary>
    public DateOnly End => Month ? Day.AddMonths(1) : Day.AddDays(1);
}

public sealed record LeafSpend(string OrgId, string? TeamId, string KeyId, NanoUsd Cost, long Requests);

public sealed record SessionSpend(string OrgId, string? RunnerId, string SessionId, NanoUsd Cost, long Requests, DateTimeOffset Last);

public enum UsageSort : byte
{
    TimeDesc,
    TimeAsc,
    CostDesc,
    CostAsc,
}

/// <summary>Which usage records, in what order. All conditions are joined by AND.</summary>
public sealed record UsageQuery
{
    /// <summary>Most records in one page.</summary>
    public const int MaxLimit = 1000;

    public required string OrgId { get; init; }
    public int Limit { get; init; } = 50;

    /// <summary>Opaque, from the page before.</summary>
    public string? Cursor { get; init; }
    public UsageSort Sort { get; init; }
    public string? KeyId { get; init; }
    public string? TeamId { get; init; }
    public string? RunnerId { get; init; }
    public string? SessionId { get; init; }
    public string? Model { get; init; }
    public string? Provider { get; init; }

    /// <summary>Inclusive.</summary>
    public DateTimeOffset? From { get; init; }

    /// <summary>Exclusive.</summary>
    public DateTimeOffset? To { get; init; }
    public RecordStatus? Status { get; init; }
    public UsageSource? Source { get; init; }

    /// <summary>One tag with its value, as <c>name=value</c>.</summary>
    public string? Tag { get; init; }
}

public sealed record UsagePage(IReadOnlyList<UsageRecord> Records, string? NextCursor);

/// <summary>Dimensions a breakdown may group by; <see cref="Tag"/> needs <see cref="BreakdownQuery.TagName"/>.</summary>
public enum BreakdownDimension : byte
{
    Model,
    Provider,
    Team,
    Key,
    Runner,
    Session,
    Tag,
    Hour,
    Day,
}

public sealed record BreakdownQuery
{
    /// <summary>Most rows in one answer.</summary>
    public const int MaxRows = 10_000;

    /// <summary>Null asks for all orgs (platform operators only).</summary>
    public string? OrgId { get; init; }
    public required DateTimeOffset From { get; init; }
    public required DateTimeOffset To { get; init; }
    public required IReadOnlyList<BreakdownDimension> By { get; init; }
    public string? TagName { get; init; }
    public int Limit { get; init; } = MaxRows;
}

/// <summary>One group. <see cref="Values"/> are in the order of <see cref="BreakdownQuery.By"/>; null where records have none.</summary>
public sealed record BreakdownRow(IReadOnlyList<string?> Values, NanoUsd Cost, long Requests, long PromptTokens, long CompletionTokens);

public sealed record LedgerHealth(bool Connected, double LatencyMs, DateTimeOffset? LastWrite);
