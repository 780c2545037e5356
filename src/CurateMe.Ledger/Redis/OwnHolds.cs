using System.Collections.Concurrent;
using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;

namespace CurateMe.Ledger.Redis;

/// <summary>The holds of this process that have not ended: what it brings to counters that lost them.</summary>
sealed class OwnHolds(TimeProvider time)
{
    readonly ConcurrentDictionary<RequestId, OwnHold> holds = new();

    public int Count => holds.Count;

    public OwnHold Begin(in HoldRequest request)
    {
        var hold = new OwnHold(request.Record, request.Path, time.GetTimestamp() + (long)(request.TimeToLive.TotalSeconds * time.TimestampFrequency));
        return holds.TryAdd(request.Record.Id, hold) ? hold : holds[request.Record.Id];
    }

    public void Remove(RequestId id) => holds.TryRemove(id, out _);

    public OwnHold? Find(RequestId id) => holds.GetValueOrDefault(id);

    /// <summary>Whose they are.</summary>
    public HashSet<string> Orgs()
    {
        HashSet<string> orgs = new(StringComparer.Ordinal);
        foreach (var (_, hold) in holds)
        {
            orgs.Add(hold.Record.OrgId);
        }
        return orgs;
    }

    public List<OwnHold> Of(string orgId) => [.. holds.Values.Where(h => h.Record.OrgId == orgId && !h.Ended)];
}

/// <summary>One of them.</summary>
sealed class OwnHold(UsageRecord record, BudgetPath path, long expires)
{
    public UsageRecord Record { get; } = record;
    public BudgetPath Path { get; } = path;

    /// <summary>Its id as it is sent.</summary>
    public byte[] IdWord { get; } = Word(record.Id);

    public static byte[] Word(RequestId id)
    {
        var word = new byte[RequestId.Length];
        id.Format(word);
        return word;
    }

    /// <summary>Timestamp.</summary>
    public long Expires { get; } = expires;

    /// <summary>Null while the answer is awaited.</summary>
    public NanoUsd? Granted { get; set; }

    /// <summary>Its end is in the journal, whether or not the counters know.</summary>
    public bool Ended { get; set; }
}
