using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Journal;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;
using CurateMe.Resp;

namespace CurateMe.Ledger.Redis;

public sealed partial class RedisCounters
{
    /// <summary>Records confirmed by one script.</summary>
    const int MaxConfirmed = 100;

    /// <summary>Differences added by one script, which keeps everybody waiting.</summary>
    const int MaxAdjusted = 20_000;

    /// <summary>How often it is looked whether another's reconciliation is over.</summary>
    static readonly TimeSpan MarkPoll = TimeSpan.FromMilliseconds(50);

    /// <inheritdoc />
    public async ValueTask<IReadOnlyList<UsageRecord>> ExpireAsync(int max, CancellationToken ct)
    {
        if (time.GetElapsedTime(sweptAll) >= options.FullSweepEvery)
        {
            sweptAll = time.GetTimestamp();
            foreach (var org in await OrgsAsync(ct).ConfigureAwait(false))
            {
                Org(org).Due(sweptAll, soonest: true);
            }
        }
        List<UsageRecord> expired = [];
        foreach (var org in orgs.Values)
        {
            if (expired.Count < max && org.DueAt <= time.GetTimestamp())
            {
                await ExpireAsync(org, max - expired.Count, expired, ct).ConfigureAwait(false);
            }
        }
        return expired;
    }

    /// <summary>Every org that has counters here.</summary>
    internal async ValueTask<IReadOnlyList<string>> OrgsAsync(CancellationToken ct)
    {
        var reply = await AskAsync(static (self, _, ct) => self.client.ExecuteAsync(["SMEMBERS", OrgIndex], ct), 0, ct).ConfigureAwait(false);
        var ids = new string[reply.Count];
        for (var i = 0; i < ids.Length; i++)
        {
            ids[i] = reply[i].AsString()!;
        }
        return ids;
    }

    async ValueTask ExpireAsync(RedisOrg org, int max, List<UsageRecord> expired, CancellationToken ct)
    {
        // Holds taken while the script is on its way make it due again by themselves.
        var began = time.GetTimestamp();
        org.Due(long.MaxValue, soonest: false);
        RespReply reply;
        try
        {
            reply = await AskAsync(static (self, s, ct) => self.SendExpire(s.org, s.max, ct), (org, max), ct).ConfigureAwait(false);
        }
        catch
        {
            org.Due(began, soonest: true);
            throw;
        }
        for (var i = 1; i + 3 < reply.Count; i += 4)
        {
            own.Remove(RequestId.TryParse(reply[i].AsString(), out var id) ? id : default);
            expired.Add(RedisCells.Expired(reply[i + 3].AsSpan(), reply[i + 1].AsInt64(), reply[i + 2].AsInt64()));
        }
        if (reply[0].AsInt64() is >= 0 and var wait)
        {
            org.Due(time.GetTimestamp() + (wait * time.TimestampFrequency / 1000), soonest: true);
        }
    }

    ValueTask<RespReply> SendExpire(RedisOrg org, int max, CancellationToken ct) => client.EvalAsync(
        RedisScripts.Expire,
        [org.State, org.Holds, org.Expiry, org.Held, org.SessionCost, org.Unrecorded, org.DailyPrefix, org.MonthlyPrefix, org.Rates, org.SessionsInUse],
        [max, (long)options.RedeliverAfter.TotalMilliseconds, (long)OrgCounters.SessionMemory.TotalMilliseconds],
        ct);

    /// <inheritdoc />
    public async ValueTask ConfirmAsync(IReadOnlyList<UsageRecord> recorded, CancellationToken ct)
    {
        foreach (var group in recorded.GroupBy(static r => r.OrgId, StringComparer.Ordinal))
        {
            var org = Org(group.Key);
            foreach (var some in group.Chunk(MaxConfirmed))
            {
                await AskAsync(static (self, s, ct) => self.SendConfirm(s.org, s.some, ct), (org, some), ct).ConfigureAwait(false);
            }
        }
        Volatile.Write(ref lastWrite, time.GetUtcNow().UtcTicks);
    }

