using System.Collections.Concurrent;

namespace CurateMe.Ledger.Errors;

/// <summary>
/// What went wrong, counted by source and code with the last message of each: what an operator asks for first. In memory, since the start of this
/// process; messages carry no secrets and no prompts (I9).
/// </summary>
public sealed class ErrorEvents(TimeProvider time)
{
    /// <summary>Most pairs of source and code; what comes beyond them is counted as <see cref="Other"/>.</summary>
    public const int MaxCodes = 500;

    /// <summary>Longest message kept, in characters.</summary>
    public const int MaxMessage = 500;

    public const string Other = "other";

    readonly ConcurrentDictionary<(string Source, string Code), Entry> entries = new();

    /// <summary>Called with source, code and message of each. Must not block or throw.</summary>
    public event Action<string, string, string>? Added;

    /// <summary>Counts one.</summary>
    public void Add(string source, string code, string message)
    {
        var key = entries.ContainsKey((source, code)) || entries.Count < MaxCodes ? (source, code) : (Other, Other);
        var entry = entries.GetOrAdd(key, static _ => new Entry());
        var now = time.GetUtcNow();
        lock (entry)
        {
            entry.First = entry.Count++ == 0 ? now : entry.First;
            (entry.Last, entry.Message) = (now, message.Length <= MaxMessage ? message : message[..MaxMessage]);
        }
        Added?.Invoke(key.Item1, key.Item2, message.Length <= MaxMessage ? message : message[..MaxMessage]);
    }

    /// <summary>Everything, newest first.</summary>
    /// <param name="source">One source, or null for all.</param>
    /// <param name="since">Leave out what was last seen earlier.</param>
    public IReadOnlyList<ErrorCount> Read(string? source = null, DateTimeOffset? since = null)
    {
        List<ErrorCount> counts = [];
        foreach (var (key, entry) in entries)
        {
            lock (entry)
            {
                if (entry.Count > 0 && (source is null || key.Source == source) && entry.Last >= (since ?? DateTimeOffset.MinValue))
                {
                    counts.Add(new ErrorCount(key.Source, key.Code, entry.Count, entry.First, entry.Last, entry.Message));
                }
            }
        }
        return [.. counts.OrderByDescending(static c => c.Last)];
    }

    sealed class Entry
    {
        public long Count;
        public DateTimeOffset First;
        public DateTimeOffset Last;
        public string Message = "";
    }
}

public sealed record ErrorCount(string Source, string Code, long Count, DateTimeOffset First, DateTimeOffset Last, string Message);
