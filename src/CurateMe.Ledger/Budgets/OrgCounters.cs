using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;

namespace CurateMe.Ledger.Budgets;

/// <summary>The counters of one org. Every public method is one step under the org's lock.</summary>
sealed class OrgCounters(UnrecordedRecords memory)
{
    /// <summary>How long a session's total is kept after its last request.</summary>
    public static readonly TimeSpan SessionMemory = TimeSpan.FromDays(30);

    // By the stopwatch: a wall clock that is ahead for an hour must not make a period over that the others are still in.
    static readonly TimeSpan DayMemory = TimeSpan.FromDays(2);
    static readonly TimeSpan MonthMemory = TimeSpan.FromDays(62);

    readonly Lock gate = new();
    readonly Dictionary<CellName, Cell> cells = [];
    readonly Dictionary<string, NodeActivity> activities = new(StringComparer.Ordinal);
    readonly Dictionary<RequestId, LiveHold> live = [];
    readonly Dictionary<RequestId, UsageRecord> unrecorded = [];
    List<RequestId>? captured;
    DateTimeOffset latest;
    long markNumber;
    int trims;
    long skippedAt;

    public int LiveCount
    {
        get
        {
            lock (gate)
            {
                return live.Count;
            }
        }
    }

    public HoldOutcome Hold(in HoldRequest request, long timestamp, long frequency)
    {
        request.Check();
        var record = request.Record;
        var rates = new RateLimits(timestamp, frequency);
        lock (gate)
        {
            if (live.TryGetValue(record.Id, out var before))
            {
                return Admitted(before.Amount, before.OrgDay, rates.Tightest(request.Path, in before.At.Activities));
            }
            var hold = new LiveHold { Record = record, Expires = timestamp + (long)(request.TimeToLive.TotalSeconds * frequency), At = CellsOf(request.Path, record.Day, timestamp) };

            if (rates.Blocker(request.Path, in hold.At.Activities, out var rate) is { } limitedAt)
            {
                return Denied(HoldVerdict.RateLimited, limitedAt, hold.OrgDay, rate);
            }
            for (var i = 0; i < request.Path.Nodes.Length; i++)
            {
                if (hold.At.Activities[i]!.Live >= (request.Path.Nodes[i].MaxConcurrency ?? int.MaxValue))
                {
                    return Denied(HoldVerdict.ConcurrencyLimited, request.Path.Nodes[i], hold.OrgDay, rate);
                }
            }
            hold.Amount = request.Desired;
            if (request.Desired > NanoUsd.Zero && !Afford(ref hold, in request, out var denial))
            {
                return denial with { Rate = rate };
            }
            Place(in hold);
            if (captured?.Count <= CounterMark.MaxCaptured)
            {
                captured.Add(record.Id);
            }
            latest = record.Timestamp > latest ? record.Timestamp : latest;
            return Admitted(hold.Amount, hold.OrgDay, rates.Take(request.Path, in hold.At.Activities));
        }
    }

    public EndOutcome End(UsageRecord record)
    {
        lock (gate)
        {
            if (!live.TryGetValue(record.Id, out var hold))
            {
                var day = cells.GetValueOrDefault(new CellName("org", PeriodKind.Day, record.Day));
                return new EndOutcome(Applied: false, day?.Spent ?? NanoUsd.Zero, day?.Held ?? NanoUsd.Zero);
            }
            Release(in hold, record.Cost);
            if (record.Status != RecordStatus.Held)
            {
                if (unrecorded.ContainsKey(record.Id) || memory.TryKeep())
                {
                    unrecorded[record.Id] = record;
                }
                else
                {
                    skippedAt = memory.Skip();
                }
            }
            return new EndOutcome(Applied: true, hold.OrgDay.Spent, hold.OrgDay.Held);
        }
    }

    public void Expire(DateTimeOffset now, long timestamp, int max, ref List<UsageRecord>? expired)
    {
        lock (gate)
        {
            List<RequestId>? over = null;
            foreach (var (id, hold) in live)
            {
                if (hold.Expires <= timestamp && (over?.Count ?? 0) < max)
                {
                    (over ??= []).Add(id);
                }
            }
            foreach (var id in over ?? [])
            {
                // A record of its own: the hold's owner may still be alive and write to his.
                var hold = live[id];
                var record = hold.Record.AsHeld();
                record.Hold = hold.Amount;
                Presumed.Complete(record, RecordStatus.Expired, now);
                Release(in hold, record.Cost);
                if (!unrecorded.ContainsKey(id))
                {
                    memory.Keep();
                }
                unrecorded[id] = record;
                (expired ??= []).Add(record);
            }
        }
    }

