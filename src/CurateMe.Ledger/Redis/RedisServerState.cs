using System.Globalization;
using CurateMe.Resp;

namespace CurateMe.Ledger.Redis;

/// <summary>What one server says of the settings that money depends on.</summary>
/// <param name="EvictionPolicy">Anything but <c>noeviction</c> drops counters to make room.</param>
/// <param name="Aof">Every write is also in an append-only file; without it a restart forgets what is not in the last snapshot.</param>
/// <param name="MaxMemory">Bytes; 0 is unlimited.</param>
public sealed record RedisServerState(string Address, string EvictionPolicy, bool Aof, bool Snapshots, long UsedMemory, long MaxMemory, string Role)
{
    /// <summary>Share of the memory in use from which on an operator should act.</summary>
    public const double FullAt = 0.8;

    public bool Evicts => EvictionPolicy != "noeviction";

    /// <summary>What an operator should change, in sentences.</summary>
    public IReadOnlyList<string> Warnings
    {
        get
        {
            List<string> warnings = [];
            if (Evicts)
            {
                warnings.Add($"{Address} evicts keys ({EvictionPolicy}): money may be dropped. Set maxmemory-policy noeviction.");
            }
            if (!Aof)
            {
                warnings.Add($"{Address} has no append-only file: after a restart every org is rebuilt before it is admitted. Set appendonly yes.");
            }
            if (MaxMemory > 0 && UsedMemory > MaxMemory * FullAt)
            {
                warnings.Add($"{Address} uses {UsedMemory * 100 / MaxMemory} % of its memory; when it is full, nobody is admitted on the counters.");
            }
            return warnings;
        }
    }

    /// <summary>Asks every server that commands go to.</summary>
    /// <exception cref="RespException">One does not answer.</exception>
    public static async Task<IReadOnlyList<RedisServerState>> ReadAsync(RespClient client, CancellationToken ct)
    {
        List<RedisServerState> states = [];
        foreach (var node in client.Nodes)
        {
            var text = (await client.ExecuteAtAsync(node.Address, ["INFO"], ct).ConfigureAwait(false)).AsString() ?? "";
            var facts = text.Split("\r\n", StringSplitOptions.RemoveEmptyEntries).Select(static line => line.Split(':', 2)).Where(static p => p.Length == 2)
                .ToDictionary(static p => p[0], static p => p[1], StringComparer.Ordinal);
            states.Add(new RedisServerState(
                node.Address.ToString(),
                facts.GetValueOrDefault("maxmemory_policy") ?? "unknown",
                facts.GetValueOrDefault("aof_enabled") == "1",
                facts.GetValueOrDefault("rdb_last_save_time") is not null,
                Number(facts, "used_memory"),
                Number(facts, "maxmemory"),
                facts.GetValueOrDefault("role") ?? "unknown"));
        }
        return states;
    }

    static long Number(Dictionary<string, string> facts, string name) =>
        long.TryParse(facts.GetValueOrDefault(name), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : 0;
}
