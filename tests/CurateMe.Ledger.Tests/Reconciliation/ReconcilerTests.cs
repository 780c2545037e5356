using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Configuration;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;
using CurateMe.Ledger.Sqlite;
using CurateMe.Testing;
using CurateMe.Testing.Budgets;
using CurateMe.Testing.Holds;
using CurateMe.Testing.Records;
using Xunit;

namespace CurateMe.Ledger.Tests.Reconciliation;

public sealed class ReconcilerTests
{
    static CancellationToken Ct => TestContext.Current.CancellationToken;

    static async Task CallAsync(LedgerRig rig, long cost, BudgetPath? path = null)
    {
        var (hold, _) = await rig.Desk.TakeAsync(rig.Ask.Ask(path ?? rig.Ask.Whole(), Math.Max(cost, 1)), Ct);
        await using (hold)
        {
            hold!.Forwarding();
            hold.Charge(cost);
        }
    }

    static async Task TamperAsync(LedgerRig rig, params (CellName Cell, long Delta)[] deltas)
    {
        var mark = await rig.Counters.MarkAsync(rig.Ask.OrgId, Ct);
        await rig.Counters.AdjustAsync(mark, [.. deltas.Select(delta => new CellDelta(delta.Cell, new NanoUsd(delta.Delta)))], Ct);
    }

    static AuditDraft Audit(LedgerRig rig) => new(rig.Clock.Now, "op", null, "reset_daily", "org", rig.Ask.OrgId, rig.Ask.OrgId, null, null);

    static async Task<(long Spent, long Held)> AtAsync(LedgerRig rig, string field, PeriodKind period)
    {
        var cell = (await rig.Counters.SnapshotAsync(rig.Ask.OrgId, rig.Clock.Today, Ct)).SingleOrDefault(cell => cell.Field == field && cell.Period == period);
        return (cell?.Spent.Value ?? 0, cell?.Held.Value ?? 0);
    }

    Task<CurateMe.Ledger.Reconciliation.ReconcileReport> RunAsync(LedgerRig rig, bool apply = true) => rig.Reconciler.RunAsync(rig.Ask.OrgId, rig.Clock.Today, apply, Ct);

    [Fact]
    public async Task I6_Run_CountersRight_ChangesNothing()
    {
        await using var rig = LedgerRig.Make();
        rig.Recorder.Start();
        for (var i = 1; i <= 10; i++) await CallAsync(rig, i);
        await rig.Recorder.DrainAsync(Ct);
        await rig.Desk.TakeAsync(rig.Ask.Ask(rig.Ask.Whole(), 70), Ct);

        var report = await RunAsync(rig);

        Assert.Equal(7, report.Cells.Count);
        Assert.All(report.Cells, cell => Assert.Equal((55, 55, 55, 0, false), (cell.Before.Value, cell.After.Value, cell.Ledger.Value, cell.Unrecorded.Value, cell.Changed)));
        Assert.Equal((55, 70), await AtAsync(rig, "org", PeriodKind.Day));
    }

