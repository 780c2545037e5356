using System.Collections.Concurrent;
using System.Globalization;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;
using CurateMe.Resp;

namespace CurateMe.Ledger.Redis;

/// <summary>
/// The counter store of many processes: one Lua script per operation, so that each is one step for everyone; the server's clock decides what is over.
/// An org's counters belong to the server process that they were built on: after a restart, a flush or a fail-over nobody is admitted on them before
/// they are rebuilt. What is stored of a hold is enough to write its presumed record, should its owner be gone with its disk.
/// </summary>
public sealed partial class RedisCounters : ICounterStore
{
    /// <summary>Every org that has counters here, so that a sweep finds what others left.</summary>
    public const string OrgIndex = "gateway:orgs";

    /// <summary>Arguments of a hold before those of its nodes, and of each node.</summary>
    const int HoldArguments = 12;
    const int NodeArguments = 5;

    [ThreadStatic]
    static byte[]? recordScratch;

    [ThreadStatic]
    static RespArg[]? argumentScratch;

    readonly RespClient client;
    readonly RedisCounterOptions options;
    readonly TimeProvider time;
    readonly OwnHolds own;
    readonly ConcurrentDictionary<string, RedisOrg> orgs = new(StringComparer.Ordinal);
    long generation;
    long lastWrite;
    long sweptAll;

