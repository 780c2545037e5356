using System.Collections.Concurrent;

namespace CurateMe.Gateway.Keys;

/// <summary>
/// Principals by the hash of their secret, at most twice <c>generationSize</c>: when the recent generation is full it becomes the older one, and what
/// the older one held and nobody asked for is forgotten. Reading takes no lock and does not allocate.
/// </summary>
sealed class PrincipalCache(int generationSize)
{
    readonly Lock _gate = new();
    ConcurrentDictionary<SecretHash, Principal> _recent = new();
    ConcurrentDictionary<SecretHash, Principal> _older = new();
    int _recentCount;

    public Principal? Find(SecretHash hash)
    {
        if (_recent.TryGetValue(hash, out var principal))
        {
            return principal;
        }
        return _older.ContainsKey(hash) ? Promote(hash) : null;
    }

    public void Add(SecretHash hash, Principal principal)
    {
        lock (_gate)
        {
            _older.TryRemove(hash, out _);
            Insert(hash, principal);
        }
    }

    public void Remove(SecretHash hash)
    {
        lock (_gate)
        {
            _older.TryRemove(hash, out _);
            if (_recent.TryRemove(hash, out _))
            {
                _recentCount--;
            }
        }
    }

    /// <summary>Removes all that match.</summary>
    public void Remove(Func<Principal, bool> matches)
    {
        lock (_gate)
        {
            foreach (var (hash, principal) in _recent)
            {
                if (matches(principal) && _recent.TryRemove(hash, out _))
                {
                    _recentCount--;
                }
            }
            foreach (var (hash, principal) in _older)
            {
                if (matches(principal))
                {
                    _older.TryRemove(hash, out _);
                }
            }
        }
    }

    // Under the lock, so that what is being removed is not brought back.
    Principal? Promote(SecretHash hash)
    {
        lock (_gate)
        {
            if (_older.TryRemove(hash, out var principal))
            {
                Insert(hash, principal);
                return principal;
            }
            return _recent.GetValueOrDefault(hash);
        }
    }

    void Insert(SecretHash hash, Principal principal)
    {
        if (_recent.ContainsKey(hash))
        {
            _recent[hash] = principal;
            return;
        }
        if (_recentCount >= generationSize)
        {
            _older = _recent;
            _recent = new ConcurrentDictionary<SecretHash, Principal>();
            _recentCount = 0;
        }
        _recent[hash] = principal;
        _recentCount++;
    }
}
