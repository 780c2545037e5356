using System.Globalization;
using System.Runtime.InteropServices;
using CurateMe.Ledger.Records;

namespace CurateMe.Ledger.Sqlite;

/// <summary>
/// What the roll-up has and <c>gateway_usage_sums</c> does not yet, in the groups of that table. Grouping the records in the database would cost each of them more than
/// storing it. Not thread-safe.
/// </summary>
internal sealed class SumsTail
{
    /// <summary>Most groups kept; whoever finds more lets go of them, and the table is asked instead.</summary>
    internal const int MaxGroups = 100_000;

    readonly Dictionary<SumGroup, GroupSums> _sums = [];

    internal int Count => _sums.Count;

    internal void Add(in RecordGroup group, in GroupSums sums)
    {
        var (org, day, team, model, provider) = (group.OrgId, group.Day, group.TeamId, group.Model, group.Provider);
        var hour = group.Hour.ToString(CultureInfo.InvariantCulture);
        Add(new SumGroup(SumKind.Hour, org, day, hour, "", team, model, provider, ""), in sums);
        Add(new SumGroup(SumKind.HourKey, org, day, hour, group.KeyId, "", "", "", ""), in sums);
        Add(new SumGroup(SumKind.Tags, org, day, group.Tags, "", "", model, provider, ""), in sums);
        Add(new SumGroup(SumKind.Plain, org, day, "", group.KeyId, team, model, provider, group.RunnerId), in sums);
        Add(new SumGroup(SumKind.SessionAlone, org, day, group.SessionId, "", "", "", "", group.RunnerId), in sums);
    }

    /// <summary>Writes all sums; they are forgotten by <see cref="Clear"/>, once that is committed.</summary>
    internal void Write(RawStatement upsert)
    {
        foreach (var (group, sums) in _sums)
        {
            upsert.Integer(1, (long)group.Kind);
            upsert.Text(2, group.OrgId);
            upsert.Text(3, group.Day.ToString("O"));
            upsert.Text(4, group.Bucket);
            upsert.Text(5, group.KeyId);
            upsert.Text(6, group.TeamId);
            upsert.Text(7, group.Model);
            upsert.Text(8, group.Provider);
            upsert.Text(9, group.RunnerId);
            sums.Bind(upsert, 10);
            upsert.Run();
        }
    }

    internal void Clear() => _sums.Clear();

    void Add(SumGroup group, in GroupSums sums) => CollectionsMarshal.GetValueRefOrAddDefault(_sums, group, out _).Add(in sums);

    readonly record struct SumGroup(SumKind Kind, string OrgId, DateOnly Day, string Bucket, string KeyId, string TeamId, string Model, string Provider, string RunnerId);
}
