using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;
using CurateMe.Resp;

namespace CurateMe.Ledger.Redis;

public sealed partial class RedisCounters
{
    /// <summary>Holds or records brought by one script.</summary>
    const int MaxPushed = 200;

    /// <summary>Most words of one of them: six and its fields.</summary>
    const int PushArguments = 6 + BudgetPath.MaxNodes;

    /// <summary>Holds of this process that have not ended.</summary>
    public int OwnLiveHolds => own.Count;

    /// <summary>Takes a hold that was granted without this store for one of this process's own, to be brought here when it is back.</summary>
    internal void Adopt(in HoldRequest request, NanoUsd granted) => own.Begin(in request).Granted = granted;

    /// <summary>An adopted hold has ended without this store.</summary>
    internal void Abandon(RequestId id) => own.Remove(id);

    /// <summary>Brings this process's live holds of an org, and ended ones that the ledger may lack, to counters that are being rebuilt; then says so in them.</summary>
    /// <param name="epoch">Of the rebuild that is told so; null when there is none.</param>
    /// <param name="unrecorded">Ended records of the org that are in the journal and perhaps not in the ledger, read after this call began.</param>
    /// <returns>False when the counters were opened meanwhile, so that they must be reconciled.</returns>
    internal async ValueTask<bool> PushAsync(string orgId, string? epoch, Func<IReadOnlyList<UsageRecord>> unrecorded, CancellationToken ct)
    {
        var org = Org(orgId);
        var state = epoch is null ? default : await AskAsync(static (self, org, ct) => self.client.ExecuteAsync(["HMGET", org.State, "built", "seq"], ct), org, ct).ConfigureAwait(false);
        var mine = own.Of(orgId);
        var live = mine.Where(static h => h.Granted is not null).ToArray();
        Dictionary<RequestId, UsageRecord> ended = [];
        foreach (var record in unrecorded())
        {
            ended[record.Id] = record;
        }
        for (var from = 0; from == 0 || from < live.Length; from += MaxPushed)
        {
            var some = live.Skip(from).Take(MaxPushed).ToArray();
            var keep = from == 0 ? mine : null;
            var reply = await AskAsync(static (self, s, ct) => self.SendPush(s.org, s.keep, s.some, ct), (org, keep, some), ct).ConfigureAwait(false);
            foreach (var id in Ids(reply))
            {
                // It ended between the look at our holds and this script.
                if (own.Find(id) is { Record: var record } && record.Status != RecordStatus.Held || (record = some.FirstOrDefault(h => h.Record.Id == id)?.Record) is { Status: not RecordStatus.Held })
                {
                    ended[id] = record;
                }
            }
        }
        var intact = true;
        foreach (var some in ended.Values.Chunk(MaxPushed))
        {
            var reply = await AskAsync(static (self, s, ct) => self.SendCharge(s.org, s.some, ct), (org, some), ct).ConfigureAwait(false);
            intact &= reply[0].AsString() == "ok";
            org.Skip(reply[1].AsInt64());
        }
        if (epoch is not null)
        {
            // The rebuild has all that was seen before it, and what it began on may have counted less: told of more, a hold would shut the counters again.
            org.SeeAnew(state[1].IsNull ? 0 : state[1].AsInt64());
            await AskAsync(static (self, s, ct) => self.client.ExecuteAsync(["HSET", s.org.State, "ack:" + self.options.Replica, s.epoch], ct), (org, epoch), ct).ConfigureAwait(false);
            org.Built = state[0].AsString() ?? "";
        }
        return intact;
    }

    /// <summary>Shuts an org's counters for a rebuild.</summary>
    /// <param name="force">Also when they are open.</param>
    internal async ValueTask<(RebuildStart Start, string? Epoch)> BeginRebuildAsync(string orgId, bool force, CancellationToken ct)
    {
        var org = Org(orgId);
        var reply = await AskAsync(
            static (self, s, ct) => self.client.EvalAsync(RedisScripts.Begin, [s.org.State], [self.options.Replica, (long)self.options.TakeOver.TotalMilliseconds, s.force ? "1" : ""], ct), (org, force), ct).ConfigureAwait(false);
        return reply[0].AsString() switch
        {
            "open" => (RebuildStart.Open, null),
            "busy" => (RebuildStart.Busy, null),
            _ => (RebuildStart.Begun, reply[1].AsString()),
        };
    }

    /// <summary>Says that the rebuild which this process began goes on, so that no other takes it over.</summary>
    internal async ValueTask RenewRebuildAsync(string orgId, CancellationToken ct) => await AskAsync(
        static (self, org, ct) => self.client.EvalAsync(RedisScripts.Renew, [org.State], [self.options.Replica, (long)self.options.TakeOver.TotalMilliseconds], ct), Org(orgId), ct).ConfigureAwait(false);

