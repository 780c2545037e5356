using System.Collections.Concurrent;

namespace CurateMe.Gateway.Simulator.Anthropic;

/// <summary>Prompt prefixes that were sent with a <c>cache_control</c> mark. They do not age.</summary>
internal sealed class PromptCache
{
    /// <summary>Prefixes remembered; when reached, all are forgotten.</summary>
    public const int MaxPrefixes = 100_000;

    readonly ConcurrentDictionary<ulong, byte> _prefixes = new();

    /// <summary>Splits a prompt into what is read from the cache and what is written to it, and remembers its marks.</summary>
    public (int Read, int Write5m, int Write1h) Look(IReadOnlyList<CacheMark> marks)
    {
        if (marks.Count == 0)
            return default;
        if (_prefixes.Count >= MaxPrefixes)
            _prefixes.Clear();
        var read = 0;
        foreach (var mark in marks)
        {
            if (_prefixes.ContainsKey(mark.Prefix))
                read = mark.Tokens;
        }
        int from = read, write5m = 0, write1h = 0;
        foreach (var mark in marks)
        {
            _prefixes[mark.Prefix] = 0;
            if (mark.Tokens <= from)
                continue;
            if (mark.OneHour)
                write1h += mark.Tokens - from;
            else
                write5m += mark.Tokens - from;
            from = mark.Tokens;
        }
        return (read, write5m, write1h);
    }
}

/// <param name="Tokens">Prompt tokens up to and with the marked block.</param>
/// <param name="Prefix">A hash of them.</param>
internal readonly record struct CacheMark(int Tokens, ulong Prefix, bool OneHour);