    /// <param name="client">Stays the caller's.</param>
    public RedisCounters(RespClient client, RedisCounterOptions options, TimeProvider time)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(options.Replica.Length is > 0 and <= 64, true, nameof(options));
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Tries, 1, nameof(options));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.Tries, 10, nameof(options));
        (this.client, this.options, this.time, own) = (client, options, time, new OwnHolds(time));
        sweptAll = time.GetTimestamp() - (long)(options.FullSweepEvery.TotalSeconds * time.TimestampFrequency);
        client.ConnectionChanged += OnConnectionChanged;
    }

    /// <inheritdoc />
    public async ValueTask<HoldOutcome> HoldAsync(HoldRequest request, CancellationToken ct)
    {
        request.Check();
        var org = Org(request.Path.OrgId);
        var hold = own.Begin(in request);
        try
        {
            var outcome = await HoldAsync(org, request, ct).ConfigureAwait(false);
            if (outcome.Verdict == HoldVerdict.Admitted)
            {
                hold.Granted = outcome.Granted;
            }
            else
            {
                own.Remove(request.Record.Id);
            }
            return outcome;
        }
        catch (Exception e) when (e is not (OperationCanceledException or CounterStoreUnavailableException { OutcomeUnknown: true }))
        {
            own.Remove(request.Record.Id);
            throw;
        }
    }

    async ValueTask<HoldOutcome> HoldAsync(RedisOrg org, HoldRequest request, CancellationToken ct)
    {
        var doubtful = false;
        for (var tries = 1; ; tries++)
        {
            try
            {
                var epoch = await AttachedAsync(org, ct).ConfigureAwait(false);
                var reply = await SendHold(org, epoch.Name, in request, tries, ct).ConfigureAwait(false);
                if (!reply[0].AsSpan().SequenceEqual("epoch"u8))
                {
                    return Read(org, in request, in reply);
                }
                org.Epoch = null;
                if (tries == options.Tries)
                {
                    throw new CounterStoreUnavailableException("The budget counters are being rebuilt.", doubtful);
                }
            }
            catch (RespException e)
            {
                doubtful |= e.MayHaveRun;
                if (tries == options.Tries || !e.MayHaveRun)
                {
                    throw Unavailable(e, doubtful);
                }
            }
            catch (CounterStoreUnavailableException e) when (doubtful && !e.OutcomeUnknown)
            {
                throw new CounterStoreUnavailableException(e.Message, outcomeUnknown: true, e);
            }
        }
    }

    /// <inheritdoc />
    public async ValueTask<EndOutcome> EndAsync(UsageRecord record, CancellationToken ct)
    {
        var org = Org(record.OrgId);
        own.Find(record.Id)?.Ended = true;
        var reply = await AskAsync(static (self, state, ct) => self.SendEnd(state.org, state.record, ct), (org, record), ct).ConfigureAwait(false);
        if (reply.Count == 1)
        {
            throw new OverflowException($"The end of {record.Id} is beyond any amount.");
        }
        own.Remove(record.Id);
        Volatile.Write(ref lastWrite, time.GetUtcNow().UtcTicks);
        org.Saw(reply[1].AsInt64());
        return new EndOutcome(reply[0].AsBoolean(), new NanoUsd(reply[2].AsInt64()), new NanoUsd(reply[3].AsInt64()));
    }

    /// <inheritdoc />
    public async ValueTask<IReadOnlyList<CellTotals>> SnapshotAsync(string orgId, DateOnly day, CancellationToken ct)
    {
        var org = Org(orgId);
        var periods = org.Of(day);
        var reply = await AskAsync(
            static (self, s, ct) => self.client.EvalAsync(RedisScripts.Snapshot, [s.periods.Daily, s.periods.Monthly, s.org.SessionCost, s.org.Held], [], ct), (org, periods), ct).ConfigureAwait(false);
        var held = Pairs(reply[3]).ToDictionary(static p => p.Name, static p => p.Value, StringComparer.Ordinal);
        List<CellTotals> totals = [];
        foreach (var (at, kind, prefix) in ((int, PeriodKind, string)[])[(0, PeriodKind.Day, $"D{day:yyyy-MM-dd}/"), (1, PeriodKind.Month, $"M{day:yyyy-MM}/"), (2, PeriodKind.Life, "L/")])
        {
            foreach (var (field, spent) in Pairs(reply[at]))
            {
                var (node, id) = RedisCells.Node(field, orgId);
                totals.Add(new CellTotals(node, id, field, kind, new NanoUsd(spent), new NanoUsd(held.GetValueOrDefault(prefix + field))));
            }
        }
        return totals;
    }

    /// <inheritdoc />
    public async ValueTask<CounterHealth> CheckAsync(CancellationToken ct)
    {
        var started = time.GetTimestamp();
        var ticks = Volatile.Read(ref lastWrite);
        DateTimeOffset? last = ticks == 0 ? null : new DateTimeOffset(ticks, TimeSpan.Zero);
        try
        {
            var live = 0L;
            var counts = orgs.Values.Select(org => client.ExecuteAsync(["HLEN", org.Holds], ct).AsTask()).ToList();
            await client.ExecuteAsync(["PING"], ct).ConfigureAwait(false);
            var latency = time.GetElapsedTime(started).TotalMilliseconds;
            foreach (var count in counts)
            {
                live += (await count.ConfigureAwait(false)).AsInt64();
            }
            return new CounterHealth(Connected: true, latency, live, last);
        }
        catch (RespException)
        {
            return new CounterHealth(Connected: false, time.GetElapsedTime(started).TotalMilliseconds, 0, last);
        }
    }

    /// <inheritdoc />
    public ValueTask DisposeAsync()
    {
        client.ConnectionChanged -= OnConnectionChanged;
        return default;
    }

    // What was asked over a lost connection says nothing of the server behind the next one.
    void OnConnectionChanged(RespConnectionChange change)
    {
        if (!change.IsSubscriber && change.State == RespConnectionState.Lost)
        {
            Interlocked.Increment(ref generation);
        }
    }

    RedisOrg Org(string id) => orgs.TryGetValue(id, out var org) ? org : orgs.GetOrAdd(id, static (id, now) => new RedisOrg(id, now), time.GetTimestamp());

    ValueTask<RespReply> SendHold(RedisOrg org, string epoch, in HoldRequest request, int tries, CancellationToken ct)
    {
        var record = request.Record;
        var nodes = request.Path.Nodes;
        var periods = org.Of(record.Day);
        var bytes = recordScratch ??= new byte[RecordCodec.MaxBytes];
        var a = argumentScratch ??= new RespArg[HoldArguments + (NodeArguments * BudgetPath.MaxNodes)];
        var life = (long)Math.Ceiling(request.TimeToLive.TotalMilliseconds);
        (a[0], a[1], a[2], a[3], a[4]) = (epoch, org.Seen, record.Id.ToString(), request.Desired.Value, request.Minimum.Value);
        (a[5], a[6], a[7], a[8]) = (life, tries, record.Timestamp.ToUnixTimeMilliseconds(), periods.DayText);
        (a[9], a[10], a[11]) = (options.Replica, new ReadOnlyMemory<byte>(bytes, 0, RecordCodec.Write(record, bytes)), CounterMark.MaxCaptured);
        var at = HoldArguments;
        foreach (var node in nodes)
        {
            a[at++] = node.Field;
            a[at++] = Limit((node.Kind == NodeKind.Session ? node.LifeLimit : node.DailyLimit)?.Value);
            a[at++] = Limit(node.MonthlyLimit?.Value);
            a[at++] = Limit(node.RequestsPerMinute);
            a[at++] = Limit(node.MaxConcurrency);
        }
        org.Due(time.GetTimestamp() + (long)(request.TimeToLive.TotalSeconds * time.TimestampFrequency), soonest: true);
        return client.EvalAsync(
            RedisScripts.Hold,
            [
                org.State, org.Holds, org.Expiry, org.Held, org.Rates, periods.Daily, periods.Monthly, org.SessionCost, org.Tombstone(record.Id), org.Captured, org.PeriodSet,
                org.SessionsInUse, org.DailyPrefix, org.MonthlyPrefix,
            ],
            a.AsSpan(0, at),
            ct);
    }

    ValueTask<RespReply> SendEnd(RedisOrg org, UsageRecord record, CancellationToken ct)
    {
        var periods = org.Of(record.Day);
        var bytes = recordScratch ??= new byte[RecordCodec.MaxBytes];
        var length = record.Status == RecordStatus.Held ? 0 : RecordCodec.Write(record, bytes);
        return client.EvalAsync(
            RedisScripts.End,
            [org.State, org.Holds, org.Expiry, org.Held, periods.Daily, periods.Monthly, org.SessionCost, org.Unrecorded, org.Tombstone(record.Id)],
            [record.Id.ToString(), record.Cost.Value, new ReadOnlyMemory<byte>(bytes, 0, length), periods.DayText, (long)options.TombstoneLife.TotalMilliseconds],
            ct);
    }

    static HoldOutcome Read(RedisOrg org, in HoldRequest request, in RespReply reply)
    {
        var verdict = reply[0].AsString();
        if (verdict == "overflow")
        {
            throw new OverflowException("The hold is beyond any amount.");
        }
        if (verdict == "ended")
        {
            throw new CounterStoreUnavailableException($"The hold {request.Record.Id} was given up before it came.", outcomeUnknown: false);
        }
        org.Saw(reply[1].AsInt64());
        return verdict switch
        {
            "ok" => new HoldOutcome { Verdict = HoldVerdict.Admitted, Granted = Amount(reply[2]), OrgDaySpent = Amount(reply[3]), OrgDayHeld = Amount(reply[4]), Rate = Figures(in reply, 5) },
            "budget" => new HoldOutcome
            {
                Verdict = HoldVerdict.BudgetExceeded,
                BlockedAt = request.Path.Nodes[(int)reply[2].AsInt64() - 1],
                BlockedPeriod = (PeriodKind)reply[3].AsInt64(),
                BlockedSpent = Amount(reply[4]),
                BlockedHeld = Amount(reply[5]),
                BlockedLimit = Amount(reply[6]),
                OrgDaySpent = Amount(reply[7]),
                OrgDayHeld = Amount(reply[8]),
                Rate = Figures(in reply, 9),
            },
            _ => new HoldOutcome
            {
                Verdict = verdict == "rate" ? HoldVerdict.RateLimited : HoldVerdict.ConcurrencyLimited,
                BlockedAt = request.Path.Nodes[(int)reply[2].AsInt64() - 1],
                OrgDaySpent = Amount(reply[3]),
                OrgDayHeld = Amount(reply[4]),
                Rate = Figures(in reply, 5),
            },
        };
    }

    // For what is idempotent and needs no epoch: asks again while the outcome is unknown.
    async ValueTask<RespReply> AskAsync<T>(Func<RedisCounters, T, CancellationToken, ValueTask<RespReply>> send, T state, CancellationToken ct)
    {
        for (var tries = 1; ; tries++)
        {
            try
            {
                return await send(this, state, ct).ConfigureAwait(false);
            }
            catch (RespException e)
            {
                if (tries == options.Tries || !e.MayHaveRun)
                {
                    throw Unavailable(e, tries > 1 || e.MayHaveRun);
                }
            }
        }
    }

    static CounterStoreUnavailableException Unavailable(RespException e, bool outcomeUnknown) =>
        new("Redis did not carry out the operation: " + e.Message, outcomeUnknown, e);

    static RespArg Limit(long? limit) => limit is { } most ? most : "";

    static NanoUsd Amount(in RespReply reply) => new(reply.AsInt64());

    static RateFigures Figures(in RespReply reply, int at) =>
        new((int)reply[at].AsInt64(), (int)reply[at + 1].AsInt64(), Milliseconds(in reply, at + 2), Milliseconds(in reply, at + 3));

    static int Milliseconds(in RespReply reply, int at) => (int)Math.Min(int.MaxValue, reply[at].AsInt64());

    static IEnumerable<(string Name, long Value)> Pairs(RespReply reply)
    {
        for (var i = 0; i + 1 < reply.Count; i += 2)
        {
            yield return (reply[i].AsString()!, reply[i + 1].AsInt64());
        }
    }
}
