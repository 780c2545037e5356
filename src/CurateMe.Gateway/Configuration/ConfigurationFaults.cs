namespace CurateMe.Gateway.Configuration;

/// <summary>Everything that is wrong with the configuration, so that the operator mends it in one go.</summary>
sealed class ConfigurationFaults
{
    readonly List<string> faults = [];

    public bool Any => faults.Count > 0;

    /// <param name="key">The key to set, as an environment variable.</param>
    /// <param name="fault">What is wrong and what to write; never the value, which may be a secret.</param>
    public void Add(string key, string fault) => faults.Add($"{key} {fault}");

    public void ThrowIfAny()
    {
        if (Any)
        {
            throw new ConfigurationException(faults);
        }
    }
}

/// <summary>The configuration cannot be used; the message lists every fault.</summary>
sealed class ConfigurationException(IReadOnlyList<string> faults)
    : Exception("The gateway did not start, because of its configuration:\n" + string.Join('\n', faults.Select(static f => $"  - {f}")))
{
    public IReadOnlyList<string> Faults { get; } = faults;
}
