using System.Runtime.InteropServices;
using CurateMe.Ledger.Records;

namespace CurateMe.Ledger.Sqlite;

/// <summary>
/// Sums of the records that this process stored and the roll-up does not have yet: the same that grouping them in the database gives, without its
/// sort. Only a means to write the roll-up; questions read the records themselves. Not thread-safe.
/// </summary>
internal sealed class RollUpTail
{
    readonly Dictionary<Group, Sums> _sums = [];

    internal void Add(UsageRecord record)
    {
        ref var sums = ref CollectionsMarshal.GetValueRefOrAddDefault(
            _sums, new Group(record.OrgId, record.Day, record.KeyId, record.TeamId ?? "", record.Model, record.Provider, record.RunnerId ?? "", record.SessionId ?? ""), out _);
        sums.Requests++;
        sums.Cost = checked(sums.Cost + record.Cost.Value);
        sums.PromptTokens += record.Usage.PromptTokens;
        sums.CompletionTokens += record.Usage.CompletionTokens;
        sums.LastTs = Math.Max(sums.LastTs, record.Timestamp.ToUnixTimeMilliseconds());
    }

    /// <summary>Writes all sums; they are forgotten by <see cref="Clear"/>, once that is committed.</summary>
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
            upsert.Integer(9, sums.Requests);
            upsert.Integer(10, sums.Cost);
            upsert.Integer(11, sums.PromptTokens);
            upsert.Integer(12, sums.CompletionTokens);
            upsert.Integer(13, sums.LastTs);
            upsert.Run();
        }
    }

    internal void Clear() => _sums.Clear();

    readonly record struct Group(string OrgId, DateOnly Day, string KeyId, string TeamId, string Model, string Provider, string RunnerId, string SessionId);

    struct Sums
    {
        public long Requests, Cost, PromptTokens, CompletionTokens, LastTs;
    }
}
