using System.Runtime.InteropServices;
using CurateMe.Ledger.Records;

namespace CurateMe.Ledger.Sqlite;

/// <summary>
/// Sums of the records that this process stored and the roll-up does not have yet: the same that grouping them in the database gives, without its
/// sort. Only a means to write the sums; questions read the records themselves. Grouped as finely as any table of sums wants it. Not thread-safe.
/// </summary>
internal sealed class RollUpTail
{
    readonly Dictionary<RecordGroup, GroupSums> _sums = [];

    internal void Add(UsageRecord record)
    {
        var at = record.Timestamp.ToUnixTimeMilliseconds();
        var group = new RecordGroup(
            record.OrgId, record.Day, at / BreakdownRange.HourMs, record.KeyId, record.TeamId ?? "", record.Model, record.Provider, record.RunnerId ?? "", record.SessionId ?? "",
            record.Tags ?? "");
        ref var sums = ref CollectionsMarshal.GetValueRefOrAddDefault(_sums, group, out _);
        sums.Requests++;
        sums.Cost = checked(sums.Cost + record.Cost.Value);
        sums.PromptTokens += record.Usage.PromptTokens;
        sums.CompletionTokens += record.Usage.CompletionTokens;
        sums.LastTs = Math.Max(sums.LastTs, at);
    }

    /// <summary>Writes all sums by session; they are forgotten by <see cref="Clear"/>, once that is committed.</summary>
    internal void Write(RawStatement upsert)
    {
        foreach (var (group, sums) in _sums)
        {
            upsert.Text(1, group.OrgId);
            upsert.Text(2, group.Day.ToString("O"));
            upsert.Text(3, group.KeyId);
            upsert.Text(4, group.TeamId);
            upsert.Text(5, group.Model);
            upsert.Text(6, group.Provider);
            upsert.Text(7, group.RunnerId);
            upsert.Text(8, group.SessionId);
            sums.Bind(upsert, 9);
            upsert.Integer(13, sums.LastTs);
            upsert.Run();
        }
    }

    internal void AddTo(SumsTail coarser)
    {
        foreach (var (group, sums) in _sums) coarser.Add(in group, in sums);
    }

    internal void Clear() => _sums.Clear();
}

/// <param name="Hour">Whole hours since 1970 began.</param>
internal readonly record struct RecordGroup(
    string OrgId, DateOnly Day, long Hour, string KeyId, string TeamId, string Model, string Provider, string RunnerId, string SessionId, string Tags);

internal struct GroupSums
{
    internal long Requests, Cost, PromptTokens, CompletionTokens, LastTs;

    internal void Add(in GroupSums more)
    {
        Requests += more.Requests;
        Cost = checked(Cost + more.Cost);
        PromptTokens += more.PromptTokens;
        CompletionTokens += more.CompletionTokens;
        LastTs = Math.Max(LastTs, more.LastTs);
    }

    internal readonly void Bind(RawStatement upsert, int from)
    {
        upsert.Integer(from, Requests);
        upsert.Integer(from + 1, Cost);
        upsert.Integer(from + 2, PromptTokens);
        upsert.Integer(from + 3, CompletionTokens);
    }
}
