using CurateMe.Gateway.Configuration;

namespace CurateMe.Gateway.Hosting;

/// <summary>Where everything that must last lies.</summary>
static class DataDirectory
{
    const string Key = "CM_DATA_DIR";

    public static string Of(IConfiguration configuration) => Path.GetFullPath(configuration[Key] is { Length: > 0 } given ? given : "data");

    /// <summary>Makes it, if it is not there, and tries whether files can be made in it.</summary>
    public static void Prepare(IConfiguration configuration, ConfigurationFaults faults)
    {
        var directory = Of(configuration);
        try
        {
            Directory.CreateDirectory(directory);
            using var probe = new FileStream(Path.Combine(directory, $".probe-{Environment.ProcessId}"), FileMode.Create, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            faults.Add(Key, $"is no directory that files can be made in: {e.Message}");
        }
    }
}
