using CurateMe.Ledger.Budgets;

namespace CurateMe.Ledger.Redis;

/// <summary>How the counters in Redis are used.</summary>
public sealed record RedisCounterOptions
{
    /// <summary>Names this process in what it stores: 1 to 64 characters, another one at each start.</summary>
    public required string Replica { get; init; }

    /// <summary>
    /// Brings an org's counters up when the server is not the one they were built on (new, restarted, flushed, taken over): nobody is admitted on
    /// them before it returns and has called <see cref="RedisCounters.OpenAsync"/>.
    /// </summary>
    public required Func<string, string, CancellationToken, Task> Rebuild { get; init; }

    /// <summary>Brings what this process has of an org to counters that were rebuilt while it was cut off from them.</summary>
    public Func<string, CancellationToken, Task> Bring { get; init; } = static (_, _) => Task.CompletedTask;

    /// <summary>How often an operation whose outcome is unknown is asked, 1 to 10.</summary>
    public int Tries { get; init; } = 3;

    /// <summary>Longest a request waits for a rebuild.</summary>
    public TimeSpan RebuildWait { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>A rebuild that its replica died in is taken over after this; one that lives says so four times as often.</summary>
    public TimeSpan TakeOver { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>How long it is remembered that a hold has ended which may still be on its way.</summary>
    public TimeSpan TombstoneLife { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How often the orgs of all replicas are swept, not only this one's.</summary>
    public TimeSpan FullSweepEvery { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>After this an expired hold whose record did not reach the ledger is handed out again.</summary>
    public TimeSpan RedeliverAfter { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// Whether what follows a hold and its end runs on the thread that reads their replies: fewer hops for a process that answers on its sockets' threads anyway.
    /// </summary>
    public bool Inline { get; init; }

    /// <summary>
    /// Ended records of this process that the ledger lacks. Beyond <see cref="MaxUnrecorded"/> the store does not remember them, so that its memory stays flat
    /// however long the ledger is away; the journal has them, and the counters cannot be compared with the ledger before it has them too.
    /// </summary>
    public Func<long> Backlog { get; init; } = static () => 0;

    /// <summary>Most ended records that the store remembers for this process, of all orgs together.</summary>
    public int MaxUnrecorded { get; init; } = InProcessCounters.MaxUnrecorded;

    /// <summary>A replica that skipped records and has been silent for this long is not waited for any more: it died with its journal, or brings them when it comes back.</summary>
    public TimeSpan SkipLife { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How long a reconciliation has an org to itself; longer than any takes, so that only a dead one is overtaken.</summary>
    public TimeSpan MarkAlone { get; init; } = TimeSpan.FromSeconds(45);

    /// <summary>Longest that another's reconciliation is waited for.</summary>
    public TimeSpan MarkWait { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Longest that a mark captures holds.</summary>
    public TimeSpan MarkLife { get; init; } = TimeSpan.FromMinutes(10);
}
