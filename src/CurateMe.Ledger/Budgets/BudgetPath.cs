using System.Collections.Immutable;
using CurateMe.Ledger.Money;

namespace CurateMe.Ledger.Budgets;

/// <summary>A level of the budget tree. The numbers are stored; a test freezes them.</summary>
public enum NodeKind : byte
{
    Org = 0,
    Team = 1,
    Key = 2,
    Session = 3,
}

/// <summary>Over what time a limit counts. A session's limit counts over its whole life.</summary>
public enum PeriodKind : byte
{
    Day = 0,
    Month = 1,
    Life = 2,
}

/// <summary>What happens while a shared counter store is away (<c>on_budget_store_loss</c>).</summary>
public enum StoreLoss : byte
{
    /// <summary>This process admits from the part of the budget that it may spend alone.</summary>
    Bounded = 0,

    /// <summary>Nobody is admitted.</summary>
    Deny = 1,

    /// <summary>Everybody is admitted.</summary>
    Allow = 2,
}

/// <summary>
/// One node with its limits. Null is unlimited; zero denies everything that costs.
/// </summary>
/// <param name="RequestsPerMinute">Null is unlimited.</param>
/// <param name="MaxConcurrency">Most live holds at once; null is unlimited.</param>
public sealed record BudgetNode(
    NodeKind Kind,
    string Id,
    NanoUsd? DailyLimit = null,
    NanoUsd? MonthlyLimit = null,
    NanoUsd? LifeLimit = null,
    int? RequestsPerMinute = null,
    int? MaxConcurrency = null)
{
    /// <summary>The node's field in the counter hashes: <c>org</c>, <c>team:ID</c>, <c>key:ID</c>, <c>session:ID</c>.</summary>
    public string Field { get; } = Kind == NodeKind.Org ? "org" : $"{KindName(Kind)}:{Id}";

    /// <summary>Lower-case name, as in error codes and JSON.</summary>
    public static string KindName(NodeKind kind) => kind switch
    {
        NodeKind.Org => "org",
        NodeKind.Team => "team",
        NodeKind.Key => "key",
        _ => "session",
    };
}

/// <summary>
/// All nodes that a request of one principal is held at, outermost first; immutable, shared by all requests until policy changes.
/// </summary>
public sealed class BudgetPath
{
    /// <summary>Most nodes: org, team, key, session.</summary>
    public const int MaxNodes = 4;

    public BudgetPath(string orgId, IReadOnlyList<BudgetNode> nodes)
    {
        if (nodes.Count is 0 or > MaxNodes || nodes[0].Kind != NodeKind.Org || nodes[0].Id != orgId)
        {
            throw new ArgumentException("A budget path begins at its org and has at most four nodes.", nameof(nodes));
        }
        OrgId = orgId;
        Nodes = [.. nodes];
    }

    public string OrgId { get; }
    public ImmutableArray<BudgetNode> Nodes { get; }

    /// <summary>What the in-process counters found for this path the last time; only they read it, under their lock.</summary>
    internal object? Found { get; set; }

    /// <summary>The nodes with their limits as the shared counters send them.</summary>
    internal object? Encoded { get; set; }

    int marks;

    /// <summary>Sets a mark for whoever watches paths; false when it was set already. Costs a look when it was.</summary>
    public bool TryMark(int mark) => (Volatile.Read(ref marks) & mark) == 0 && (Interlocked.Or(ref marks, mark) & mark) == 0;

    /// <summary>Takes a mark away.</summary>
    public void Unmark(int mark) => Interlocked.And(ref marks, ~mark);

    /// <summary>What happens to its requests while a shared counter store is away.</summary>
    public StoreLoss OnStoreLoss { get; init; }
}
