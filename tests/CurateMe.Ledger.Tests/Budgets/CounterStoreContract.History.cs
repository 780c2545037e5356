using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;
using CurateMe.Testing.Budgets;
using Xunit;

namespace CurateMe.Ledger.Tests.Budgets;

public abstract partial class CounterStoreContract
{
    static readonly TimeSpan Brief = TimeSpan.FromSeconds(1);

    /// <summary>Steps of one random history.</summary>
    private protected virtual int HistorySteps => 1000;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(20260806)]
    public async Task I1_I2_I3_I4_I6_RandomHistory_AgreesWithTheModelAfterEachStep(int seed)
    {
        var history = new History(this, seed);
        for (var step = 0; step < HistorySteps; step++)
        {
            await history.StepAsync();
            await history.CompareAsync($"seed {seed}, step {step}: {history.Last}");
        }
    }

    sealed class History(CounterStoreContract test, int seed)
    {
        readonly Random _random = new(seed);
        readonly CounterModel _model = new();
        readonly List<HoldRequest> _asked = [];
        readonly List<UsageRecord> _ended = [];
        readonly DateOnly[] _days = [test.Today, test.Today.AddDays(1), new DateOnly(2028, 2, 29), new DateOnly(2028, 3, 1)];
        long _limit = 3_000;

        internal string Last { get; private set; } = "";

        internal Task StepAsync() => _random.Next(100) switch
        {
            < 45 => HoldAsync(),
            < 50 => HoldAgainAsync(),
            < 75 => EndAsync(),
            < 80 => EndAgainAsync(),
            < 90 => ConfirmAsync(),
            < 94 => ReconcileAsync(),
            < 98 => LimitsAsync(),
            _ => ExpireAsync(),
        };

        internal async Task CompareAsync(string where)
        {
            foreach (var day in _days)
            {
                foreach (var cell in await test.Store.SnapshotAsync(test.Ask.OrgId, day, Ct))
                {
                    var start = cell.Period switch
                    {
                        PeriodKind.Day => day,
                        PeriodKind.Month => new DateOnly(day.Year, day.Month, 1),
                        _ => default,
                    };
                    var name = new CellName(cell.Field, cell.Period, start);
                    Assert.True(_model.Spent(name) == cell.Spent.Value && _model.Held(name) == cell.Held.Value, $"{where}: {cell}; the model has {_model.Spent(name)} and {_model.Held(name)}");
                }
            }
        }

        async Task HoldAsync()
        {
            var desired = _random.Next(8) == 0 ? 0 : _random.Next(1, 400);
            var minimum = desired == 0 ? 0 : _random.Next(2) == 0 ? desired : _random.Next(1, desired + 1);
            var request = test.Ask.Ask(RandomPath(), desired, minimum, _random.Next(6) == 0 ? Brief : null, _days[_random.Next(_days.Length)]);
            Last = $"hold {desired}/{minimum}";
            await AskAsync(request);
            _asked.Add(request);
        }

        async Task AskAsync(HoldRequest request)
        {
            var outcome = await test.Store.HoldAsync(request, Ct);
            var expected = _model.Hold(request, out var blocker);
            Assert.True((expected ?? 0) == outcome.Granted.Value && expected is not null == (outcome.Verdict == HoldVerdict.Admitted), $"seed {seed}: {Last} gave {outcome}, the model {expected}");
            Assert.Equal(blocker?.Node.Field, outcome.BlockedAt?.Field);
            Assert.Equal(blocker?.Period ?? default, outcome.BlockedPeriod);
            if (expected is not null) request.Record.Hold = outcome.Granted;
        }

        Task HoldAgainAsync()
        {
            var live = _model.Live.Select(record => record.Id).ToHashSet();
            var again = _asked.Where(request => live.Contains(request.Record.Id)).ToList();
            Last = "hold again";
            return again.Count == 0 ? Task.CompletedTask : AskAsync(again[_random.Next(again.Count)]);
        }

        async Task EndAsync()
        {
            var live = _model.Live.ToList();
            if (live.Count == 0) return;
            var record = live[_random.Next(live.Count)];
            var kind = _random.Next(10);
            Last = kind == 0 ? "void" : $"settle {kind}";
            if (kind > 0) Wishes.Settled(record, kind == 1 ? record.Hold.Value + 50 : _random.NextInt64(record.Hold.Value + 1));
            await EndAsync(record);
            if (kind > 0) _ended.Add(record);
        }

        async Task EndAsync(UsageRecord record) => Assert.Equal(_model.End(record), (await test.Store.EndAsync(record, Ct)).Applied);

        Task EndAgainAsync()
        {
            Last = "end again";
            var dead = _asked.Where(request => !_model.Live.Contains(request.Record)).Select(request => request.Record).ToList();
            return dead.Count == 0 ? Task.CompletedTask : EndAsync(dead[_random.Next(dead.Count)]);
        }

        async Task ConfirmAsync()
        {
            Last = "confirm";
            var some = _model.Unrecorded.Where(_ => _random.Next(2) == 0).ToList();
            var live = _model.Live.FirstOrDefault();
            if (live is not null && _random.Next(4) == 0) some.Add(Wishes.Settled(live, live.Hold.Value / 2));
            some.AddRange(_ended.TakeLast(2));
            foreach (var record in some) _model.Confirm(record);
            await test.Store.ConfirmAsync(some, Ct);
        }

        async Task ReconcileAsync()
        {
            Last = "mark and adjust";
            var mark = await test.Store.MarkAsync(test.Ask.OrgId, Ct);
            Assert.Equal(_model.Live.Select(record => record.Id).Order(), mark.Live.Order());
            Assert.Equal(_model.Unrecorded.Select(record => (record.Id, record.Cost)).Order(), mark.Unrecorded.Select(record => (record.Id, record.Cost)).Order());
            Assert.All(mark.Spent, cell => Assert.Equal(_model.Spent(cell.Key), (Int128)cell.Value.Value));
            await HoldAsync();
            var delta = new CellDelta(new CellName("key:k1", PeriodKind.Day, _days[0]), new NanoUsd(_random.Next(-30, 40)));
            _model.Adjust(delta);
            await test.Store.AdjustAsync(mark, [delta], Ct);
        }

        Task LimitsAsync()
        {
            _limit = Math.Max(0, _limit + _random.Next(-500, 2_500));
            Last = $"limit {_limit}";
            return Task.CompletedTask;
        }

        async Task ExpireAsync()
        {
            Last = "expire";
            var due = _model.Due(Brief).ToList();
            await test.PassAsync(Brief + Brief);
            var expired = await test.ExpireAllAsync();
            Assert.Equal(due.Select(record => record.Id).Order(), expired.Select(record => record.Id).Order());
            foreach (var record in expired) Assert.True(_model.End(record));
        }

        BudgetPath RandomPath()
        {
            long? Limit(int of) => _random.Next(3) == 0 ? null : _limit / of;
            List<BudgetNode> nodes = [test.Ask.Org(Limit(1), Limit(1))];
            if (_random.Next(3) > 0) nodes.Add(Wishes.Team(Limit(2), Limit(2), $"t{_random.Next(2)}"));
            nodes.Add(Wishes.Key(Limit(3), Limit(2), $"k{_random.Next(3)}"));
            if (_random.Next(3) == 0) nodes.Add(Wishes.Session(Limit(4), $"s{_random.Next(2)}"));
            return test.Ask.Path([.. nodes]);
        }
    }
}