    ValueTask<RespReply> SendConfirm(RedisOrg org, UsageRecord[] records, CancellationToken ct)
    {
        var words = new RespArg[records.Length * 6];
        var at = 0;
        foreach (var record in records)
        {
            words[at++] = record.Id.ToString();
            words[at++] = record.Cost.Value;
            words[at++] = org.Of(record.Day).DayText;
            words[at++] = record.TeamId is { } team ? "team:" + team : "";
            words[at++] = "key:" + record.KeyId;
            words[at++] = record.SessionId is { } session ? "session:" + session : "";
        }
        return client.EvalAsync(RedisScripts.Confirm, [org.State, org.Holds, org.Expiry, org.Held, org.SessionCost, org.Unrecorded, org.DailyPrefix, org.MonthlyPrefix], words, ct);
    }

    /// <inheritdoc />
    public async ValueTask<CounterMark> MarkAsync(string orgId, CancellationToken ct)
    {
        var org = Org(orgId);
        var began = time.GetTimestamp();
        RespReply reply;
        while ((reply = await AskAsync(static (self, org, ct) => self.SendMark(org, ct), org, ct).ConfigureAwait(false)).Count == 1)
        {
            if (reply[0].AsSpan().SequenceEqual("skipped"u8))
            {
                throw new RecordsOnTheirWayException(orgId);
            }
            if (time.GetElapsedTime(began) >= options.MarkWait)
            {
                throw new InvalidOperationException("Another reconciliation of this organisation is under way; run it again.");
            }
            await Task.Delay(MarkPoll, time, ct).ConfigureAwait(false);
        }
        Dictionary<CellName, NanoUsd> spent = [];
        for (var i = 0; i < reply[4].Count; i += 2)
        {
            var period = reply[4][i].AsString()!;
            foreach (var (field, amount) in Pairs(reply[4][i + 1]))
            {
                spent[RedisCells.Cell(period, field)] = new NanoUsd(amount);
            }
        }
        List<UsageRecord> unrecorded = new(reply[3].Count);
        for (var i = 0; i < reply[3].Count; i++)
        {
            unrecorded.Add(RedisCells.Unrecorded(reply[3][i].AsSpan()));
        }
        return new CounterMark(orgId, reply[0].AsInt64(), DateTimeOffset.FromUnixTimeMilliseconds(reply[1].AsInt64()), spent, Ids(reply[2]), unrecorded);
    }

    ValueTask<RespReply> SendMark(RedisOrg org, CancellationToken ct) => client.EvalAsync(
        RedisScripts.Mark,
        [org.State, org.Holds, org.Unrecorded, org.Captured, org.PeriodSet, org.SessionCost, org.DailyPrefix, org.MonthlyPrefix],
        [(long)options.MarkLife.TotalMilliseconds, options.Replica, (long)options.MarkAlone.TotalMilliseconds, (long)options.SkipLife.TotalMilliseconds, (long)options.TakeOver.TotalMilliseconds],
        ct);

    /// <summary>
    /// Tells the stores of the orgs whose ended records were too many to be remembered how far the ledger is. The journal is written before the counters are told, so
    /// what they skipped so far is among what it has settled so far.
    /// </summary>
    internal async ValueTask CatchUpAsync(JournalFile journal, CancellationToken ct)
    {
        foreach (var org in orgs.Values)
        {
            if (org.Skipped is var skipped && skipped == 0)
            {
                continue;
            }
            if (org.CatchingUp is null && journal.Unwritten == 0)
            {
                org.CatchingUp = (skipped, journal.SettledEver);
            }
            long? has = org.CatchingUp is { } until && journal.RecordedEver >= until.Settled ? until.Skipped : null;
            if (has is null && time.GetElapsedTime(org.SaidAt) < options.SkipLife / 10)
            {
                continue;
            }
            var reply = await AskAsync(static (self, s, ct) => self.client.EvalAsync(RedisScripts.Caught, [s.org.State], [self.options.Replica, Limit(s.has)], ct), (org, has), ct).ConfigureAwait(false);
            org.SaidAt = time.GetTimestamp();
            if (has is { } all)
            {
                org.CatchingUp = null;
                if (reply.AsBoolean())
                {
                    org.CaughtUp(all);
                }
            }
        }
    }