    /// <summary>Leaves the rebuild that this process began, and that failed, to whoever is first.</summary>
    internal async ValueTask GiveUpRebuildAsync(string orgId, CancellationToken ct) => await AskAsync(
        static (self, org, ct) => self.client.EvalAsync(RedisScripts.GiveUp, [org.State], [self.options.Replica], ct), Org(orgId), ct).ConfigureAwait(false);

    /// <summary>The live holds of some replicas, as they were when they were taken.</summary>
    internal async ValueTask<IReadOnlyList<UsageRecord>> HeldByAsync(string orgId, IReadOnlyList<string> replicas, CancellationToken ct)
    {
        var reply = await AskAsync(
            static (self, s, ct) => self.client.EvalAsync(RedisScripts.HeldBy, [s.org.Holds], [.. s.replicas.Select(static r => (RespArg)r)], ct), (org: Org(orgId), replicas), ct).ConfigureAwait(false);
        var records = new UsageRecord[reply.Count];
        for (var i = 0; i < records.Length; i++)
        {
            records[i] = RecordCodec.Read(reply[i].AsSpan());
        }
        return records;
    }

    /// <summary>Which replicas have brought what they have to this rebuild.</summary>
    internal async ValueTask<HashSet<string>> AcknowledgedAsync(string orgId, string epoch, CancellationToken ct)
    {
        var org = Org(orgId);
        var reply = await AskAsync(static (self, org, ct) => self.client.ExecuteAsync(["HGETALL", org.State], ct), org, ct).ConfigureAwait(false);
        HashSet<string> replicas = new(StringComparer.Ordinal);
        for (var i = 0; i + 1 < reply.Count; i += 2)
        {
            if (reply[i].AsString() is ['a', 'c', 'k', ':', .. var replica] && reply[i + 1].AsString() == epoch)
            {
                replicas.Add(replica);
            }
        }
        return replicas;
    }

    /// <summary>Asks again whether the org's counters can be trusted, rebuilding them if not: after an outage.</summary>
    internal async ValueTask ResumeAsync(string orgId, CancellationToken ct)
    {
        Org(orgId).Epoch = null;
        await TrustedAsync(Org(orgId), ct).ConfigureAwait(false);
    }

    ValueTask<RespReply> SendPush(RedisOrg org, List<OwnHold>? keep, OwnHold[] live, CancellationToken ct)
    {
        var words = new List<RespArg>(3 + (keep?.Count ?? 0) + (live.Length * PushArguments)) { options.Replica, CounterMark.MaxCaptured, keep?.Count ?? -1 };
        foreach (var hold in keep ?? [])
        {
            words.Add(hold.Record.Id.ToString());
        }
        foreach (var hold in live)
        {
            var record = hold.Record;
            words.AddRange([record.Id.ToString(), hold.Granted!.Value.Value, Math.Max(1, (long)time.GetElapsedTime(time.GetTimestamp(), hold.Expires).TotalMilliseconds)]);
            words.AddRange([org.Of(record.Day).DayText, Bytes(record.AsHeld()), hold.Path.Nodes.Length]);
            foreach (var node in hold.Path.Nodes)
            {
                words.Add(node.Field);
            }
        }
        return client.EvalAsync(RedisScripts.Push, PushKeys(org), words.ToArray(), ct);
    }

    ValueTask<RespReply> SendCharge(RedisOrg org, UsageRecord[] records, CancellationToken ct)
    {
        var words = new List<RespArg>(3 + (records.Length * PushArguments)) { CounterMark.MaxCaptured, (long)options.TombstoneLife.TotalMilliseconds, Skipping };
        foreach (var record in records)
        {
            var fields = CellName.Of(record).Select(static c => c.Field).Distinct(StringComparer.Ordinal).ToArray();
            words.AddRange([record.Id.ToString(), record.Cost.Value, org.Of(record.Day).DayText, Bytes(record), fields.Length]);
            foreach (var field in fields)
            {
                words.Add(field);
            }
        }
        return client.EvalAsync(RedisScripts.Charge, PushKeys(org), words.ToArray(), ct);
    }

    static RespArg[] PushKeys(RedisOrg org) =>
    [
        org.State, org.Holds, org.Expiry, org.Held, org.SessionCost, org.Unrecorded, org.DailyPrefix, org.MonthlyPrefix, org.Captured, org.PeriodSet, org.TombstonePrefix,
        org.SessionsInUse,
    ];

    static byte[] Bytes(UsageRecord record)
    {
        var bytes = new byte[RecordCodec.MaxBytes];
        return bytes[..RecordCodec.Write(record, bytes)];
    }
}

/// <summary>Whether a rebuild is this process's to do.</summary>
enum RebuildStart : byte
{
    Begun,
    Busy,
    Open,
}
