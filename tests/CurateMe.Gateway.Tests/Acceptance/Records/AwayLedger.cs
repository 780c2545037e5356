using CurateMe.Ledger.Records;
using CurateMe.Ledger.Sqlite;

namespace CurateMe.Gateway.Tests.Acceptance.Records;

/// <summary>The embedded ledger, which can be away.</summary>
sealed class AwayLedger(string directory) : IUsageLedger
{
    readonly SqliteLedger ledger = SqliteLedger.Open(directory, TimeProvider.System);

    public volatile bool Away;

    public Task<int> RecordAsync(IReadOnlyList<UsageRecord> batch, CancellationToken ct) => Here().RecordAsync(batch, ct);
    public Task SyncAsync(CancellationToken ct) => Here().SyncAsync(ct);
    public Task MaintainAsync(CancellationToken ct) => Here().MaintainAsync(ct);
    public Task<UsageRecord?> FindAsync(string orgId, RequestId id, CancellationToken ct) => Here().FindAsync(orgId, id, ct);
    public Task<IReadOnlyList<UsageRecord>> FindManyAsync(string orgId, IReadOnlyCollection<RequestId> ids, CancellationToken ct) => Here().FindManyAsync(orgId, ids, ct);
    public Task<UsagePage> QueryAsync(UsageQuery query, CancellationToken ct) => Here().QueryAsync(query, ct);

    public Task<IReadOnlyList<LeafSpend>> SpendAsync(string? orgId, SpendPeriod period, IReadOnlySet<RequestId>? except, DateTimeOffset? before, CancellationToken ct) =>
        Here().SpendAsync(orgId, period, except, before, ct);

    public Task<IReadOnlyList<SessionSpend>> SessionSpendAsync(string? orgId, DateTimeOffset since, IReadOnlySet<RequestId>? except, DateTimeOffset? before, CancellationToken ct) =>
        Here().SessionSpendAsync(orgId, since, except, before, ct);

    public Task<IReadOnlyList<BreakdownRow>> BreakdownAsync(BreakdownQuery query, CancellationToken ct) => Here().BreakdownAsync(query, ct);
    public Task<LedgerHealth> CheckAsync(CancellationToken ct) => Away ? Task.FromResult(new LedgerHealth(false, 0, null)) : ledger.CheckAsync(ct);
    public ValueTask DisposeAsync() => ledger.DisposeAsync();

    SqliteLedger Here() => Away ? throw new LedgerUnavailableException("away on purpose") : ledger;
}
