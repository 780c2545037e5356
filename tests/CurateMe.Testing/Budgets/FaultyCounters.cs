using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Records;

namespace CurateMe.Testing.Budgets;

/// <summary>Counters that a test may cut off, before or after they have done what was asked.</summary>
internal sealed class FaultyCounters(ICounterStore inner) : ICounterStore
{
    /// <summary>Thrown before the operation named; null lets it through.</summary>
    internal Func<string, Exception?> Before { get; set; } = static _ => null;

    /// <summary>Thrown after the operation was carried out.</summary>
    internal Func<string, Exception?> After { get; set; } = static _ => null;

    internal ICounterStore Inner => inner;

    internal static CounterStoreUnavailableException Away(bool unknown = false) => new("the counters are away", unknown);

    public ValueTask<HoldOutcome> HoldAsync(HoldRequest request, CancellationToken ct) => DoAsync("hold", () => inner.HoldAsync(request, ct));

    public ValueTask<EndOutcome> EndAsync(UsageRecord record, CancellationToken ct) => DoAsync("end", () => inner.EndAsync(record, ct));

    public ValueTask<IReadOnlyList<UsageRecord>> ExpireAsync(int max, CancellationToken ct) => DoAsync("expire", () => inner.ExpireAsync(max, ct));

    public ValueTask<IReadOnlyList<CellTotals>> SnapshotAsync(string orgId, DateOnly day, CancellationToken ct) => DoAsync("snapshot", () => inner.SnapshotAsync(orgId, day, ct));

    public async ValueTask ConfirmAsync(IReadOnlyList<UsageRecord> recorded, CancellationToken ct) => await DoAsync("confirm", async () =>
    {
        await inner.ConfirmAsync(recorded, ct);
        return 0;
    });

    public ValueTask<CounterMark> MarkAsync(string orgId, CancellationToken ct) => DoAsync("mark", () => inner.MarkAsync(orgId, ct));

    public ValueTask<IReadOnlyList<RequestId>> CapturedAsync(CounterMark mark, CancellationToken ct) => DoAsync("captured", () => inner.CapturedAsync(mark, ct));

    public async ValueTask AdjustAsync(CounterMark mark, IReadOnlyList<CellDelta> deltas, CancellationToken ct) => await DoAsync("adjust", async () =>
    {
        await inner.AdjustAsync(mark, deltas, ct);
        return 0;
    });

    public ValueTask<CounterHealth> CheckAsync(CancellationToken ct) => DoAsync("check", () => inner.CheckAsync(ct));

    public ValueTask DisposeAsync() => inner.DisposeAsync();

    async ValueTask<T> DoAsync<T>(string operation, Func<ValueTask<T>> work)
    {
        if (Before(operation) is { } before) throw before;
        var result = await work();
        if (After(operation) is { } after) throw after;
        return result;
    }
}
