namespace CurateMe.Ledger.Records;

/// <summary>Whose spending is asked for, and which of it is left out.</summary>
/// <param name="OrgId">Null is all orgs; nothing is left out then.</param>
internal readonly record struct SpendScope(string? OrgId, IReadOnlySet<RequestId>? Except, DateTimeOffset? Before)
{
    /// <summary>Whether any record may have to be left out of the sums.</summary>
    internal bool LeavesOut => OrgId is not null && (Before is not null || Except is { Count: > 0 });

    /// <summary>Time of the earliest record that may be left out: its id was made with it.</summary>
    internal long EarliestMs => Math.Min(BeforeMs, Except is { Count: > 0 } ids ? ids.Min(static id => id.Made).ToUnixTimeMilliseconds() : long.MaxValue);

    internal long BeforeMs => Before is { } before ? BreakdownRange.Milliseconds(before) : long.MaxValue;
}