    /// <inheritdoc />
    public async ValueTask<IReadOnlyList<RequestId>> CapturedAsync(CounterMark mark, CancellationToken ct)
    {
        var org = Org(mark.OrgId);
        var reply = await AskAsync(
            static (self, s, ct) => self.client.EvalAsync(RedisScripts.Captured, [s.org.State, s.org.Captured], [s.mark.Number, CounterMark.MaxCaptured], ct), (org, mark), ct).ConfigureAwait(false);
        if (reply.Count == 1)
        {
            ThrowIfOver(reply[0].AsString());
        }
        return Ids(reply);
    }

    /// <inheritdoc />
    public async ValueTask AdjustAsync(CounterMark mark, IReadOnlyList<CellDelta> deltas, CancellationToken ct)
    {
        // An org can have sessions by the hundred thousand. Each part makes its own counters right, so one that fails leaves nothing wrong for the next reconciliation.
        for (var done = 0; done == 0 || done < deltas.Count; done += MaxAdjusted)
        {
            await AdjustAsync(mark, [.. deltas.Skip(done).Take(MaxAdjusted)], more: deltas.Count - done > MaxAdjusted, ct).ConfigureAwait(false);
        }
    }

    async ValueTask AdjustAsync(CounterMark mark, CellDelta[] part, bool more, CancellationToken ct)
    {
        RespReply reply;
        try
        {
            // Not asked again when the outcome is unknown: the first answer would be taken for somebody else's mark.
            reply = await SendAdjust(Org(mark.OrgId), mark, part, more, ct).ConfigureAwait(false);
        }
        catch (RespException e)
        {
            throw Unavailable(e, e.MayHaveRun);
        }
        ThrowIfOver(reply.AsString());
    }

    ValueTask<RespReply> SendAdjust(RedisOrg org, CounterMark mark, CellDelta[] deltas, bool more, CancellationToken ct)
    {
        var words = new RespArg[4 + (deltas.Length * 3)];
        var at = 0;
        words[at++] = mark.Number;
        words[at++] = CounterMark.MaxCaptured;
        words[at++] = mark.At.AddTicks(TimeSpan.TicksPerMillisecond - 1).ToUnixTimeMilliseconds();
        words[at++] = more ? 1 : 0;
        foreach (var (cell, delta) in deltas)
        {
            words[at++] = RedisCells.Period(cell);
            words[at++] = cell.Field;
            words[at++] = delta.Value;
        }
        return client.EvalAsync(RedisScripts.Adjust, [org.State, org.Captured, org.PeriodSet, org.SessionCost, org.SessionsInUse, org.DailyPrefix, org.MonthlyPrefix], words, ct);
    }

    static void ThrowIfOver(string? answer)
    {
        switch (answer)
        {
            case "replaced":
                throw new InvalidOperationException("Another reconciliation of this organisation began meanwhile; run it again.");
            case "overrun":
                throw new InvalidOperationException("Too many requests began during the reconciliation; run it again.");
            case "overflow":
                throw new OverflowException("The corrected counters are beyond any amount.");
            default:
                break;
        }
    }

    static List<RequestId> Ids(RespReply reply)
    {
        List<RequestId> ids = new(reply.Count);
        for (var i = 0; i < reply.Count; i++)
        {
            ids.Add(RequestId.TryParse(reply[i].AsString(), out var id) ? id : throw new InvalidDataException("Redis holds a hold without a name."));
        }
        return ids;
    }
}
