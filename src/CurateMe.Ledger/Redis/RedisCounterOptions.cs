namespace CurateMe.Ledger.Redis;

/// <summary>How the counters in Redis are used.</summary>
public sealed class RedisCounterOptions
{
    /// <summary>Names this process in what it stores: 1 to 64 characters, another one at each start.</summary>
    public required string Replica { get; init; }

    /// <summary>
    /// Brings an org's counters up when the server is not the one they were built on (new, restarted, flushed, taken over): nobody is admitted on
    /// them before it returns and has called <see cref="RedisCounters.OpenAsync"/>.
    /// </summary>
    public required Func<string, string, CancellationToken, Task> Rebuild { get; init; }

    /// <summary>How often an operation whose outcome is unknown is asked, 1 to 10.</summary>
    public int Tries { get; init; } = 3;

    /// <summary>Longest a request waits for a rebuild.</summary>
    public TimeSpan RebuildWait { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long it is remembered that a hold has ended which may still be on its way.</summary>
    public TimeSpan TombstoneLife { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How often the orgs of all replicas are swept, not only this one's.</summary>
    public TimeSpan FullSweepEvery { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>After this an expired hold whose record did not reach the ledger is handed out again.</summary>
    public TimeSpan RedeliverAfter { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Longest that a mark captures holds.</summary>
    public TimeSpan MarkLife { get; init; } = TimeSpan.FromMinutes(10);
}
