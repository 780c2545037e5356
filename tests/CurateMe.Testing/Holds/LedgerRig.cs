using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Holds;
using CurateMe.Ledger.Journal;
using CurateMe.Ledger.Reconciliation;
using CurateMe.Ledger.Records;
using CurateMe.Testing.Budgets;
using CurateMe.Testing.Configuration;
using CurateMe.Testing.Records;

namespace CurateMe.Testing.Holds;

/// <summary>
/// One gateway's money side: clock, counters, journal, recorder, ledger and desk, wired as at a start. <see cref="Crash"/> gives the rig of the
/// next life, with whatever lay on the disk at that instant.
/// </summary>
internal sealed class LedgerRig : IAsyncDisposable
{
    readonly TemporaryDirectory _directory;

    LedgerRig(TestClock clock, IUsageLedger ledger, ICounterStore? counters, MemoryConfigStore config, TemporaryDirectory directory, JournalDurability durability, RecorderOptions? options)
    {
        _directory = directory;
        Clock = clock;
        Ledger = ledger;
        Config = config;
        Counters = counters ?? new InProcessCounters(clock);
        Journal = JournalFile.Open(new JournalOptions { Directory = directory.Path, SegmentBytes = 1 << 20, Durability = durability });
        Desk = new HoldDesk(Counters, Journal, clock);
        Recorder = new Recorder(Journal, ledger, Counters, options ?? Quick, clock);
        Reconciler = new Reconciler(Counters, ledger, new CounterResets(config), clock);
        Ask = new Wishes("org_rig", () => clock.Now);
    }

    internal static RecorderOptions Quick { get; } = new()
    {
        Linger = TimeSpan.FromMilliseconds(1),
        RetryFrom = TimeSpan.FromMilliseconds(1),
        RetryTo = TimeSpan.FromMilliseconds(20),
    };

    internal TestClock Clock { get; }
    internal ICounterStore Counters { get; }
    internal JournalFile Journal { get; }
    internal HoldDesk Desk { get; }
    internal IUsageLedger Ledger { get; }
    internal MemoryLedger Memory => (MemoryLedger)Ledger;
    internal MemoryConfigStore Config { get; }
    internal Recorder Recorder { get; }
    internal Reconciler Reconciler { get; }
    internal Wishes Ask { get; }
    internal string Directory => _directory.Path;

    internal static LedgerRig Make(
        TestClock? clock = null, IUsageLedger? ledger = null, ICounterStore? counters = null, JournalDurability durability = JournalDurability.Process, RecorderOptions? options = null) =>
        new(clock ?? new TestClock(), ledger ?? new MemoryLedger(), counters, new MemoryConfigStore(), new TemporaryDirectory(), durability, options);

    /// <summary>The order of a start: what was open is presumed, the ledger gets everything, then the counters are rebuilt.</summary>
    internal async Task StartAsync(CancellationToken ct)
    {
        await Desk.RecoverAsync();
        Recorder.Start();
        await Recorder.DrainAsync(ct);
        await Reconciler.RebuildAllAsync(Clock.Today, ct);
    }

    /// <summary>
    /// Another gateway on a copy of this one's journal, same ledger, clock and configuration: as after kill -9. This one goes on existing and
    /// must not be used, but to be disposed of.
    /// </summary>
    internal LedgerRig Crash(ICounterStore? counters = null)
    {
        var copy = new TemporaryDirectory();
        foreach (var file in System.IO.Directory.EnumerateFiles(_directory.Path).Order(StringComparer.Ordinal))
        {
            if (Path.GetFileName(file) == "owner.lock") continue;
            using var from = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using var to = File.Create(Path.Combine(copy.Path, Path.GetFileName(file)));
            from.CopyTo(to);
        }
        return new LedgerRig(Clock, Ledger, counters, Config, copy, JournalDurability.Process, Quick);
    }

    public async ValueTask DisposeAsync()
    {
        await Recorder.DisposeAsync();
        await Journal.DisposeAsync();
        Reconciler.Dispose();
        _directory.Dispose();
    }
}