    [Fact]
    public async Task I6_Run_RecordsOnTheirWay_ExplainTheDifference()
    {
        await using var rig = LedgerRig.Make();
        var away = false;
        rig.Memory.BeforeRecord = _ => away ? throw new LedgerUnavailableException("away") : Task.CompletedTask;
        rig.Recorder.Start();
        await CallAsync(rig, 10);
        await rig.Recorder.DrainAsync(Ct);
        away = true;
        await CallAsync(rig, 5);
        await CallAsync(rig, 2);

        var report = await RunAsync(rig);

        Assert.All(report.Cells, cell => Assert.Equal((17, 17, 17, 7), (cell.Before.Value, cell.After.Value, cell.Ledger.Value, cell.Unrecorded.Value)));
        Assert.Equal((17, 0), await AtAsync(rig, "session:s1", PeriodKind.Life));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AC20_Run_CountersTampered_AreRepairedOnlyWhenAsked(bool apply)
    {
        await using var rig = LedgerRig.Make();
        rig.Recorder.Start();
        await CallAsync(rig, 100);
        await rig.Recorder.DrainAsync(Ct);
        var month = new DateOnly(rig.Clock.Today.Year, rig.Clock.Today.Month, 1);
        await TamperAsync(
            rig, (new CellName("org", PeriodKind.Day, rig.Clock.Today), -60), (new CellName("team:t1", PeriodKind.Month, month), 5),
            (new CellName("session:s1", PeriodKind.Life, default), 7), (new CellName("key:ghost", PeriodKind.Day, rig.Clock.Today), 9));

        var report = await RunAsync(rig, apply);

        Assert.Equal(["key:ghost", "org", "session:s1", "team:t1"], report.Cells.Where(cell => cell.Changed).Select(cell => cell.Field).Order(StringComparer.Ordinal));
        Assert.Equal(apply ? 100 : 40, (await AtAsync(rig, "org", PeriodKind.Day)).Spent);
        Assert.Equal(apply ? 0 : 9, (await AtAsync(rig, "key:ghost", PeriodKind.Day)).Spent);
        Assert.Equal(apply ? 0 : 4, (await RunAsync(rig)).Cells.Count(cell => cell.Changed));
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(3, true)]
    public async Task I6_AC20_Run_TamperedUnderTraffic_EndsExact(int seed, bool sqlite)
    {
        using var directory = new TemporaryDirectory();
        var clock = new TestClock();
        await using IUsageLedger ledger = sqlite ? SqliteLedger.Open(directory.Path, clock) : new MemoryLedger();
        await using var rig = LedgerRig.Make(clock, ledger);
        rig.Recorder.Start();
        var stopped = 0;
        var calls = 0;
        var workers = Enumerable.Range(0, 3).Select(worker => Task.Run(async () =>
        {
            var random = new Random(seed + (worker * 1000));
            while (Volatile.Read(ref stopped) == 0)
            {
                BudgetNode[] nodes = [rig.Ask.Org(), Wishes.Team(id: $"t{random.Next(2)}"), Wishes.Key(id: $"k{random.Next(4)}"), Wishes.Session(id: $"s{random.Next(3)}")];
                await CallAsync(rig, random.Next(1, 1000), rig.Ask.Path(nodes[..random.Next(3, 5)]));
                rig.Clock.Advance(TimeSpan.FromMilliseconds(random.Next(3)));
                Interlocked.Increment(ref calls);
                if (random.Next(5) == 0) await Task.Delay(1);
            }
        }, Ct)).ToList();
        var tamper = new Random(seed);
        for (var round = 0; round < 15; round++)
        {
            var wanted = Volatile.Read(ref calls) + 20;
            await Poll.UntilAsync(() => Volatile.Read(ref calls) >= wanted, "calls go on");
            var delta = tamper.Next(-5000, 5000);
            await TamperAsync(rig, (new CellName($"key:k{round % 4}", PeriodKind.Day, clock.Today), delta), (new CellName("session:s1", PeriodKind.Life, default), delta));
            var report = await RunAsync(rig);
            Assert.All(report.Cells, cell => Assert.True(!cell.Changed || cell.Field == $"key:k{round % 4}" || cell.Field == "session:s1", $"seed {seed}, round {round}: {cell}"));
            Assert.All(report.Cells.Where(cell => cell.Changed), cell => Assert.Equal(delta, cell.Before.Value - cell.After.Value));
        }
        Volatile.Write(ref stopped, 1);
        await Task.WhenAll(workers);
        await rig.Recorder.DrainAsync(Ct);

        Assert.All((await RunAsync(rig, apply: false)).Cells, cell => Assert.Equal((cell.Ledger.Value, 0L), (cell.Before.Value, cell.Unrecorded.Value)));
        var sums = await ledger.SpendAsync(rig.Ask.OrgId, SpendPeriod.OfDay(clock.Today), null, null, Ct);
        Assert.Equal((sums.Sum(leaf => leaf.Cost.Value), 0L), await AtAsync(rig, "org", PeriodKind.Day));
    }

    [Fact]
    public async Task I6_Run_HoldWithAnEarlierTimeComesIn_IsNotCountedTwice()
    {
        await using var rig = LedgerRig.Make();
        rig.Recorder.Start();
        await CallAsync(rig, 10);
        await rig.Recorder.DrainAsync(Ct);
        var once = true;
        rig.Memory.BeforeSum = async () =>
        {
            if (!once) return;
            once = false;
            var now = rig.Clock.Now;
            rig.Clock.Set(now.AddMinutes(-5)); // a clock is set back while the ledger is summed
            await CallAsync(rig, 3);
            rig.Clock.Set(now);
            await rig.Recorder.DrainAsync(Ct);
        };

        var report = await RunAsync(rig);

        Assert.All(report.Cells, cell => Assert.Equal((10, false), (cell.Before.Value, cell.Changed)));
        Assert.Equal((13, 0), await AtAsync(rig, "org", PeriodKind.Day));
    }

    [Fact]
    public async Task I6_Run_LiveHoldIsRecordedMeanwhile_IsNotCountedTwice()
    {
        await using var rig = LedgerRig.Make();
        rig.Recorder.Start();
        await CallAsync(rig, 10);
        var (hold, _) = await rig.Desk.TakeAsync(rig.Ask.Ask(rig.Ask.Whole(), 100), Ct);
        hold!.Forwarding();
        await rig.Recorder.DrainAsync(Ct);
        rig.Clock.Advance(TimeSpan.FromMinutes(1));
        rig.Memory.BeforeSum = async () =>
        {
            rig.Memory.BeforeSum = null;
            hold.Charge(7);
            await hold.DisposeAsync();
            await rig.Recorder.DrainAsync(Ct);
        };

        var report = await RunAsync(rig);

        Assert.All(report.Cells, cell => Assert.Equal((10, false), (cell.Before.Value, cell.Changed)));
        Assert.Equal((17, 0), await AtAsync(rig, "org", PeriodKind.Day));
    }

    [Fact]
    public async Task Run_LedgerFails_EndsItsMark()
    {
        await using var rig = LedgerRig.Make();
        rig.Memory.BeforeSum = () => throw new LedgerUnavailableException("away");

        await Assert.ThrowsAsync<LedgerUnavailableException>(() => RunAsync(rig));

        var open = new CounterMark(rig.Ask.OrgId, 1, default, new Dictionary<CellName, NanoUsd>(), [], []);
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await rig.Counters.CapturedAsync(open, Ct));
    }

