using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Money;
using CurateMe.Ledger.Records;

namespace CurateMe.Testing.Budgets;

/// <summary>Hold requests of one org, each with the smallest valid record.</summary>
internal sealed class Wishes(string orgId, Func<DateTimeOffset> now)
{
    internal static readonly TimeSpan LongLife = TimeSpan.FromHours(12);

    internal string OrgId => orgId;

    internal BudgetNode Org(long? daily = null, long? monthly = null, int? rpm = null, int? concurrency = null) => new(
        NodeKind.Org, orgId, Nano(daily), Nano(monthly), RequestsPerMinute: rpm, MaxConcurrency: concurrency);

    internal static BudgetNode Team(long? daily = null, long? monthly = null, string id = "t1", int? rpm = null, int? concurrency = null) => new(
        NodeKind.Team, id, Nano(daily), Nano(monthly), RequestsPerMinute: rpm, MaxConcurrency: concurrency);

    internal static BudgetNode Key(long? daily = null, long? monthly = null, string id = "k1", int? rpm = null, int? concurrency = null) => new(
        NodeKind.Key, id, Nano(daily), Nano(monthly), RequestsPerMinute: rpm, MaxConcurrency: concurrency);

    internal static BudgetNode Session(long? life = null, string id = "s1") => new(NodeKind.Session, id, LifeLimit: Nano(life));

    internal BudgetPath Path(params BudgetNode[] nodes) => new(orgId, nodes);

    /// <summary>Org, team, key and session without limits.</summary>
    internal BudgetPath Whole() => Path(Org(), Team(), Key(), Session());

    internal HoldRequest Ask(BudgetPath path, long desired, long? minimum = null, TimeSpan? life = null, DateOnly? day = null, RequestId? id = null) =>
        new(Record(path, day, id), path, new NanoUsd(desired), new NanoUsd(minimum ?? desired), life ?? LongLife);

    internal UsageRecord Record(BudgetPath path, DateOnly? day = null, RequestId? id = null)
    {
        var at = now();
        var session = path.Nodes.FirstOrDefault(node => node.Kind == NodeKind.Session)?.Id;
        return new UsageRecord
        {
            Id = id ?? RequestId.New(at),
            OrgId = orgId,
            TeamId = path.Nodes.FirstOrDefault(node => node.Kind == NodeKind.Team)?.Id,
            KeyId = path.Nodes.FirstOrDefault(node => node.Kind == NodeKind.Key)?.Id ?? "k0",
            RunnerId = session is null ? null : "r1",
            SessionId = session,
            Provider = "openai",
            Model = "gpt-4o-mini",
            RequestedModel = "gpt-4o-mini",
            Endpoint = "chat.completions",
            Day = day ?? DateOnly.FromDateTime(at.UtcDateTime),
            Timestamp = at,
            PriceVersion = "0123456789ab",
        };
    }

    /// <summary>The record of an answered call.</summary>
    internal static UsageRecord Settled(UsageRecord record, long cost)
    {
        record.Status = RecordStatus.Settled;
        record.StatusCode = 200;
        record.Cost = new NanoUsd(cost);
        return record;
    }

    static NanoUsd? Nano(long? value) => value is { } v ? new NanoUsd(v) : null;
}
