namespace CurateMe.Ledger.Records;

/// <summary>What sums of a day's records are kept by, each by org too. The numbers are stored; a test freezes them.</summary>
internal enum SumKind
{
    Session = 0,
    Hour = 1,
    Tags = 2,
    Plain = 3,
    Model = 4,
    Key = 5,
    Runner = 6,
    HourModel = 7,
    HourTeam = 8,
    TagsAlone = 9,
    SessionAlone = 10,
    HourKey = 11,
}

internal static class SumKinds
{
    static readonly (SumKind Kind, BreakdownDimension[] Dimensions)[] CheapestFirst =
    [
        (SumKind.Model, [BreakdownDimension.Provider, BreakdownDimension.Model]),
        (SumKind.Runner, [BreakdownDimension.Runner]),
        (SumKind.Key, [BreakdownDimension.Team, BreakdownDimension.Key]),
        (SumKind.TagsAlone, [BreakdownDimension.Tag]),
        (SumKind.SessionAlone, [BreakdownDimension.Runner, BreakdownDimension.Session]),
        (SumKind.HourTeam, [BreakdownDimension.Hour, BreakdownDimension.Team]),
        (SumKind.HourModel, [BreakdownDimension.Hour, BreakdownDimension.Provider, BreakdownDimension.Model]),
        (SumKind.Tags, [BreakdownDimension.Tag, BreakdownDimension.Provider, BreakdownDimension.Model]),
        (SumKind.Plain, [BreakdownDimension.Key, BreakdownDimension.Team, BreakdownDimension.Provider, BreakdownDimension.Model, BreakdownDimension.Runner]),
        (SumKind.Hour, [BreakdownDimension.Hour, BreakdownDimension.Team, BreakdownDimension.Provider, BreakdownDimension.Model]),
        (SumKind.HourKey, [BreakdownDimension.Hour, BreakdownDimension.Key]),
        (SumKind.Session, [BreakdownDimension.Key, BreakdownDimension.Team, BreakdownDimension.Provider, BreakdownDimension.Model, BreakdownDimension.Runner, BreakdownDimension.Session]),
    ];

    /// <summary>
    /// The fewest sums that answer a question; null when only the records do. More dimensions in one kind would make as many sums as records: an hour has few
    /// requests of one key and model, and tags times keys are many.
    /// </summary>
    /// <param name="kept">What the store keeps, which may be fewer kinds than there are.</param>
    internal static SumKind? Of(IReadOnlyList<BreakdownDimension> by, IReadOnlyList<SumKind> kept)
    {
        foreach (var (kind, dimensions) in CheapestFirst)
        {
            if (kept.Contains(kind) && by.All(dimension => dimension == BreakdownDimension.Day || dimensions.Contains(dimension))) return kind;
        }
        return null;
    }

    /// <summary>The dimensions of a kind, but for the org and the day.</summary>
    internal static IReadOnlyList<BreakdownDimension> DimensionsOf(SumKind kind) => CheapestFirst.Single(k => k.Kind == kind).Dimensions;
}