    [Fact]
    public async Task I6_Run_RecorderCouldNotTellTheCounters_ConfirmsWhatTheLedgerHas()
    {
        var clock = new TestClock();
        var counters = new FaultyCounters(new InProcessCounters(clock)) { Before = static operation => operation == "confirm" ? FaultyCounters.Away() : null };
        await using var rig = LedgerRig.Make(clock, counters: counters);
        rig.Recorder.Start();
        await CallAsync(rig, 10);
        await rig.Recorder.DrainAsync(Ct);
        counters.Before = static _ => null;
        clock.Advance(TimeSpan.FromMinutes(2));

        var first = await RunAsync(rig);
        var second = await RunAsync(rig);

        Assert.All(first.Cells, cell => Assert.Equal((10, 10, 10), (cell.Before.Value, cell.After.Value, cell.Unrecorded.Value)));
        Assert.All(second.Cells, cell => Assert.Equal((10, 10, 0), (cell.Before.Value, cell.After.Value, cell.Unrecorded.Value)));
    }

    [Fact]
    public async Task I6_Run_ManyThatTheCountersWereNotToldOf_AreConfirmedBeforeTheSum()
    {
        var counters = new FaultyCounters(new InProcessCounters(TimeProvider.System)) { Before = static operation => operation == "confirm" ? FaultyCounters.Away() : null };
        await using var rig = LedgerRig.Make(counters: counters);
        rig.Recorder.Start();
        for (var i = 0; i < 1200; i++) await CallAsync(rig, 10);
        await rig.Recorder.DrainAsync(Ct);
        counters.Before = static _ => null;

        var report = await RunAsync(rig);

        Assert.All(report.Cells, cell => Assert.Equal((12_000, 12_000, 0), (cell.Before.Value, cell.After.Value, cell.Unrecorded.Value)));
    }

    /// <summary>The gateway that ended it brings its record at the same moment, with what the call cost in truth.</summary>
    [Fact]
    public async Task I6_Run_LostRecordThatTheLedgerGetsMeanwhile_CountersFollowTheLedger()
    {
        await using var rig = LedgerRig.Make();
        await CallAsync(rig, 10);
        rig.Clock.Advance(TimeSpan.FromMinutes(11));
        rig.Memory.BeforeRecord = async batch =>
        {
            rig.Memory.BeforeRecord = null;
            var other = batch[0].AsHeld();
            (other.Status, other.Cost) = (RecordStatus.Settled, new NanoUsd(7));
            await rig.Memory.RecordAsync([other], Ct);
        };

        await RunAsync(rig);

        Assert.Equal(7, Assert.Single(rig.Memory.All).Cost.Value);
        Assert.Equal((7, 0), await AtAsync(rig, "org", PeriodKind.Day));
    }

    [Fact]
    public async Task ResetDay_StaysInForceAndSpendGoesOn()
    {
        await using var rig = LedgerRig.Make();
        rig.Recorder.Start();
        await CallAsync(rig, 40);
        await CallAsync(rig, 2); // one may still be on its way
        await rig.Desk.TakeAsync(rig.Ask.Ask(rig.Ask.Whole(), 7), Ct);

        var stood = await rig.Reconciler.ResetDayAsync(rig.Ask.OrgId, _ => Audit(rig), Ct);

        Assert.Equal([("key:k1", 42), ("org", 42), ("team:t1", 42)], stood.Select(cell => (cell.Key, cell.Value.Value)).Order());
        Assert.Equal((0, 7), await AtAsync(rig, "org", PeriodKind.Day));
        Assert.Equal((42, 7), await AtAsync(rig, "org", PeriodKind.Month));
        await CallAsync(rig, 5);
        await rig.Recorder.DrainAsync(Ct);
        var report = await RunAsync(rig);
        Assert.True(report.ResetInForce);
        Assert.DoesNotContain(report.Cells, cell => cell.Changed);
        var day = report.Cells.Single(cell => cell is { Field: "org", Period: PeriodKind.Day });
        Assert.Equal((5, 47, 42), (day.After.Value, day.Ledger.Value, day.Reset.Value));
        Assert.Equal("reset_daily", Assert.Single(await rig.Config.AuditAsync(new AuditQuery(), Ct)).Draft.Action);
        Assert.Equal(3, rig.Memory.Count);
    }

