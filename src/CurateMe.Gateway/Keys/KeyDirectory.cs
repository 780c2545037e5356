using System.Collections.Concurrent;
using CurateMe.Gateway.Governance;

namespace CurateMe.Gateway.Keys;

/// <summary>
/// Finds the principal of a secret. A known one costs a hash and a look into memory, without allocation. An unknown one is asked for once in the
/// store, however many requests wait for it, and remembered as unknown for a moment. A change removes what it concerns before it is answered.
/// </summary>
sealed class KeyDirectory : IDisposable
{
    /// <summary>Principals kept per generation of the cache; there are two.</summary>
    public const int CacheSize = 50_000;

    /// <summary>Unknown secrets remembered.</summary>
    public const int MaxUnknown = 10_000;

    /// <summary>Reads of the store at once.</summary>
    public const int MaxConcurrentLoads = 16;

    /// <summary>How long an unknown secret is not asked for again.</summary>
    public static readonly TimeSpan UnknownFor = TimeSpan.FromSeconds(5);

    /// <summary>Longest a read of the store may take.</summary>
    public static readonly TimeSpan LoadTimeout = TimeSpan.FromSeconds(10);

    const int MaxRereads = 10;

    readonly Catalogue _catalogue;
    readonly ConfigChanges _changes;
    readonly TimeProvider _time;
    readonly PrincipalCache _cache = new(CacheSize);
    readonly ConcurrentDictionary<SecretHash, long> _unknown = new();
    readonly Dictionary<SecretHash, Load> _loads = [];
    readonly SemaphoreSlim _slots = new(MaxConcurrentLoads);
    readonly Lock _gate = new();

    public KeyDirectory(Catalogue catalogue, ConfigChanges changes, TimeProvider time)
    {
        (_catalogue, _changes, _time) = (catalogue, changes, time);
        _changes.Changed += Forget;
        _changes.Missed += ForgetAll;
    }

    /// <summary>The principal of a key or runner token, whatever its state; null when there is none.</summary>
    /// <exception cref="TimeoutException">The store did not answer within <see cref="LoadTimeout"/>. Any other failure of the store comes through as it is.</exception>
    public ValueTask<Principal?> FindAsync(ReadOnlySpan<char> secret, CancellationToken ct)
    {
        return Secret.LooksLikeKey(secret) ? FindAsync(SecretHash.Of(secret), ct) : default;
    }

    /// <summary>The same for the secret that a request brought.</summary>
    /// <exception cref="TimeoutException">As above.</exception>
    public ValueTask<Principal?> FindPresentedAsync(ReadOnlySpan<char> secret, HttpContext http) =>
        Secret.LooksLikeKey(secret) ? FindAsync(SeenSecret.HashOf(secret, http), http.RequestAborted) : default;

    ValueTask<Principal?> FindAsync(SecretHash hash, CancellationToken ct)
    {
        if (_cache.Find(hash) is { } principal)
        {
            return new ValueTask<Principal?>(principal);
        }
        if (_unknown.TryGetValue(hash, out var since) && _time.GetElapsedTime(since) < UnknownFor)
        {
            return default;
        }
        return new ValueTask<Principal?>(LoadAsync(hash, ct));
    }

    public void Dispose()
    {
        _changes.Changed -= Forget;
        _changes.Missed -= ForgetAll;
        _slots.Dispose();
    }

    sealed class Load
    {
        public required Task<Principal?> Task { get; set; }

        /// <summary>Something that was perhaps read has changed: read again.</summary>
        public bool Stale { get; set; }
    }

    async Task<Principal?> LoadAsync(SecretHash hash, CancellationToken ct)
    {
        Load? load;
        lock (_gate)
        {
            if (!_loads.TryGetValue(hash, out load))
            {
                load = new Load { Task = Task.FromResult<Principal?>(null) };
                var own = load;
                load.Task = Task.Run(() => ReadUntilFreshAsync(hash, own), CancellationToken.None);
                _loads.Add(hash, load);
            }
        }
        return await load.Task.WaitAsync(ct);
    }

