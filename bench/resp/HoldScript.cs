using CurateMe.Resp;

namespace CurateMe.Bench.Resp;

/// <summary>Works as a hold does: reads some counters, compares, adds to some.</summary>
internal static class HoldScript
{
    public const int Keys = 10;
    public const int Args = 10;

    public static readonly RespScript Script = new("hold", """
        local last = #KEYS
        for i = 1, last do
          local used = tonumber(redis.call('HGET', KEYS[i], 'held') or '0')
          if used > tonumber(ARGV[i]) then return {0, i} end
        end
        redis.call('HINCRBY', KEYS[last], 'held', 1)
        return {1, last}
        """);

    public static string Key(int i) => $"bench:{{org}}:node:{i}:2026-01-01";
}
