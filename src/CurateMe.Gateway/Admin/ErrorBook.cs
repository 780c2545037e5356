using CurateMe.Client;

namespace CurateMe.Gateway.Admin;

/// <summary>Errors and warnings by source and code, for operators: counts and the last message, never content. Of this process, since its start.</summary>
sealed class ErrorBook(TimeProvider time)
{
    /// <summary>Most kinds of errors; further kinds are counted together.</summary>
    public const int MaxKinds = 1_000;

    const string Others = "others";

    readonly Lock _gate = new();
    readonly Dictionary<(string Source, string Code), ErrorGroup> _groups = [];

    /// <param name="source">Part of the system, e.g. <c>gateway</c>.</param>
    /// <param name="code">Kind of error, e.g. <c>non_atomic_fallback</c>.</param>
    public void Add(string source, string code, string message)
    {
        var now = time.GetUtcNow();
        lock (_gate)
        {
            var kind = _groups.ContainsKey((source, code)) || _groups.Count < MaxKinds ? (source, code) : (Others, Others);
            var group = _groups.GetValueOrDefault(kind) ?? new ErrorGroup(kind.Item1, kind.Item2, 0, now, now, message);
            _groups[kind] = group with { Count = group.Count + 1, LastAt = now, LastMessage = message };
        }
    }

    /// <summary>What happened since an instant, most frequent first.</summary>
    public IReadOnlyList<ErrorGroup> Since(DateTimeOffset? since, string? source)
    {
        lock (_gate)
        {
            return [.. _groups.Values.Where(g => !(g.LastAt < since) && (source is null || g.Source == source)).OrderByDescending(g => g.Count).ThenBy(g => g.Code, StringComparer.Ordinal)];
        }
    }
}