    public IReadOnlyList<CellTotals> Snapshot(DateOnly day)
    {
        var month = new DateOnly(day.Year, day.Month, 1);
        lock (gate)
        {
            List<CellTotals> totals = [];
            foreach (var (name, cell) in cells)
            {
                if (name.Period == PeriodKind.Life || name.Start == (name.Period == PeriodKind.Day ? day : month))
                {
                    totals.Add(new CellTotals(cell.Kind, cell.NodeId, name.Field, name.Period, cell.Spent, cell.Held));
                }
            }
            return totals;
        }
    }

    public void Confirm(UsageRecord record)
    {
        lock (gate)
        {
            if (live.TryGetValue(record.Id, out var hold))
            {
                Release(in hold, record.Cost);
            }
            else if (unrecorded.Remove(record.Id, out var charged))
            {
                memory.Forget();
                if (charged.Cost == record.Cost)
                {
                    return;
                }
                foreach (var name in CellName.Of(charged))
                {
                    cells.GetValueOrDefault(name)?.Spent += record.Cost - charged.Cost;
                }
            }
        }
    }

    public CounterMark Mark(string orgId, DateTimeOffset now)
    {
        lock (gate)
        {
            if (skippedAt > memory.CaughtUp)
            {
                throw new RecordsOnTheirWayException(orgId);
            }
            captured = [];
            // After every admission so far, whatever the clock has done since.
            var at = (latest > now ? latest : now).AddMilliseconds(1);
            return new CounterMark(
                orgId, ++markNumber, at, cells.ToDictionary(static c => c.Key, static c => c.Value.Spent), [.. live.Keys], [.. unrecorded.Values]);
        }
    }

    public IReadOnlyList<RequestId> Captured(CounterMark mark)
    {
        lock (gate)
        {
            return [.. Current(mark)];
        }
    }

    public void Adjust(CounterMark mark, IReadOnlyList<CellDelta> deltas, long timestamp)
    {
        lock (gate)
        {
            Current(mark);
            captured = null;
            latest = mark.At > latest ? mark.At : latest;
            foreach (var (name, delta) in deltas)
            {
                var cell = CellOf(name, KindOf(name.Field), IdOf(name.Field, mark.OrgId), timestamp);
                cell.Spent += delta;
            }
        }
    }

