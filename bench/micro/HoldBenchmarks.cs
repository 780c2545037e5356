using BenchmarkDotNet.Attributes;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Holds;
using CurateMe.Ledger.Journal;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Pricing;
using CurateMe.Ledger.Records;

namespace CurateMe.Bench.Micro;

/// <summary>
/// What governing one call costs: a hold at org, team, key and session with all limits set, and its end. The journal lies in memory (/dev/shm)
/// where there is one, so that the disk of the machine does not count.
/// </summary>
[MemoryDiagnoser]
[Config(typeof(InThisProcess))]
public class HoldBenchmarks
{
    static readonly TimeSpan Life = TimeSpan.FromMinutes(10);

    readonly UsageRecord[] one = new UsageRecord[1];
    string directory = "";
    InProcessCounters counters = null!;
    JournalFile journal = null!;
    HoldDesk desk = null!;
    BudgetPath path = null!;
    ModelPrice price = null!;

    [GlobalSetup]
    public void Setup()
    {
        var root = Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath();
        directory = Path.Combine(root, $"curateme-bench-{Environment.ProcessId}");
        counters = new InProcessCounters(TimeProvider.System);
        journal = JournalFile.Open(new JournalOptions { Directory = directory });
        desk = new HoldDesk(counters, journal, TimeProvider.System);
        price = PriceList.BuiltIn.Providers.SelectMany(PriceList.BuiltIn.For).First(static model => model.Mode == ModelMode.Chat);
        var most = new NanoUsd(1L << 60);
        path = new BudgetPath("org_bench",
        [
            new BudgetNode(NodeKind.Org, "org_bench", most, most, RequestsPerMinute: 1_000_000_000),
            new BudgetNode(NodeKind.Team, "team_bench", most, most),
            new BudgetNode(NodeKind.Key, "key_bench", most, most),
            new BudgetNode(NodeKind.Session, "session_bench", LifeLimit: most),
        ]);
    }

    [GlobalCleanup]
    public async Task CleanupAsync()
    {
        await journal.DisposeAsync();
        Directory.Delete(directory, recursive: true);
    }

    /// <summary>The record that the caller brings; what is beyond it is the cost of the ledger.</summary>
    [Benchmark(Baseline = true)]
    public UsageRecord Record() => Wish().Record;

    /// <summary>Hold, end, and the word that the ledger has it.</summary>
    [Benchmark]
    public async ValueTask Counters()
    {
        var wish = Wish();
        var outcome = await counters.HoldAsync(wish, CancellationToken.None).ConfigureAwait(false);
        wish.Record.Hold = outcome.Granted;
        wish.Record.Status = RecordStatus.Settled;
        await counters.EndAsync(wish.Record, CancellationToken.None).ConfigureAwait(false);
        one[0] = wish.Record;
        await counters.ConfirmAsync(one, CancellationToken.None).ConfigureAwait(false);
    }

    /// <summary>The same through the desk: price, journal and counters. Segments that are full are forgotten, as a recorder would have it.</summary>
    [Benchmark]
    public async ValueTask Desk()
    {
        var (hold, _) = await desk.TakeAsync(Wish(), CancellationToken.None).ConfigureAwait(false);
        await using (hold!.ConfigureAwait(false))
        {
            hold!.Forwarding();
            hold.Billed(new UsageCounts { [BilledUnit.InputToken] = 100, [BilledUnit.OutputToken] = 50 }, price, UsageSource.Provider, RecordStatus.Settled);
        }
        one[0] = hold.Record;
        await counters.ConfirmAsync(one, CancellationToken.None).ConfigureAwait(false);
        if (journal.Bytes > 256 << 20)
        {
            journal.Checkpoint(new JournalPosition(long.MaxValue, 0));
        }
    }

    HoldRequest Wish()
    {
        var now = TimeProvider.System.GetUtcNow();
        var record = new UsageRecord
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
        return new HoldRequest(record, path, new NanoUsd(1_000_000), new NanoUsd(1_000_000), Life);
    }
}
