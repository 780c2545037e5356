using CurateMe.Ledger.Holds;
using CurateMe.Ledger.Records;
using CurateMe.Testing;
using CurateMe.Testing.Budgets;
using CurateMe.Testing.Holds;
using CurateMe.Testing.Records;
using Xunit;

namespace CurateMe.Ledger.Tests.Records;

public sealed class RecorderTests
{
    static CancellationToken Ct => TestContext.Current.CancellationToken;

    static RecorderOptions Options(int workers = 2, int batch = 20, int ahead = 256) => new()
    {
        Workers = workers,
        BatchSize = batch,
        MaxAhead = ahead,
        Linger = TimeSpan.FromMilliseconds(1),
        RetryFrom = TimeSpan.FromMilliseconds(1),
        RetryTo = TimeSpan.FromMilliseconds(10),
        CheckpointEvery = TimeSpan.Zero,
    };

    static async Task<List<RequestId>> CallsAsync(LedgerRig rig, int count)
    {
        List<RequestId> ids = [];
        for (var i = 0; i < count; i++) ids.Add(await CallAsync(rig, i % 90));
        return ids;
    }

    static async Task<RequestId> CallAsync(LedgerRig rig, long cost)
    {
        var request = rig.Ask.Ask(rig.Ask.Whole(), 100);
        var (hold, _) = await rig.Desk.TakeAsync(request, Ct);
        await using (hold)
        {
            hold!.Forwarding();
            hold.Charge(cost);
        }
        return request.Record.Id;
    }

    static void AssertAllThere(List<RequestId> ids, LedgerRig rig) => Assert.Equal(ids.Order(), rig.Memory.All.Select(record => record.Id).Order());

    [Fact]
    public async Task Record_HealthyLedger_GetsAllInBatchesAndCountersHearOfIt()
    {
        await using var rig = LedgerRig.Make(options: Options());
        rig.Recorder.Start();

        var ids = await CallsAsync(rig, 500);
        await rig.Recorder.DrainAsync(Ct);

        AssertAllThere(ids, rig);
        Assert.All(rig.Memory.Batches, size => Assert.InRange(size, 1, 20));
        Assert.Equal((0L, 0L, 500L, 0L, (string?)null), (rig.Recorder.Figures.QueueDepth, rig.Recorder.Figures.DroppedRecords, rig.Recorder.Figures.Recorded, rig.Recorder.Figures.Retries, rig.Recorder.Figures.LastError));
        Assert.Empty((await rig.Counters.MarkAsync(rig.Ask.OrgId, Ct)).Unrecorded);
    }

    [Fact]
    public async Task I5_Record_LedgerFailsInManyWays_NothingIsLostOrStoredTwice()
    {
        const int Seed = 5;
        var random = new Random(Seed);
        await using var rig = LedgerRig.Make(options: Options(workers: 4, batch: 7));
        int Dice()
        {
            lock (random) return random.Next(12);
        }
        rig.Memory.BeforeRecord = async _ =>
        {
            switch (Dice())
            {
                case 0: throw new LedgerUnavailableException("away");
                case 1: throw new InvalidOperationException("odd");
                case 2: throw new OperationCanceledException("time-out of its own");
                case 3: await Task.Delay(3); break;
                default: break;
            }
        };
        rig.Memory.AfterRecord = _ => Dice() == 0 ? throw new TimeoutException("stored, and not said so") : Task.CompletedTask;
        rig.Memory.BeforeSync = () => Dice() == 0 ? throw new LedgerUnavailableException("no flush") : Task.CompletedTask;
        rig.Recorder.Start();

        var ids = await CallsAsync(rig, 1500);
        await rig.Recorder.DrainAsync(Ct);

        AssertAllThere(ids, rig);
        Assert.True(rig.Recorder.Figures.Retries > 0);
        Assert.Equal(1500, rig.Recorder.Figures.Recorded);
        Assert.Empty((await rig.Counters.MarkAsync(rig.Ask.OrgId, Ct)).Unrecorded);
    }

    [Fact]
    public async Task Figures_LedgerAway_SayHowManyHowOldAndWhy()
    {
        await using var rig = LedgerRig.Make(options: Options());
        var away = true;
        rig.Memory.BeforeRecord = _ => away ? throw new LedgerUnavailableException("mongo is away") : Task.CompletedTask;
        rig.Recorder.Start();
        await CallsAsync(rig, 30);
        rig.Clock.Advance(TimeSpan.FromSeconds(75));
        await CallsAsync(rig, 12);

        await Poll.UntilAsync(() => rig.Recorder.Figures is { LastError: not null, OldestMs: > 0 }, "the ledger is tried");
        Assert.Equal((42, 75_000, "mongo is away"), (rig.Recorder.Figures.QueueDepth, rig.Recorder.Figures.OldestMs, rig.Recorder.Figures.LastError));
        away = false;
        await rig.Recorder.DrainAsync(Ct);

        Assert.Equal((0, 0), (rig.Recorder.Figures.QueueDepth, rig.Recorder.Figures.OldestMs));
        await Poll.UntilAsync(() => rig.Recorder.Figures.LastError is null, "the error is over");
    }

