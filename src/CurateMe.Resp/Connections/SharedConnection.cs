namespace CurateMe.Resp;

/// <summary>Keeps off a shared connection what would change its state for all callers, or keep them waiting.</summary>
internal static class SharedConnection
{
    private static readonly HashSet<string> Refused = new(StringComparer.OrdinalIgnoreCase)
    {
        "ASKING", "AUTH", "BLMOVE", "BLMPOP", "BLPOP", "BRPOP", "BRPOPLPUSH", "BZMPOP", "BZPOPMAX", "BZPOPMIN", "DISCARD", "EXEC", "HELLO", "MONITOR", "MULTI", "PSUBSCRIBE",
        "PSYNC", "PUNSUBSCRIBE", "QUIT", "READONLY", "READWRITE", "RESET", "SELECT", "SSUBSCRIBE", "SUBSCRIBE", "SUNSUBSCRIBE", "SYNC", "UNSUBSCRIBE", "UNWATCH", "WATCH",
    };

    public static void Check(ReadOnlySpan<RespArg> words)
    {
        if (words.IsEmpty || words[0].Text is not { } name)
            throw new ArgumentException("The first word of a command is its name, as text.", nameof(words));
        if (Refused.Contains(name) || (words.Length > 1 && words[0].Is("CLIENT") && (words[1].Is("REPLY") || words[1].Is("SETNAME"))))
            throw new ArgumentException($"{name} does not go with a connection that all callers share.", nameof(words));
    }
}
