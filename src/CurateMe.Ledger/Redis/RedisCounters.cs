using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
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
    /// <summary>What a server may answer with: an org's sessions of thirty days come in one reply, two elements each.</summary>
    public static readonly RespLimits ReplyLimits = new() { MaxElements = 1 << 22, MaxReplyBytes = 512 << 20 };

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
    readonly byte[] replicaWord;
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
        (this.client, this.options, this.time, own, replicaWord) = (client, options, time, new OwnHolds(time), Encoding.UTF8.GetBytes(options.Replica));
        sweptAll = time.GetTimestamp() - (long)(options.FullSweepEvery.TotalSeconds * time.TimestampFrequency);
        client.ConnectionChanged += OnConnectionChanged;
    }

    /// <inheritdoc />
    public async ValueTask<HoldOutcome> HoldAsync(HoldRequest request, CancellationToken ct)
    {
        request.Check();
        var org = Org(request.Path.OrgId);
        var hold = own.Begin(in request);
        var doubtful = false;
        try
        {
            for (var tries = 1; ; tries++)
            {
                try
                {
                    var epoch = await AttachedAsync(org, ct).ConfigureAwait(false);
                    var reply = await SendHold(org, epoch, hold, in request, tries, ct).ConfigureAwait(false);
                    if (!reply.AsSpan().SequenceEqual("epoch"u8))
                    {
                        return Keep(hold, Read(org, in request, in reply));
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
        catch (Exception e) when (e is not (OperationCanceledException or CounterStoreUnavailableException { OutcomeUnknown: true }))
        {
            own.Remove(request.Record.Id);
            throw;
        }
    }

    HoldOutcome Keep(OwnHold hold, in HoldOutcome outcome)
    {
        if (outcome.Verdict == HoldVerdict.Admitted)
        {
            hold.Granted = outcome.Granted;
        }
        else
        {
            own.Remove(hold.Record.Id);
        }
        return outcome;
    }

    /// <inheritdoc />
    public async ValueTask<EndOutcome> EndAsync(UsageRecord record, CancellationToken ct)
    {
        var org = Org(record.OrgId);
        var mine = own.Find(record.Id);
        mine?.Ended = true;
        var id = mine?.IdWord ?? OwnHold.Word(record.Id);
        if (Current(org) is null)
        {
            await LookAgainAsync(org, ct).ConfigureAwait(false);
        }
        RespReply reply;
        try
        {
            reply = await SendEnd(org, record, id, ct).ConfigureAwait(false);
        }
        catch (RespException e)
        {
            reply = await AgainAsync(e, static (self, state, ct) => self.SendEnd(state.org, state.record, state.id, ct), (org, record, id), ct).ConfigureAwait(false);
        }
        if (reply.AsSpan().SequenceEqual("overflow"u8))
        {
            throw new OverflowException($"The end of {record.Id} is beyond any amount.");
        }
        own.Remove(record.Id);
        Volatile.Write(ref lastWrite, time.GetUtcNow().UtcTicks);
        var words = new RedisWords(reply.AsSpan());
        var applied = words.NextInt64() == 1;
        org.Saw(words.NextInt64());
        var outcome = new EndOutcome(applied, new NanoUsd(words.NextInt64()), new NanoUsd(words.NextInt64()));
        org.Skip(words.NextInt64());
        return outcome;
    }

    /// <inheritdoc />
    public async ValueTask<IReadOnlyList<CellTotals>> SnapshotAsync(string orgId, DateOnly day, CancellationToken ct)
    {
        return Totals(await WholeAsync(Org(orgId), day, ct).ConfigureAwait(false), orgId, day);
    }

    /// <summary>As <see cref="SnapshotAsync"/>, but has nothing rebuilt: null of counters that lost something, or are being rebuilt.</summary>
    internal async ValueTask<IReadOnlyList<CellTotals>?> PeekAsync(string orgId, DateOnly day, CancellationToken ct)
    {
        var org = Org(orgId);
        if (await KnownAsync(org, ct).ConfigureAwait(false) is not { } epoch)
        {
            return null;
        }
        var reply = await AskAsync(static (self, s, ct) => self.SendSnapshot(s.org, s.epoch, s.day, ct), (org, epoch, day), ct).ConfigureAwait(false);
        return reply.Count > 0 ? Totals(reply, orgId, day) : null;
    }

    static List<CellTotals> Totals(RespReply reply, string orgId, DateOnly day)
    {
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

    // Whoever looks is told no more than a hold would be admitted on: what a server has lost is rebuilt first, instead of passing for money that was not spent.
    async ValueTask<RespReply> WholeAsync(RedisOrg org, DateOnly day, CancellationToken ct)
    {
        for (var tries = 1; ; tries++)
        {
            var epoch = await TrustedAsync(org, ct).ConfigureAwait(false);
            var reply = await AskAsync(static (self, s, ct) => self.SendSnapshot(s.org, s.epoch, s.day, ct), (org, epoch, day), ct).ConfigureAwait(false);
            if (reply.Count > 0)
            {
                return reply;
            }
            org.Epoch = null;
            if (tries == options.Tries)
            {
                throw new CounterStoreUnavailableException("The budget counters are being rebuilt.", outcomeUnknown: false);
            }
        }
    }

    ValueTask<RespReply> SendSnapshot(RedisOrg org, RedisEpoch epoch, DateOnly day, CancellationToken ct)
    {
        var periods = org.Of(day);
        return client.EvalAsync(RedisScripts.Snapshot, [periods.Daily, periods.Monthly, org.SessionCost, org.Held, org.State], [epoch.Word, org.Seen], ct);
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

    ValueTask<RespReply> SendHold(RedisOrg org, RedisEpoch epoch, OwnHold hold, in HoldRequest request, int tries, CancellationToken ct)
    {
        var record = request.Record;
        var periods = org.Of(record.Day);
        var bytes = recordScratch ??= new byte[RecordCodec.MaxBytes];
        var a = argumentScratch ??= new RespArg[HoldArguments];
        var life = (long)Math.Ceiling(request.TimeToLive.TotalMilliseconds);
        (a[0], a[1], a[2], a[3], a[4]) = (epoch.Word, org.Seen, hold.IdWord, request.Desired.Value, request.Minimum.Value);
        (a[5], a[6], a[7], a[8]) = (life, tries, record.Timestamp.ToUnixTimeMilliseconds(), periods.DayText);
        (a[9], a[10], a[11]) = (replicaWord, new ReadOnlyMemory<byte>(bytes, 0, RecordCodec.Write(record, bytes)), CounterMark.MaxCaptured);
        org.Due(time.GetTimestamp() + (long)(request.TimeToLive.TotalSeconds * time.TimestampFrequency), soonest: true);
        return client.EvalAsync(RedisScripts.Hold, periods.HoldKeys, a, Encoded(request.Path), options.Inline, ct);
    }

    static RespWords Encoded(BudgetPath path)
    {
        if (path.Encoded is RespWords words)
        {
            return words;
        }
        List<RespArg> nodes = new(path.Nodes.Length * NodeArguments);
        foreach (var node in path.Nodes)
        {
            nodes.AddRange([node.Field, Limit((node.Kind == NodeKind.Session ? node.LifeLimit : node.DailyLimit)?.Value)]);
            nodes.AddRange([Limit(node.MonthlyLimit?.Value), Limit(node.RequestsPerMinute), Limit(node.MaxConcurrency)]);
        }
        words = new RespWords(CollectionsMarshal.AsSpan(nodes));
        path.Encoded = words;
        return words;
    }

    ValueTask<RespReply> SendEnd(RedisOrg org, UsageRecord record, byte[] id, CancellationToken ct)
    {
        var periods = org.Of(record.Day);
        var bytes = recordScratch ??= new byte[RecordCodec.MaxBytes];
        var length = record.Status == RecordStatus.Held ? 0 : RecordCodec.Write(record, bytes);
        return client.EvalAsync(
            RedisScripts.End,
            periods.EndKeys,
            [id, record.Cost.Value, new ReadOnlyMemory<byte>(bytes, 0, length), periods.DayText, (long)options.TombstoneLife.TotalMilliseconds, Skipping],
            more: null,
            options.Inline,
            ct);
    }

    // This process's name while the store has enough of its records to remember.
    RespArg Skipping => options.Backlog() > options.MaxUnrecorded ? options.Replica : "";

    static HoldOutcome Read(RedisOrg org, in HoldRequest request, in RespReply reply)
    {
        var words = new RedisWords(reply.AsSpan());
        var verdict = words.Next();
        if (verdict.SequenceEqual("overflow"u8))
        {
            throw new OverflowException("The hold is beyond any amount.");
        }
        if (verdict.SequenceEqual("ended"u8))
        {
            throw new CounterStoreUnavailableException($"The hold {request.Record.Id} was given up before it came.", outcomeUnknown: false);
        }
        org.Saw(words.NextInt64());
        if (verdict.SequenceEqual("ok"u8))
        {
            return new HoldOutcome { Verdict = HoldVerdict.Admitted, Granted = Amount(ref words), OrgDaySpent = Amount(ref words), OrgDayHeld = Amount(ref words), Rate = Figures(ref words) };
        }
        var node = request.Path.Nodes[(int)words.NextInt64() - 1];
        if (verdict.SequenceEqual("budget"u8))
        {
            return new HoldOutcome
            {
                Verdict = HoldVerdict.BudgetExceeded,
                BlockedAt = node,
                BlockedPeriod = (PeriodKind)words.NextInt64(),
                BlockedSpent = Amount(ref words),
                BlockedHeld = Amount(ref words),
                BlockedLimit = Amount(ref words),
                OrgDaySpent = Amount(ref words),
                OrgDayHeld = Amount(ref words),
                Rate = Figures(ref words),
            };
        }
        return new HoldOutcome
        {
            Verdict = verdict.SequenceEqual("rate"u8) ? HoldVerdict.RateLimited : HoldVerdict.ConcurrencyLimited,
            BlockedAt = node,
            OrgDaySpent = Amount(ref words),
            OrgDayHeld = Amount(ref words),
            Rate = Figures(ref words),
        };
    }

    // For what is idempotent and needs no epoch: asks again while the outcome is unknown.
    async ValueTask<RespReply> AskAsync<T>(Func<RedisCounters, T, CancellationToken, ValueTask<RespReply>> send, T state, CancellationToken ct)
    {
        try
        {
            return await send(this, state, ct).ConfigureAwait(false);
        }
        catch (RespException e)
        {
            return await AgainAsync(e, send, state, ct).ConfigureAwait(false);
        }
    }

    async ValueTask<RespReply> AgainAsync<T>(RespException first, Func<RedisCounters, T, CancellationToken, ValueTask<RespReply>> send, T state, CancellationToken ct)
    {
        var last = first;
        for (var tries = 1; ; tries++)
        {
            if (tries == options.Tries || !last.MayHaveRun)
            {
                throw Unavailable(last, first.MayHaveRun);
            }
            try
            {
                return await send(this, state, ct).ConfigureAwait(false);
            }
            catch (RespException e)
            {
                last = e;
            }
        }
    }

    static CounterStoreUnavailableException Unavailable(RespException e, bool outcomeUnknown) =>
        new("Redis did not carry out the operation: " + e.Message, outcomeUnknown, e);

    static RespArg Limit(long? limit) => limit is { } most ? most : "";

    static NanoUsd Amount(ref RedisWords words) => new(words.NextInt64());

    static RateFigures Figures(ref RedisWords words) =>
        new((int)words.NextInt64(), (int)words.NextInt64(), Milliseconds(ref words), Milliseconds(ref words));

    static int Milliseconds(ref RedisWords words) => (int)Math.Min(int.MaxValue, words.NextInt64());

    static IEnumerable<(string Name, long Value)> Pairs(RespReply reply)
    {
        for (var i = 0; i + 1 < reply.Count; i += 2)
        {
            yield return (reply[i].AsString()!, reply[i + 1].AsInt64());
        }
    }
}
