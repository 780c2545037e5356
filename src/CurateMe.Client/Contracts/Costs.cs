using CurateMe.Ledger.Money;

namespace CurateMe.Client;

/// <summary>What an org has spent in a UTC day and its month, in dollars.</summary>
public sealed record DailyCosts
{
    public required string OrgId { get; init; }
    public required DateOnly Date { get; init; }
    public required NanoUsd DailySpend { get; init; }

    /// <summary>Null is unlimited.</summary>
    public NanoUsd? DailyBudget { get; init; }
    public required NanoUsd MonthlySpend { get; init; }
    public NanoUsd? MonthlyBudget { get; init; }

    /// <summary>Set aside for requests in flight.</summary>
    public NanoUsd DailyHeld { get; init; }
    public NanoUsd MonthlyHeld { get; init; }
    public long DailySpendNanoUsd => DailySpend.Value;
    public long? DailyBudgetNanoUsd => DailyBudget?.Value;
    public long MonthlySpendNanoUsd => MonthlySpend.Value;
    public long? MonthlyBudgetNanoUsd => MonthlyBudget?.Value;
    public long DailyHeldNanoUsd => DailyHeld.Value;
    public long MonthlyHeldNanoUsd => MonthlyHeld.Value;

    /// <summary><c>counters</c> for today, <c>ledger</c> for other days and while the counters are away.</summary>
    public required string Source { get; init; }

    /// <summary>The day's dearest models by the ledger, at most 20.</summary>
    public required IReadOnlyList<ModelCost> TopModels { get; init; }
}

/// <summary>What a model cost in a day.</summary>
public sealed record ModelCost(string Model, NanoUsd Cost, long Requests)
{
    public long CostNanoUsd => Cost.Value;
}

/// <summary>Costs grouped by what was asked for, dearest first.</summary>
public sealed record CostBreakdown
{
    /// <summary>Null when all orgs are summed.</summary>
    public string? OrgId { get; init; }
    public required DateTimeOffset From { get; init; }
    public required DateTimeOffset To { get; init; }
    public required IReadOnlyList<string> By { get; init; }
    public required IReadOnlyList<BreakdownGroup> Data { get; init; }

    /// <summary>More groups exist than an answer holds; ask for a shorter time.</summary>
    public bool Truncated { get; init; }
}

/// <param name="Group">Value of each dimension; null where records have none.</param>
public sealed record BreakdownGroup(IReadOnlyDictionary<string, string?> Group, NanoUsd Cost, long Requests, long PromptTokens, long CompletionTokens)
{
    public long CostNanoUsd => Cost.Value;
}

/// <summary>Metered billing of one org in one UTC month; the lines add up to the total, to the nano-dollar.</summary>
public sealed record OrgBill
{
    public required string OrgId { get; init; }

    /// <summary>The month as <c>YYYY-MM</c>.</summary>
    public required string Month { get; init; }
    public required NanoUsd Total { get; init; }
    public long TotalNanoUsd => Total.Value;
    public required long Requests { get; init; }
    public required IReadOnlyList<BillLine> Lines { get; init; }
}

/// <summary>A line of a bill. Where there are more lines than an answer holds, the last one has no key and no model and holds the rest.</summary>
public sealed record BillLine(string? TeamId, string? KeyId, string? Model, NanoUsd Cost, long Requests, long PromptTokens, long CompletionTokens)
{
    public long CostNanoUsd => Cost.Value;
}

/// <summary>Sets an org's live daily counters back to zero.</summary>
public sealed record ResetDaily
{
    /// <summary>The org, unless <c>X-Org-ID</c> says it.</summary>
    public string? OrgId { get; init; }
}

/// <summary>What a reset took off the counters; the ledger is as it was.</summary>
public sealed record ResetDailyResult
{
    public required string OrgId { get; init; }
    public required DateOnly Date { get; init; }

    /// <summary>The org's live daily spend before.</summary>
    public required NanoUsd Before { get; init; }
    public long BeforeNanoUsd => Before.Value;

    /// <summary>The same for each node that had spent.</summary>
    public required IReadOnlyDictionary<string, NanoUsd> Nodes { get; init; }
}
