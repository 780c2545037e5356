using System.Diagnostics;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;

namespace CurateMe.Bench.Resp;

/// <summary>Each caller holds at four nodes and settles, as a request does.</summary>
internal static class CountersRunner
{
    private static readonly TimeSpan Life = TimeSpan.FromMinutes(10);
    private static readonly NanoUsd Limit = NanoUsd.FromDollars(1_000_000_000);

    private static readonly BudgetPath Path = new("org_bench",
    [
        new BudgetNode(NodeKind.Org, "org_bench", Limit, Limit, RequestsPerMinute: 1_000_000_000), new BudgetNode(NodeKind.Team, "team_bench", Limit, Limit),
        new BudgetNode(NodeKind.Key, "key_bench", Limit, Limit), new BudgetNode(NodeKind.Session, "session_bench", LifeLimit: Limit),
    ]);

    /// <summary>The load in pairs of hold and settlement.</summary>
    public static async Task<Load> RunAsync(ICounterStore store, int callers, int pairs)
    {
        using var process = Process.GetCurrentProcess();
        var left = pairs;
        process.Refresh();
        var (cpu, bytes, clock) = (process.TotalProcessorTime, GC.GetTotalAllocatedBytes(true), Stopwatch.StartNew());
        await Task.WhenAll(Enumerable.Range(0, callers).Select(_ => Task.Run(async () =>
        {
            while (Interlocked.Decrement(ref left) >= 0)
            {
                var record = Record();
                var outcome = await store.HoldAsync(new HoldRequest(record, Path, new NanoUsd(500), new NanoUsd(500), Life), default);
                (record.Hold, record.Cost, record.Status) = (outcome.Granted, new NanoUsd(300), RecordStatus.Settled);
                if (!(await store.EndAsync(record, default)).Applied)
                    throw new InvalidOperationException("The end was not applied.");
            }
        })));
        clock.Stop();
        process.Refresh();
        return new(pairs / clock.Elapsed.TotalSeconds, (process.TotalProcessorTime - cpu).TotalMicroseconds / pairs, (GC.GetTotalAllocatedBytes(true) - bytes) / (double)pairs);
    }

    private static UsageRecord Record()
    {
        var now = TimeProvider.System.GetUtcNow();
        return new UsageRecord
        {
            Id = RequestId.New(now),
            OrgId = "org_bench",
            TeamId = "team_bench",
            KeyId = "key_bench",
            SessionId = "session_bench",
            Provider = "openai",
            Model = "gpt-4o-mini",
            RequestedModel = "gpt-4o-mini",
            Endpoint = "chat.completions",
            Day = DateOnly.FromDateTime(now.UtcDateTime),
            Timestamp = now,
            PriceVersion = "0123456789ab",
        };
    }
}
