namespace CurateMe.Cli.Drills;

/// <summary>Every drill there is.</summary>
static class AllDrills
{
    public static IReadOnlyList<Drill> List { get; } = [.. BudgetDrills.All, .. LagDrills.All, .. StoreDrills.All, .. LatencyDrills.All];

    public static Drill? Find(string name) => List.FirstOrDefault(d => d.Name == name);
}
