using System.Collections.Concurrent;
using CurateMe.Ledger.Holds;
using CurateMe.Ledger.Records;
using CurateMe.Testing;
using CurateMe.Testing.Budgets;
using CurateMe.Testing.Holds;
using CurateMe.Testing.Records;
using Xunit;

namespace CurateMe.Ledger.Tests.Holds;

/// <summary>kill -9 at a random instant, in process: the next life gets the journal as it lay on the disk while calls were under way.</summary>
public sealed class SuddenDeathTests
{
    const int Lives = 6;

    static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task I5_I6_AC10_Kill_AtAnyInstant_LosesNothingAndChargesNothingTwice(int seed)
    {
        var random = new Random(seed);
        var ledger = new MemoryLedger();
        var rig = LedgerRig.Make(ledger: ledger);
        ConcurrentDictionary<RequestId, long> promised = [];
        ConcurrentDictionary<RequestId, long> forwarded = [];
        for (var life = 0; life < Lives; life++)
        {
            await rig.StartAsync(Ct);
            await AssertCountersEqualLedgerAsync(rig, $"seed {seed}, life {life}");
            ledger.BeforeSync = random.Next(2) == 0 ? () => throw new LedgerUnavailableException("died before the checkpoint") : null;
            var traffic = new Traffic(rig, random.Next());
            var workers = Enumerable.Range(0, 4).Select(worker => Task.Run(() => traffic.RunAsync(worker), Ct)).ToList();
            var until = random.Next(20, 400);
            await Poll.UntilAsync(() => traffic.Promised.Count >= until, "some calls have ended");
            await rig.Recorder.DisposeAsync();
            foreach (var (id, cost) in traffic.Promised) promised[id] = cost;
            foreach (var (id, amount) in traffic.Forwarded) forwarded[id] = amount;
            var next = rig.Crash();
            traffic.Stop();
            await Task.WhenAll(workers);
            await rig.DisposeAsync();
            rig = next;
        }
        ledger.BeforeSync = null;
        await rig.StartAsync(Ct);

        var records = ledger.All.ToDictionary(record => record.Id);
        foreach (var (id, cost) in promised) Assert.True(records.TryGetValue(id, out var record) && record.Cost.Value == cost, $"seed {seed}: {id} was settled at {cost}, the ledger has {record?.Cost}");
        foreach (var (id, _) in forwarded) Assert.True(records.ContainsKey(id), $"seed {seed}: {id} was forwarded and is missing");
        Assert.All(records.Values, record => Assert.True(record.Source != UsageSource.Presumed || record.Cost == record.Hold, $"seed {seed}: {record.Id}"));
        Assert.Contains(records.Values, record => record.Source == UsageSource.Presumed);
        await AssertCountersEqualLedgerAsync(rig, $"seed {seed}");
        await rig.DisposeAsync();
    }

    static async Task AssertCountersEqualLedgerAsync(LedgerRig rig, string where)
    {
        var sums = rig.Memory.All.SelectMany(record => CurateMe.Ledger.Budgets.CellName.Of(record).Select(cell => (Cell: (cell.Field, cell.Period), record.Cost)))
            .GroupBy(charge => charge.Cell).ToDictionary(cell => cell.Key, cell => cell.Sum(charge => charge.Cost.Value));
        var cells = await rig.Counters.SnapshotAsync(rig.Ask.OrgId, rig.Clock.Today, Ct);
        Assert.Equal(sums.Where(cell => cell.Value != 0).Select(cell => (cell.Key, cell.Value)).Order(), cells.Where(cell => cell.Spent.Value != 0).Select(cell => ((cell.Field, cell.Period), cell.Spent.Value)).Order());
        Assert.All(cells, cell => Assert.True(cell.Held.Value == 0, $"{where}: {cell}"));
    }

    sealed class Traffic(LedgerRig rig, int seed)
    {
        volatile bool _stopped;

        internal ConcurrentDictionary<RequestId, long> Promised { get; } = [];
        internal ConcurrentDictionary<RequestId, long> Forwarded { get; } = [];

        internal void Stop() => _stopped = true;

        internal async Task RunAsync(int worker)
        {
            var random = new Random(seed + worker);
            while (!_stopped)
            {
                var session = random.Next(3) == 0 ? Wishes.Session(id: $"s{random.Next(3)}") : null;
                var path = session is null ? rig.Ask.Path(rig.Ask.Org(), Wishes.Team(), Wishes.Key(id: $"k{worker}")) : rig.Ask.Path(rig.Ask.Org(), Wishes.Team(), Wishes.Key(id: $"k{worker}"), session);
                var (hold, _) = await rig.Desk.TakeAsync(rig.Ask.Ask(path, random.Next(100, 1000)), Ct);
                var record = hold!.Record;
                var kind = random.Next(10);
                if (kind > 0)
                {
                    Forwarded[record.Id] = record.Hold.Value;
                    hold.Forwarding();
                }
                if (random.Next(4) == 0) await Task.Yield();
                var cost = random.Next(100);
                if (kind == 1) hold.NotBilled(500);
                if (kind > 2) hold.Charge(cost);
                await hold.DisposeAsync();
                if (kind > 0) Promised[record.Id] = kind switch { 1 => 0, 2 => record.Hold.Value, _ => cost };
            }
        }
    }
}
