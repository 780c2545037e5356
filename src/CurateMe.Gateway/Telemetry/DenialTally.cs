namespace CurateMe.Gateway.Telemetry;

/// <summary>Requests refused today (UTC) by this process, by org and code.</summary>
sealed class DenialTally(TimeProvider time)
{
    /// <summary>Most pairs of org and code; further ones count for nobody.</summary>
    public const int MaxPairs = 20_000;

    readonly Lock _gate = new();
    readonly Dictionary<(string? Org, string Code), long> _counts = [];
    readonly Dictionary<(string? Org, string Code), long> _untold = [];
    DateOnly _day;

    /// <summary>Counts one.</summary>
    /// <param name="orgId">Null when nobody knows whose it was.</param>
    public void Add(string? orgId, string code)
    {
        lock (_gate)
        {
            Turn();
            var pair = (orgId, code);
            if (_counts.ContainsKey(pair) || _counts.Count < MaxPairs)
            {
                _counts[pair] = _counts.GetValueOrDefault(pair) + 1;
                _untold[pair] = _untold.GetValueOrDefault(pair) + 1;
            }
        }
    }

    /// <summary>Of one org, or of all when null; by code.</summary>
    public IReadOnlyDictionary<string, long> Today(string? orgId)
    {
        lock (_gate)
        {
            Turn();
            return _counts.Where(c => orgId is null || c.Key.Org == orgId).GroupBy(c => c.Key.Code, StringComparer.Ordinal).ToDictionary(static g => g.Key, static g => g.Sum(static c => c.Value), StringComparer.Ordinal);
        }
    }

    /// <summary>What was counted since the last call, and the day it belongs to; for telling others.</summary>
    public (DateOnly Day, IReadOnlyList<(string? Org, string Code, long Count)> Counts) Take()
    {
        lock (_gate)
        {
            var taken = (_day, (IReadOnlyList<(string?, string, long)>)[.. _untold.Select(static c => (c.Key.Org, c.Key.Code, c.Value))]);
            _untold.Clear();
            return taken;
        }
    }

    void Turn()
    {
        var today = DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);
        if (today != _day)
        {
            _counts.Clear();
            _untold.Clear();
            _day = today;
        }
    }
}