    [Fact]
    public async Task ResetDay_Twice_AddsUp()
    {
        await using var rig = LedgerRig.Make();
        rig.Recorder.Start();
        await CallAsync(rig, 40);
        await rig.Reconciler.ResetDayAsync(rig.Ask.OrgId, _ => Audit(rig), Ct);
        await CallAsync(rig, 5);
        await rig.Reconciler.ResetDayAsync(rig.Ask.OrgId, _ => Audit(rig), Ct);
        await CallAsync(rig, 1);
        await rig.Recorder.DrainAsync(Ct);

        Assert.DoesNotContain((await RunAsync(rig)).Cells, cell => cell.Changed);
        Assert.Equal((1, 0), await AtAsync(rig, "key:k1", PeriodKind.Day));
    }

    [Fact]
    public async Task AC13_ResetDay_CounterHadDrifted_NeverEndsBelowZero()
    {
        await using var rig = LedgerRig.Make();
        rig.Recorder.Start();
        await CallAsync(rig, 40);
        await rig.Recorder.DrainAsync(Ct);
        await TamperAsync(rig, (new CellName("org", PeriodKind.Day, rig.Clock.Today), 60));

        var stood = await rig.Reconciler.ResetDayAsync(rig.Ask.OrgId, _ => Audit(rig), Ct);
        await RunAsync(rig);

        Assert.Equal(100, stood["org"].Value);
        Assert.Equal((0, 0), await AtAsync(rig, "org", PeriodKind.Day));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-7200)]
    public async Task AC20_RebuildAll_NewProcess_EqualsTheOldCounters(int clockSetBackSeconds)
    {
        await using var rig = LedgerRig.Make();
        rig.Recorder.Start();
        for (var i = 0; i < 50; i++) await CallAsync(rig, 100 + i, rig.Ask.Path(rig.Ask.Org(), Wishes.Team(id: $"t{i % 3}"), Wishes.Key(id: $"k{i % 5}"), Wishes.Session(id: $"s{i % 2}")));
        await rig.Recorder.DrainAsync(Ct);
        await rig.Reconciler.ResetDayAsync(rig.Ask.OrgId, _ => Audit(rig), Ct);
        await CallAsync(rig, 11);
        var expected = await rig.Counters.SnapshotAsync(rig.Ask.OrgId, rig.Clock.Today, Ct);

        await using var next = rig.Crash();
        next.Clock.Set(next.Clock.Now.AddSeconds(clockSetBackSeconds));
        await next.StartAsync(Ct);

        Assert.Equal(Figures(expected), Figures(await next.Counters.SnapshotAsync(next.Ask.OrgId, next.Clock.Today, Ct)));
        Assert.DoesNotContain((await RunAsync(next)).Cells, cell => cell.Changed);
        Assert.Equal(Figures(expected), Figures(await next.Counters.SnapshotAsync(next.Ask.OrgId, next.Clock.Today, Ct)));
    }

    [Theory]
    [InlineData(14, 20)]
    [InlineData(14, -20)]
    [InlineData(31, 20)]
    [InlineData(1, -20)]
    public async Task AC13_RebuildAll_ClockWrongAtTheStart_TheDayItIsSetToIsKnown(int day, int hoursWrong)
    {
        var right = new DateTimeOffset(2026, 3, day, 9, 0, 0, TimeSpan.Zero);
        await using var rig = LedgerRig.Make(new TestClock(right));
        rig.Recorder.Start();
        var path = rig.Ask.Path(rig.Ask.Org(daily: 100, monthly: 500), Wishes.Team(), Wishes.Key());
        await CallAsync(rig, 100, path);
        await rig.Recorder.DrainAsync(Ct);

        await using var next = rig.Crash();
        next.Clock.Set(right.AddHours(hoursWrong));
        await next.StartAsync(Ct);
        next.Clock.Set(right);

        Assert.Equal((100, 0), await AtAsync(next, "org", PeriodKind.Day));
        Assert.Equal((100, 0), await AtAsync(next, "org", PeriodKind.Month));
        Assert.Equal(HoldVerdict.BudgetExceeded, (await next.Desk.TakeAsync(next.Ask.Ask(next.Ask.Path([.. path.Nodes]), 1), Ct)).Outcome.Verdict);
    }

    static List<string> Figures(IEnumerable<CellTotals> cells) =>
        [.. cells.Where(cell => cell.Spent != NanoUsd.Zero).Select(cell => $"{cell}").Order(StringComparer.Ordinal)];
}