    public void Trim(TimeProvider time)
    {
        var today = DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);
        lock (gate)
        {
            foreach (var (name, cell) in cells)
            {
                var (over, memory) = name.Period switch
                {
                    PeriodKind.Day => (name.Start.AddDays(2) < today, DayMemory),
                    PeriodKind.Month => (name.Start.AddMonths(2) < today, MonthMemory),
                    _ => (true, cell.Spent == NanoUsd.Zero ? TimeSpan.Zero : SessionMemory),
                };
                over &= time.GetElapsedTime(cell.UsedAt) >= memory;
                if (over && cell.Held == NanoUsd.Zero && !(activities.GetValueOrDefault(name.Field)?.Live > 0))
                {
                    cells.Remove(name);
                    trims++;
                }
            }
            foreach (var (field, activity) in activities)
            {
                if (activity.Live == 0 && field.StartsWith("session:", StringComparison.Ordinal))
                {
                    activities.Remove(field);
                    trims++;
                }
            }
        }
    }

    List<RequestId> Current(CounterMark mark)
    {
        if (captured is null || mark.Number != markNumber)
        {
            throw new InvalidOperationException("Another reconciliation of this organisation began meanwhile; run it again.");
        }
        if (captured.Count > CounterMark.MaxCaptured)
        {
            throw new InvalidOperationException("Too many requests began during the reconciliation; run it again.");
        }
        return captured;
    }

    // A path is shared by many requests of one day, so what was found for it is kept with it.
    PathCells CellsOf(BudgetPath path, DateOnly day, long timestamp)
    {
        if (path.Found is PathCells known && known.Owner == this && known.Day == day && known.Trims == trims)
        {
            foreach (var cell in known.Cells)
            {
                cell.UsedAt = timestamp;
            }
            return known;
        }
        var found = Find(path, day, timestamp);
        path.Found = found;
        return found;
    }

    PathCells Find(BudgetPath path, DateOnly day, long timestamp)
    {
        var month = new DateOnly(day.Year, day.Month, 1);
        var nodes = path.Nodes;
        List<Cell> all = [];
        var active = default(NodeActivities);
        for (var i = 0; i < nodes.Length; i++)
        {
            var node = nodes[i];
            if (node.Kind == NodeKind.Session)
            {
                all.Add(CellOf(new CellName(node.Field, PeriodKind.Life, default), node, timestamp));
            }
            else
            {
                all.Add(CellOf(new CellName(node.Field, PeriodKind.Day, day), node, timestamp));
                all.Add(CellOf(new CellName(node.Field, PeriodKind.Month, month), node, timestamp));
            }
            if (!activities.TryGetValue(node.Field, out var activity))
            {
                activities.Add(node.Field, activity = new NodeActivity());
            }
            active[i] = activity;
        }
        return new PathCells { Owner = this, Day = day, Trims = trims, Cells = [.. all], Activities = active };
    }

    Cell CellOf(CellName name, BudgetNode node, long timestamp) => CellOf(name, node.Kind, node.Id, timestamp);

    Cell CellOf(CellName name, NodeKind kind, string nodeId, long timestamp)
    {
        if (!cells.TryGetValue(name, out var cell))
        {
            cells.Add(name, cell = new Cell { Kind = kind, NodeId = nodeId });
        }
        cell.UsedAt = timestamp;
        return cell;
    }

    // I1: what is granted fits at every node and period, so spent + held never passes a limit.
    static bool Afford(ref LiveHold hold, in HoldRequest request, out HoldOutcome denial)
    {
        denial = default;
        var next = 0;
        foreach (var node in request.Path.Nodes)
        {
            var fits = node.Kind == NodeKind.Session
                ? Fits(ref hold, request.Minimum, node, PeriodKind.Life, node.LifeLimit, hold.At.Cells[next++], ref denial)
                : Fits(ref hold, request.Minimum, node, PeriodKind.Day, node.DailyLimit, hold.At.Cells[next++], ref denial)
                    && Fits(ref hold, request.Minimum, node, PeriodKind.Month, node.MonthlyLimit, hold.At.Cells[next++], ref denial);
            if (!fits)
            {
                return false;
            }
        }
        return true;
    }

    static bool Fits(ref LiveHold hold, NanoUsd minimum, BudgetNode node, PeriodKind period, NanoUsd? limit, Cell cell, ref HoldOutcome denial)
    {
        if (limit is not { } most)
        {
            return true;
        }
        var left = most - cell.Spent - cell.Held;
        if (left < minimum)
        {
            denial = Denied(HoldVerdict.BudgetExceeded, node, hold.OrgDay, default) with
            {
                BlockedPeriod = period,
                BlockedSpent = cell.Spent,
                BlockedHeld = cell.Held,
                BlockedLimit = most,
            };
            return false;
        }
        hold.Amount = NanoUsd.Min(hold.Amount, left);
        return true;
    }

    void Place(in LiveHold hold)
    {
        for (var i = 0; i < hold.At.Cells.Length; i++)
        {
            // Out of range throws here, before anything has moved.
            _ = hold.At.Cells[i].Spent + hold.At.Cells[i].Held + hold.Amount;
        }
        for (var i = 0; i < hold.At.Cells.Length; i++)
        {
            hold.At.Cells[i].Held += hold.Amount;
        }
        for (var i = 0; i < BudgetPath.MaxNodes && hold.At.Activities[i] is { } activity; i++)
        {
            activity.Live++;
        }
        live.Add(hold.Record.Id, hold);
    }

    void Release(in LiveHold hold, NanoUsd cost)
    {
        for (var i = 0; i < hold.At.Cells.Length; i++)
        {
            _ = hold.At.Cells[i].Spent + cost;
        }
        live.Remove(hold.Record.Id);
        for (var i = 0; i < hold.At.Cells.Length; i++)
        {
            hold.At.Cells[i].Held -= hold.Amount;
            hold.At.Cells[i].Spent += cost;
        }
        for (var i = 0; i < BudgetPath.MaxNodes && hold.At.Activities[i] is { } activity; i++)
        {
            activity.Live--;
        }
    }

    static HoldOutcome Admitted(NanoUsd amount, Cell orgDay, RateFigures rate) => new()
    {
        Verdict = HoldVerdict.Admitted,
        Granted = amount,
        OrgDaySpent = orgDay.Spent,
        OrgDayHeld = orgDay.Held,
        Rate = rate,
    };

    static HoldOutcome Denied(HoldVerdict verdict, BudgetNode at, Cell orgDay, RateFigures rate) => new()
    {
        Verdict = verdict,
        BlockedAt = at,
        OrgDaySpent = orgDay.Spent,
        OrgDayHeld = orgDay.Held,
        Rate = rate,
    };

    static NodeKind KindOf(string field) => field.Split(':', 2)[0] switch
    {
        "org" => NodeKind.Org,
        "team" => NodeKind.Team,
        "key" => NodeKind.Key,
        _ => NodeKind.Session,
    };

    static string IdOf(string field, string orgId) => field == "org" ? orgId : field.Split(':', 2)[1];

    sealed class Cell
    {
        public required NodeKind Kind;
        public required string NodeId;
        public NanoUsd Spent;
        public NanoUsd Held;
        public long UsedAt;
    }

    // The cells and activities of a path on one day, in its order.
    sealed class PathCells
    {
        public required OrgCounters Owner;
        public required DateOnly Day;
        public required int Trims;
        public required Cell[] Cells;
        public NodeActivities Activities;
    }

    struct LiveHold
    {
        public required UsageRecord Record;
        public required long Expires;
        public required PathCells At;
        public NanoUsd Amount;

        public readonly Cell OrgDay => At.Cells[0];
    }
}
