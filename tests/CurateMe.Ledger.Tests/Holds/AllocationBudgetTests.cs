using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Holds;
using CurateMe.Ledger.Journal;
using CurateMe.Ledger.Records;
using CurateMe.Testing;
using CurateMe.Testing.Budgets;
using CurateMe.Testing.Holds;
using Xunit;

namespace CurateMe.Ledger.Tests.Holds;

/// <summary>Bytes do not depend on the machine, so they are budgeted: what is allocated per call beyond the record that the caller brings.</summary>
public sealed class AllocationBudgetTests
{
    const int Calls = 2000;

    readonly TestClock _clock = new();

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Counters_HoldAndEnd_AllocateNothing()
    {
        await using var counters = new InProcessCounters(_clock);
        var ask = new Wishes("org_a", () => _clock.Now);
        var path = ask.Path(ask.Org(1L << 60, 1L << 60, rpm: 1_000_000_000), Wishes.Team(1L << 60), Wishes.Key(1L << 60), Wishes.Session(1L << 60));
        var requests = Enumerable.Range(0, Calls).Select(_ => ask.Ask(path, 1000)).ToArray();
        var batch = new UsageRecord[1];

        long Run()
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            foreach (var request in requests)
            {
                Assert.True(Completed(counters.HoldAsync(request, CancellationToken.None)).Verdict == HoldVerdict.Admitted);
                request.Record.Status = RecordStatus.Settled;
                Completed(counters.EndAsync(request.Record, CancellationToken.None));
                batch[0] = request.Record;
                AssertCompleted(counters.ConfirmAsync(batch, CancellationToken.None));
            }
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
        Run();

        // The second time the maps have their size.
        Assert.InRange(Run(), 0, Calls / 2); // less than a byte per call
    }

    [Fact]
    public async Task Desk_TakeAndDispose_AllocateOnlyTheHold()
    {
        using var directory = new TemporaryDirectory();
        await using var counters = new InProcessCounters(_clock);
        await using var journal = JournalFile.Open(new JournalOptions { Directory = directory.Path });
        var desk = new HoldDesk(counters, journal, _clock);
        var ask = new Wishes("org_a", () => _clock.Now);
        var path = ask.Path(ask.Org(1L << 60), Wishes.Team(), Wishes.Key(), Wishes.Session());
        var batch = new UsageRecord[1];

        long Run(HoldRequest[] requests)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            foreach (var request in requests)
            {
                var hold = Completed(desk.TakeAsync(request, CancellationToken.None)).Hold!;
                hold.Forwarding();
                hold.Charge(10);
                AssertCompleted(hold.DisposeAsync());
                batch[0] = request.Record;
                AssertCompleted(counters.ConfirmAsync(batch, CancellationToken.None));
            }
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
        HoldRequest[] Requests() => [.. Enumerable.Range(0, Calls).Select(_ => ask.Ask(path, 1000))];
        Run(Requests());

        Assert.InRange(Run(Requests()) / Calls, 0, 160);
    }

    static void AssertCompleted(ValueTask task) => Assert.True(task.IsCompletedSuccessfully);

    static T Completed<T>(ValueTask<T> task)
    {
        Assert.True(task.IsCompletedSuccessfully);
        return task.Result;
    }
}
