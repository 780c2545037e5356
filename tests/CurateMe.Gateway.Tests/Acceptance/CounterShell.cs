using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Records;

namespace CurateMe.Gateway.Tests.Acceptance;

/// <summary>A counter store around another, for tests that change one of its answers.</summary>
abstract class CounterShell(ICounterStore inner) : ICounterStore
{
    public virtual ValueTask<HoldOutcome> HoldAsync(HoldRequest request, CancellationToken ct) => inner.HoldAsync(request, ct);
    public virtual ValueTask<EndOutcome> EndAsync(UsageRecord record, CancellationToken ct) => inner.EndAsync(record, ct);
    public ValueTask<IReadOnlyList<UsageRecord>> ExpireAsync(int max, CancellationToken ct) => inner.ExpireAsync(max, ct);
    public virtual ValueTask<IReadOnlyList<CellTotals>> SnapshotAsync(string orgId, DateOnly day, CancellationToken ct) => inner.SnapshotAsync(orgId, day, ct);
    public ValueTask ConfirmAsync(IReadOnlyList<UsageRecord> recorded, CancellationToken ct) => inner.ConfirmAsync(recorded, ct);
    public ValueTask<CounterMark> MarkAsync(string orgId, CancellationToken ct) => inner.MarkAsync(orgId, ct);
    public ValueTask<IReadOnlyList<RequestId>> CapturedAsync(CounterMark mark, CancellationToken ct) => inner.CapturedAsync(mark, ct);
    public ValueTask AdjustAsync(CounterMark mark, IReadOnlyList<CellDelta> deltas, CancellationToken ct) => inner.AdjustAsync(mark, deltas, ct);
    public virtual ValueTask<CounterHealth> CheckAsync(CancellationToken ct) => inner.CheckAsync(ct);
    public ValueTask DisposeAsync() => inner.DisposeAsync();
}
