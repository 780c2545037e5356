using System.Collections.Concurrent;

namespace CurateMe.Gateway.Simulator;

/// <summary>Decides how each call is answered: the defaults, what was set for the next calls, then the call's own header, the later above the earlier.</summary>
internal sealed class BehaviourBoard
{
    /// <summary>Request ids whose attempts are counted; when reached, counting begins anew.</summary>
    public const int MaxCountedIds = 100_000;

    readonly Behaviour _initial;
    readonly Lock _lock = new();
    readonly ConcurrentDictionary<string, int> _attempts = new(StringComparer.Ordinal);
    volatile Behaviour _defaults;
    Behaviour? _next;
    volatile int _nextLeft;
    long _draws;

    /// <param name="initial">The defaults until others are set, and again after a reset.</param>
    public BehaviourBoard(Behaviour initial) => _initial = _defaults = initial;

    public Behaviour Defaults => _defaults;

    public void SetDefaults(Behaviour behaviour)
    {
        lock (_lock)
        {
            _defaults = behaviour;
            _nextLeft = 0;
        }
    }

    /// <summary>The next <paramref name="calls"/> calls behave so, then the defaults hold again.</summary>
    public void SetNext(Behaviour behaviour, int calls)
    {
        lock (_lock)
        {
            _next = behaviour;
            _nextLeft = calls;
        }
    }

    public void Reset() => SetDefaults(_initial);

    /// <exception cref="FormatException">The header is wrong.</exception>
    public Behaviour For(HttpContext context, string provider)
    {
        var behaviour = _nextLeft > 0 ? TakeNext(provider) : _defaults;
        if (context.Request.Headers.TryGetValue(Behaviour.Header, out var header))
            behaviour = behaviour.Apply(header.ToString());
        if (ReferenceEquals(behaviour, Behaviour.Default))
            return behaviour;
        if (behaviour.Only is { } only && only != provider)
            return Behaviour.Default;
        return Strikes(behaviour, context) ? behaviour : behaviour with { Status = 0, Fail = Fault.None, Usage = UsageForm.Normal, Bill = Billing.Auto };
    }

    Behaviour TakeNext(string provider)
    {
        lock (_lock)
        {
            if (_nextLeft <= 0 || _next!.Only is { } only && only != provider)
                return _defaults;
            _nextLeft--;
            return _next;
        }
    }

    bool Strikes(Behaviour behaviour, HttpContext context)
    {
        if (behaviour.Attempts is { } attempts)
        {
            if (_attempts.Count >= MaxCountedIds)
                _attempts.Clear();
            if (_attempts.AddOrUpdate(context.Request.Headers[ProviderSimulator.RequestIdHeader].ToString(), 1, (_, n) => n + 1) > attempts)
                return false;
        }
        if (behaviour.Percent is not { } percent)
            return true;
        var draw = (uint)Interlocked.Increment(ref _draws) + (uint)behaviour.Seed;
        draw = (draw ^ draw >> 16) * 0x45D9F3Bu;
        draw = (draw ^ draw >> 16) * 0x45D9F3Bu;
        return (draw ^ draw >> 16) % 100 < percent;
    }
}
