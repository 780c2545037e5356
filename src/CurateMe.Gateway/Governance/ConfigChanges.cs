using CurateMe.Ledger.Configuration;

namespace CurateMe.Gateway.Governance;

/// <summary>One document changed, here or on another replica.</summary>
/// <param name="Created">It was not there before.</param>
readonly record struct ConfigChange(string Collection, string Id, string? OrgId, string? Lookup, bool Created);

/// <summary>
/// Tells caches which documents changed: at once for changes made by this process, and within <see cref="PollInterval"/> for those of other
/// replicas, by asking the store for what is newer than the last revision seen.
/// </summary>
sealed partial class ConfigChanges(IConfigStore store, TimeProvider time, ILogger<ConfigChanges> logger) : BackgroundService
{
    /// <summary>How often the store is asked. Every change is in force everywhere in less than a second.</summary>
    public static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(300);

    /// <summary>Most changes read in one call.</summary>
    const int BatchSize = 500;

    readonly SemaphoreSlim _wake = new(0, 1);
    long _seen = -1;
    bool _away;

    /// <summary>Called for each change, after it is stored and before the operator is answered. Must not block or throw.</summary>
    public event Action<ConfigChange>? Changed;

    /// <summary>Called when changes may have been missed: forget everything that was read before.</summary>
    public event Action? Missed;

    /// <summary>Called after this process has stored a change. Must not block or throw.</summary>
    public event Action? Published;

    /// <summary>Asks the store soon, not only at the next interval.</summary>
    public void Wake()
    {
        try
        {
            _wake.Release();
        }
        catch (SemaphoreFullException)
        {
            // It is awake already.
        }
    }

    /// <summary>Announces what this process has just stored.</summary>
    public void Publish(IReadOnlyList<ConfigWrite> writes)
    {
        foreach (var write in writes)
        {
            Changed?.Invoke(new ConfigChange(write.Collection, write.Id, write.OrgId, write.Lookup, write.ExpectedVersion == 0));
        }
        Published?.Invoke();
    }

    /// <summary>Reads what is new; public so that a test need not wait.</summary>
    public async Task PollAsync(CancellationToken ct)
    {
        if (_seen < 0)
        {
            _seen = await store.RevisionAsync(ct);
            Missed?.Invoke();
            return;
        }
        while (await store.ChangesAsync(_seen, BatchSize, ct) is { Count: > 0 } changes)
        {
            foreach (var change in changes)
            {
                Changed?.Invoke(new ConfigChange(change.Collection, change.Id, change.OrgId, change.Lookup, change.Version == 1));
                _seen = Math.Max(_seen, change.Revision);
            }
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = time.CreateTimer(static changes => ((ConfigChanges)changes!).Wake(), this, PollInterval, PollInterval);
        do
        {
            await TryPollAsync(stoppingToken);
        }
        while (await NextAsync(stoppingToken));
    }

    // The store may be away for hours; what was read before stays in force until it is back.
    async Task TryPollAsync(CancellationToken ct)
    {
        try
        {
            await PollAsync(ct);
            if (_away)
            {
                _away = false;
                Log.Back(logger);
            }
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
        }
#pragma warning disable CA1031 // every failure of a store means the same here
        catch (Exception failure)
#pragma warning restore CA1031
        {
            if (!_away)
            {
                _away = true;
                Log.Away(logger, failure);
            }
        }
    }

    async ValueTask<bool> NextAsync(CancellationToken ct)
    {
        try
        {
            await _wake.WaitAsync(ct);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    static partial class Log
    {
        [LoggerMessage(3001, LogLevel.Warning, "The configuration store does not answer; keys and policies stay as they were last read.")]
        public static partial void Away(ILogger logger, Exception failure);

        [LoggerMessage(3002, LogLevel.Information, "The configuration store answers again.")]
        public static partial void Back(ILogger logger);
    }
}
