using System.Runtime.InteropServices;
using CurateMe.Ledger.Records;

namespace CurateMe.Ledger.Sqlite;

/// <summary>What a batch adds to the roll-up by day, summed in memory so that each row is touched once per batch.</summary>
internal sealed class DailyTotals
{
    readonly Dictionary<Key, Sums> _rows = new(KeyComparer.Instance);

    internal IReadOnlyDictionary<Key, Sums> Rows => _rows;

    internal void Clear() => _rows.Clear();

    internal void Add(UsageRecord record, long timestamp)
    {
        ref var sums = ref CollectionsMarshal.GetValueRefOrAddDefault(_rows, new Key(record), out _);
        checked
        {
            sums.Requests++;
            sums.Cost += record.Cost.Value;
            sums.PromptTokens += record.Usage.PromptTokens;
            sums.CompletionTokens += record.Usage.CompletionTokens;
        }
        sums.Last = Math.Max(sums.Last, timestamp);
    }

    internal struct Sums
    {
        internal long Requests, Cost, PromptTokens, CompletionTokens, Last;
    }

    /// <summary>The dimensions of the roll-up; the empty string stands for none, since a primary key has no NULL.</summary>
    internal readonly struct Key(UsageRecord record)
    {
        internal readonly string Org = record.OrgId, Key_ = record.KeyId, Model = record.Model, Provider = record.Provider;
        internal readonly string Team = record.TeamId ?? "", Runner = record.RunnerId ?? "", Session = record.SessionId ?? "";
        internal readonly DateOnly Day = record.Day;
    }

    sealed class KeyComparer : IEqualityComparer<Key>
    {
        internal static readonly KeyComparer Instance = new();

        public bool Equals(Key x, Key y) =>
            x.Day == y.Day && x.Key_ == y.Key_ && x.Model == y.Model && x.Session == y.Session && x.Org == y.Org && x.Team == y.Team
            && x.Provider == y.Provider && x.Runner == y.Runner;

        public int GetHashCode(Key key) => HashCode.Combine(key.Day, key.Key_, key.Model, key.Session);
    }
}
