using System.Collections.Concurrent;
using CurateMe.Gateway.Governance;
using CurateMe.Gateway.Keys;
using CurateMe.Gateway.Proxy;
using CurateMe.Ledger.Budgets;

namespace CurateMe.Gateway.Runners;

/// <summary>Whose request it is beneath the key, and where it is held.</summary>
/// <param name="SessionId">As in usage records and counters: the session within its runner.</param>
readonly record struct CallerPath(BudgetPath Path, string? RunnerId, string? SessionId);

/// <summary>
/// Finds the budget of a runner's session. What the store says of runners and stopped sessions is remembered until it changes, at most
/// <see cref="MaxRemembered"/> of each.
/// </summary>
sealed class SessionDirectory : IDisposable
{
    public const int MaxRemembered = 50_000;

    readonly Catalogue _catalogue;
    readonly ConfigChanges _changes;
    readonly ConcurrentDictionary<string, RunnerDocument?> _runners = new(StringComparer.Ordinal);
    readonly ConcurrentDictionary<string, bool> _stopped = new(StringComparer.Ordinal);
    long _generation;

    public SessionDirectory(Catalogue catalogue, ConfigChanges changes)
    {
        (_catalogue, _changes) = (catalogue, changes);
        _changes.Changed += Forget;
        _changes.Missed += ForgetAll;
    }

    /// <summary>A runner's document id.</summary>
    public static string IdOf(string orgId, string runnerId) => $"{orgId}/{runnerId}";

    /// <summary>A session's document id.</summary>
    public static string IdOf(string orgId, string runnerId, string sessionId) => $"{orgId}/{Principal.SessionNodeId(runnerId, sessionId)}";

    /// <summary>Where a request of this principal is held. A principal without runner and session costs nothing.</summary>
    /// <param name="runner">What <see cref="CallerLabels.ReadRunner"/> read.</param>
    /// <param name="session">What <see cref="CallerLabels.ReadSession"/> read.</param>
    /// <exception cref="RefusedException">The token is another runner's, or the session was stopped.</exception>
    public ValueTask<CallerPath> ResolveAsync(Principal principal, string? runner, string? session, CancellationToken ct)
    {
        if (runner is null && session is null)
        {
            return new ValueTask<CallerPath>(new CallerPath(principal.Path, principal.RunnerId, SessionId: null));
        }
        if (runner is not null && principal.RunnerId is { } own && own != runner)
        {
            throw new RefusedException(
                ErrorCode.InvalidHeader, $"This token is the runner {own}'s; {CallerLabels.RunnerHeader} names another.", "Send the runner's own name, or none.", CallerLabels.RunnerHeader);
        }
        return FindAsync(principal, runner ?? principal.RunnerId, session, ct);
    }

    public void Dispose()
    {
        _changes.Changed -= Forget;
        _changes.Missed -= ForgetAll;
    }

    async ValueTask<CallerPath> FindAsync(Principal principal, string? runner, string? session, CancellationToken ct)
    {
        if (session is null)
        {
            return new CallerPath(principal.Path, runner, SessionId: null);
        }
        if (runner is null)
        {
            return new CallerPath(principal.PathWithSession(null, session, limit: null), RunnerId: null, session);
        }
        var settings = await RememberedAsync(
            _runners, IdOf(principal.OrgId, runner), async id => (await _catalogue.Runners.FindAsync(id, ct))?.Value);
        if (await RememberedAsync(_stopped, IdOf(principal.OrgId, runner, session), async id => await _catalogue.StoppedSessions.FindAsync(id, ct) is not null))
        {
            throw new RefusedException(ErrorCode.SessionStopped, $"The session {session} of runner {runner} was stopped.", "Begin a new session, or ask who stopped it.");
        }
        return new CallerPath(principal.PathWithSession(runner, session, settings?.SessionBudgetLimit), runner, Principal.SessionNodeId(runner, session));
    }

    async ValueTask<T> RememberedAsync<T>(ConcurrentDictionary<string, T> memory, string id, Func<string, Task<T>> read)
    {
        if (memory.TryGetValue(id, out var known))
        {
            return known;
        }
        // Off the socket's thread: the store may block.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        var generation = Volatile.Read(ref _generation);
        var found = await read(id);
        if (memory.Count >= MaxRemembered)
        {
            memory.Clear();
        }
        memory[id] = found;
        if (Volatile.Read(ref _generation) != generation)
        {
            // Something changed while it was read; perhaps this.
            memory.TryRemove(id, out _);
            return await read(id);
        }
        return found;
    }

    void Forget(ConfigChange change)
    {
        if (change.Collection is not (Collections.Runners or Collections.StoppedSessions))
        {
            return;
        }
        Interlocked.Increment(ref _generation);
        _runners.TryRemove(change.Id, out _);
        _stopped.TryRemove(change.Id, out _);
    }

    void ForgetAll()
    {
        Interlocked.Increment(ref _generation);
        _runners.Clear();
        _stopped.Clear();
    }
}
