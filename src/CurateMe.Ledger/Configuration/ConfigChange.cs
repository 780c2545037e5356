namespace CurateMe.Ledger.Configuration;

/// <summary>What every store asks of a change.</summary>
internal static class ConfigChange
{
    /// <exception cref="ArgumentException">Too many documents, or one twice.</exception>
    internal static void Check(IReadOnlyList<ConfigWrite> writes)
    {
        if (writes.Count > IConfigStore.MaxWrites) throw new ArgumentException($"A change has at most {IConfigStore.MaxWrites} documents.", nameof(writes));
        var seen = new HashSet<(string, string)>();
        foreach (var write in writes)
        {
            if (!seen.Add((write.Collection, write.Id))) throw new ArgumentException($"{write.Collection}/{write.Id} is in the change twice.", nameof(writes));
        }
    }

    /// <summary>The version that a write makes, given what is there; deleted documents go on counting, so that a version never names two states.</summary>
    /// <exception cref="ConfigConflictException">The document is not at the version that the write expects.</exception>
    internal static long NextVersion(ConfigWrite write, long storedVersion, bool deleted)
    {
        var seen = deleted ? 0 : storedVersion;
        if (seen != write.ExpectedVersion)
        {
            throw new ConfigConflictException(
                $"{write.Collection}/{write.Id} is {(seen == 0 ? "not there" : $"at version {seen}")}, but the change was made for {(write.ExpectedVersion == 0 ? "a new document" : $"version {write.ExpectedVersion}")}. Read it again.");
        }
        return storedVersion + 1;
    }

    internal static ConfigConflictException LookupTaken(ConfigWrite write) =>
        new($"Another document of {write.Collection} already has the second name of {write.Id}.");

    internal static int Limit(int limit) => Math.Clamp(limit, 1, IConfigStore.MaxLimit);
}
