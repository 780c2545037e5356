namespace CurateMe.Ledger.Records;

/// <summary>What sums of a day's records are kept by, each by org too. The numbers are stored; a test freezes them.</summary>
internal enum SumKind
{
    /// <summary>Key, team, model, provider, runner and session.</summary>
    Session = 0,

    /// <summary>Hour, team, model and provider.</summary>
    Hour = 1,

    /// <summary>The tags as the caller wrote them, model and provider.</summary>
    Tags = 2,

    /// <summary>Key, team, model, provider and runner.</summary>
    Plain = 3,
}

internal static class SumKinds
{
    static readonly BreakdownDimension[] ByHour = [BreakdownDimension.Hour, BreakdownDimension.Day, BreakdownDimension.Team, BreakdownDimension.Model, BreakdownDimension.Provider];
    static readonly BreakdownDimension[] ByTags = [BreakdownDimension.Tag, BreakdownDimension.Day, BreakdownDimension.Model, BreakdownDimension.Provider];

    /// <summary>
    /// The sums that answer a question; null when only the records do. More dimensions in one kind would make as many sums as records: an hour has few
    /// requests of one key, and tags times keys are many.
    /// </summary>
    internal static SumKind? Of(IReadOnlyList<BreakdownDimension> by) =>
        by.Contains(BreakdownDimension.Hour) ? by.All(ByHour.Contains) ? SumKind.Hour : null
        : by.Contains(BreakdownDimension.Tag) ? by.All(ByTags.Contains) ? SumKind.Tags : null
        : by.Contains(BreakdownDimension.Session) ? SumKind.Session
        : SumKind.Plain;
}