    async Task<Principal?> ReadUntilFreshAsync(SecretHash hash, Load load)
    {
        using var timeout = new CancellationTokenSource(LoadTimeout, _time);
        try
        {
            await _slots.WaitAsync(timeout.Token);
            try
            {
                for (var reads = 1; ; reads++)
                {
                    var principal = await ReadAsync(hash, timeout.Token);
                    if (TryFinish(hash, load, principal, last: reads >= MaxRereads))
                    {
                        return principal;
                    }
                }
            }
            finally
            {
                _slots.Release();
            }
        }
        catch (OperationCanceledException late) when (timeout.IsCancellationRequested)
        {
            throw new TimeoutException($"The configuration store did not answer within {LoadTimeout.TotalSeconds} s.", late);
        }
        finally
        {
            lock (_gate)
            {
                if (_loads.TryGetValue(hash, out var current) && current == load)
                {
                    _loads.Remove(hash);
                }
            }
        }
    }

    // Storing the answer, ending the load and marking it stale exclude each other: a request that comes after a change never gets what was read before it.
    bool TryFinish(SecretHash hash, Load load, Principal? principal, bool last)
    {
        lock (_gate)
        {
            if (load.Stale && !last)
            {
                load.Stale = false;
                return false;
            }
            _loads.Remove(hash);
            if (load.Stale)
            {
                return true;
            }
            if (principal is not null)
            {
                _cache.Add(hash, principal);
                return true;
            }
            if (_unknown.Count >= MaxUnknown)
            {
                _unknown.Clear();
            }
            _unknown[hash] = _time.GetTimestamp();
            return true;
        }
    }

    async Task<Principal?> ReadAsync(SecretHash hash, CancellationToken ct)
    {
        var (key, replaced) = await ReadKeyAsync(hash.ToString(), ct);
        if (key is null || await _catalogue.Orgs.FindAsync(key.OrgId, ct) is not { Value: var org })
        {
            return null;
        }
        var policy = OrgPolicy.Resolve(org.Tier, (await _catalogue.Policies.FindAsync(key.OrgId, ct))?.Value);
        if (key.TeamId is null)
        {
            return new Principal(key, org, policy, team: null, replaced, _time);
        }
        var team = await _catalogue.Teams.FindAsync(key.TeamId, ct) ?? throw new InvalidDataException($"The key {key.KeyId} belongs to the team {key.TeamId}, which is not there.");
        return new Principal(key, org, policy, team.Value, replaced, _time);
    }

    async Task<(KeyDocument? Key, ReplacedSecretDocument? Replaced)> ReadKeyAsync(string lookup, CancellationToken ct)
    {
        if (await _catalogue.Keys.LookupAsync(lookup, ct) is { } key)
        {
            return (key.Value, null);
        }
        return await _catalogue.ReplacedSecrets.LookupAsync(lookup, ct) is { } replaced
            ? ((await _catalogue.Keys.FindAsync(replaced.Value.KeyId, ct))?.Value, replaced.Value)
            : (null, null);
    }

    void Forget(ConfigChange change)
    {
        switch (change.Collection)
        {
            case Collections.Keys or Collections.ReplacedSecrets:
                if (change.Lookup is not null && SecretHash.TryParse(change.Lookup, out var hash))
                {
                    Forget(hash);
                }
                if (change is { Collection: Collections.Keys, Created: false })
                {
                    ForgetWhere(p => p.KeyId == change.Id);
                }
                break;
            case Collections.Orgs or Collections.Policies:
                ForgetWhere(p => p.OrgId == change.Id);
                break;
            case Collections.Teams:
                ForgetWhere(p => p.TeamId == change.Id);
                break;
        }
    }

    void Forget(SecretHash hash)
    {
        lock (_gate)
        {
            if (_loads.TryGetValue(hash, out var load))
            {
                load.Stale = true;
            }
            _cache.Remove(hash);
            _unknown.TryRemove(hash, out _);
        }
    }

    void ForgetWhere(Func<Principal, bool> matches)
    {
        lock (_gate)
        {
            foreach (var load in _loads.Values)
            {
                load.Stale = true;
            }
            _cache.Remove(matches);
        }
    }

    void ForgetAll()
    {
        ForgetWhere(static _ => true);
        _unknown.Clear();
    }
}
