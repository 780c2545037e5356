using CurateMe.Ledger.Budgets;
using CurateMe.Ledger.Configuration;
using CurateMe.Ledger.Journal;

namespace CurateMe.Gateway.Proxy;

/// <summary>What a caller is told when a store that its request needs does not answer.</summary>
static class Refusals
{
    static readonly RefusedException Journal = new(
        ErrorCode.CostRecorder, "The gateway cannot promise to record this request, so it does not forward it.", "Look at GET /health and at the journal's disk.");

    static readonly RefusedException Counters = new(
        ErrorCode.BudgetStore,
        "The budget store does not answer, and what it said last does not allow this request.",
        "Look at GET /health; the policy's on_budget_store_loss decides what is allowed meanwhile.");

    static readonly RefusedException Configuration = new(
        ErrorCode.ConfigurationStore, "The store of keys and policies does not answer, and this gateway does not know the key yet.", "Try again; look at GET /health.");

    /// <summary>Null for what is neither a refusal nor a store that is away.</summary>
    public static RefusedException? Of(Exception e) => e switch
    {
        RefusedException refusal => refusal,
        JournalUnavailableException => Journal,
        CounterStoreUnavailableException => Counters,
        ConfigStoreUnavailableException or TimeoutException => Configuration,
        _ => null,
    };
}
