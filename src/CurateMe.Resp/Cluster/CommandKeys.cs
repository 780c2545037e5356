namespace CurateMe.Resp;

/// <summary>Where the first key of a command is: its second word, but for these.</summary>
internal static class CommandKeys
{
    private static readonly HashSet<string> None = new(StringComparer.OrdinalIgnoreCase)
    {
        "ACL", "BGREWRITEAOF", "BGSAVE", "CLIENT", "CLUSTER", "COMMAND", "CONFIG", "DBSIZE", "DEBUG", "ECHO", "FLUSHALL", "FLUSHDB", "FUNCTION", "INFO", "KEYS", "LASTSAVE", "LATENCY",
        "LOLWUT", "MODULE", "PING", "PUBLISH", "PUBSUB", "RANDOMKEY", "ROLE", "SAVE", "SCAN", "SCRIPT", "SHUTDOWN", "SLOWLOG", "TIME", "WAIT", "WAITAOF",
    };

    private static readonly HashSet<string> AfterSubcommand = new(StringComparer.OrdinalIgnoreCase) { "BITOP", "MEMORY", "OBJECT", "XGROUP", "XINFO" };

    private static readonly HashSet<string> AfterSourceAndCount = new(StringComparer.OrdinalIgnoreCase) { "EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "FCALL", "FCALL_RO" };

    private static readonly HashSet<string> AfterCount = new(StringComparer.OrdinalIgnoreCase) { "LMPOP", "ZMPOP", "SINTERCARD", "ZINTER", "ZUNION", "ZDIFF", "ZINTERCARD" };

    /// <summary>The index of the first key among <paramref name="words"/>, or −1 for a command without keys.</summary>
    public static int FirstKey(ReadOnlySpan<RespArg> words)
    {
        if (words.Length < 2 || words[0].Text is not { } name || None.Contains(name))
            return -1;
        var index = 1;
        if (AfterSubcommand.Contains(name) || AfterCount.Contains(name))
            index = 2;
        else if (AfterSourceAndCount.Contains(name))
            index = words.Length > 2 && IsZero(words[2]) ? -1 : 3;
        else if (name.Equals("XREAD", StringComparison.OrdinalIgnoreCase) || name.Equals("XREADGROUP", StringComparison.OrdinalIgnoreCase))
            index = AfterStreams(words);
        return index < words.Length ? index : -1;
    }

    private static bool IsZero(in RespArg count) => count.IsInteger ? count.Integer == 0 : count.Is("0");

    private static int AfterStreams(ReadOnlySpan<RespArg> words)
    {
        for (var i = 1; i < words.Length; i++)
            if (words[i].Is("STREAMS"))
                return i + 1;
        return -1;
    }
}
