using CurateMe.Ledger.Money;

namespace CurateMe.Client;

/// <summary>An org's budgets as a tree: the org, its teams, their keys.</summary>
public sealed record BudgetTree
{
    public required string OrgId { get; init; }
    public required DateOnly Date { get; init; }

    /// <summary><c>YYYY-MM</c>.</summary>
    public required string Month { get; init; }
    public required BudgetTreeNode Org { get; init; }

    /// <summary>More keys or teams exist than an answer holds (5,000); those shown are the first by id.</summary>
    public bool Truncated { get; init; }
}

/// <summary>A node with what it has spent and holds.</summary>
public sealed record BudgetTreeNode
{
    /// <summary>As in <c>PUT …/nodes/{node}</c>: <c>org</c>, <c>team:ID</c> or <c>key:ID</c>.</summary>
    public required string Node { get; init; }
    public required string Kind { get; init; }
    public required string Id { get; init; }
    public required string Name { get; init; }
    public required BudgetFigures Daily { get; init; }
    public required BudgetFigures Monthly { get; init; }
    public required IReadOnlyList<BudgetTreeNode> Children { get; init; }
}

/// <summary>One counter beside its limit.</summary>
/// <param name="Limit">Null is unlimited.</param>
/// <param name="Pct">Spent and held as a share of the limit, in percent, cut after one decimal; null when unlimited, 100 when the limit is 0.</param>
public sealed record BudgetFigures(NanoUsd Spent, NanoUsd Held, NanoUsd? Limit, double? Pct)
{
    public long SpentNanoUsd => Spent.Value;
    public long HeldNanoUsd => Held.Value;
    public long? LimitNanoUsd => Limit?.Value;
}

/// <summary>
/// Sets a node's limits. A field that is absent stays; <c>"unlimited"</c> takes the limit away; null does so too, but at the org it brings back the tier's default.
/// </summary>
public sealed record NodeLimits
{
    /// <summary>Dollars per UTC day.</summary>
    public MoneyLimit? DailyBudget { get; init; }

    /// <summary>Dollars per UTC month.</summary>
    public MoneyLimit? MonthlyBudget { get; init; }
}
