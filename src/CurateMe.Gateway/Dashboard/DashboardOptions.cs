namespace CurateMe.Gateway.Dashboard;

/// <summary>Settings of the dashboard.</summary>
/// <param name="Directory">Where the built application lies; <c>CM_DASHBOARD_DIR</c>, else beside the program.</param>
sealed record DashboardOptions(string Directory)
{
    /// <summary>Configuration key of <see cref="Directory"/>.</summary>
    public const string DirectoryKey = "CM_DASHBOARD_DIR";

    public static DashboardOptions Read(IConfiguration configuration) =>
        new(configuration[DirectoryKey] is { Length: > 0 } given ? Path.GetFullPath(given) : Path.Combine(AppContext.BaseDirectory, "wwwroot", "dashboard"));
}