    [Fact]
    public async Task Record_OneBatchNeverTaken_OthersGoOnUpToTheMostAhead()
    {
        await using var rig = LedgerRig.Make(options: Options(workers: 2, batch: 5, ahead: 10));
        var poison = await CallAsync(rig, 1);
        var healed = false;
        var largest = 0;
        rig.Memory.BeforeRecord = batch =>
        {
            largest = Math.Max(largest, batch.Count);
            return !healed && batch.Any(record => record.Id == poison) ? throw new FormatException("cannot be stored") : Task.CompletedTask;
        };
        rig.Recorder.Start();

        var ids = await CallsAsync(rig, 200);
        await Poll.UntilAsync(() => rig.Memory.Count >= 9 * 5 - 5, "the others are recorded");
        Assert.InRange(rig.Memory.Count, 1, 10 * 5);
        Assert.Equal(201, rig.Recorder.Figures.QueueDepth);
        healed = true;
        await rig.Recorder.DrainAsync(Ct);

        AssertAllThere([poison, .. ids], rig);
        Assert.Equal(5, largest);
    }

    [Fact]
    public async Task I5_Record_OutOfOrder_CheckpointStaysBeforeTheFirstMissing()
    {
        await using var rig = LedgerRig.Make(options: Options(workers: 2, batch: 5));
        var ids = await CallsAsync(rig, 50);
        rig.Memory.BeforeRecord = batch => batch.Any(record => record.Id == ids[0]) ? throw new LedgerUnavailableException("not this one") : Task.CompletedTask;
        rig.Recorder.Start();
        await Poll.UntilAsync(() => rig.Memory.Count >= 45, "all but the first batch are recorded");

        await using var next = rig.Crash();
        rig.Memory.BeforeRecord = null;
        await next.StartAsync(Ct);

        AssertAllThere(ids, next);
    }

    [Fact]
    public async Task I5_Stop_InTheMiddle_NextStartGoesOnWithoutLoss()
    {
        var rig = LedgerRig.Make(options: Options());
        List<RequestId> ids = [];
        var random = new Random(8);
        for (var life = 0; life < 6; life++)
        {
            var away = life % 2 == 1;
            rig.Memory.BeforeRecord = async _ =>
            {
                await Task.Delay(1);
                if (away) throw new LedgerUnavailableException("away");
            };
            rig.Recorder.Start();
            ids.AddRange(await CallsAsync(rig, random.Next(100)));
            var next = rig.Crash();
            await rig.DisposeAsync();
            rig = next;
            await rig.Desk.RecoverAsync();
        }
        rig.Memory.BeforeRecord = null;
        await rig.StartAsync(Ct);

        AssertAllThere(ids, rig);
        await rig.DisposeAsync();
    }

    [Fact]
    public async Task Dispose_LedgerHangs_EndsAllTheSame()
    {
        var rig = LedgerRig.Make(options: Options());
        rig.Memory.BeforeRecord = _ => Task.Delay(Timeout.Infinite, CancellationToken.None);
        rig.Recorder.Start();
        await CallsAsync(rig, 3);
        await Poll.UntilAsync(() => rig.Recorder.Figures.OldestMs >= 0 && rig.Recorder.Figures.QueueDepth == 3, "settled");

        await rig.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30), Ct);

        Assert.Equal(0, rig.Memory.Count);
    }

    [Fact]
    public async Task I5_Journal_ForgetsOnlyWhatTheLedgerKeptThroughALossOfPower()
    {
        await using var rig = LedgerRig.Make(options: Options());
        rig.Memory.BeforeSync = () => throw new LedgerUnavailableException("the disk does not answer");
        rig.Recorder.Start();
        var ids = await CallsAsync(rig, 40);
        await rig.Recorder.DrainAsync(Ct);

        await using var next = rig.Crash(); // with a ledger that lost it all
        Assert.Equal(ids.Count, next.Journal.Recovered.Unrecorded);
    }

    [Fact]
    public async Task I5_Settle_WhileTheRecorderSleepsAndWakes_NeverThrowsOrStalls()
    {
        await using var rig = LedgerRig.Make(options: Options(workers: 2, batch: 3));
        rig.Recorder.Start();

        var ids = await Task.WhenAll(Enumerable.Range(0, 4).Select(worker => Task.Run(async () =>
        {
            List<RequestId> mine = [];
            for (var i = 0; i < 400; i++)
            {
                mine.Add(await CallAsync(rig, worker));
                if (i % 10 == worker) await Task.Delay(1);
            }
            return mine;
        }, Ct)));
        await Poll.UntilAsync(() => rig.Memory.Count == 1600, "every record arrives without a drain");

        AssertAllThere([.. ids.SelectMany(mine => mine)], rig);
    }

    [Fact]
    public async Task Drain_EndsThatTheDiskRefused_AreWaitedFor()
    {
        await using var rig = LedgerRig.Make(options: Options());
        rig.Recorder.Start();
        var request = rig.Ask.Ask(rig.Ask.Whole(), 100);
        var (hold, _) = await rig.Desk.TakeAsync(request, Ct);
        hold!.Forwarding();
        var full = true;
        rig.Journal.BeforeWrite = () =>
        {
            if (full) throw new IOException("No space left on device");
        };
        await hold.DisposeAsync();
        Assert.Equal(1, rig.Recorder.Figures.QueueDepth);

        var drain = rig.Recorder.DrainAsync(Ct);
        Assert.False(drain.IsCompleted);
        full = false;
        await drain;

        Assert.Equal(request.Record.Id, Assert.Single(rig.Memory.All).Id);
    }

    [Theory]
    [InlineData(0, 20, 256)]
    [InlineData(65, 20, 256)]
    [InlineData(2, 0, 256)]
    [InlineData(2, 10_001, 256)]
    [InlineData(2, 20, 0)]
    public async Task Make_OptionOutOfRange_IsRefused(int workers, int batch, int ahead)
    {
        await using var rig = LedgerRig.Make();

        Assert.Throws<ArgumentOutOfRangeException>(() => new Recorder(rig.Journal, rig.Ledger, rig.Counters, Options(workers, batch, ahead), rig.Clock));
    }
}
