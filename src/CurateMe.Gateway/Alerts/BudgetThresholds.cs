namespace CurateMe.Gateway.Alerts;

/// <summary>Parts of a limit at which operators are told, in hundredths of a percent.</summary>
static class BudgetThresholds
{
    public static readonly int[] Standard = [5_000, 7_500, 9_000];
}
