using System.Globalization;
using CurateMe.Resp;

namespace CurateMe.Ledger.Redis;

/// <summary>What one server says of the settings that money depends on.</summary>
/// <param name="EvictionPolicy">Anything but <c>noeviction</c> drops counters to make room.</param>
/// <param name="Aof">Every write is also in an append-only file; without it a restart forgets what is not in the last snapshot.</param>
/// <param name="Fault">What the server itself says went wrong with its last write to disk; null when nothing did.</param>
/// <param name="MaxMemory">Bytes; 0 is unlimited.</param>
/// <param name="Replicas">Replicas that follow it.</param>
/// <param name="ClusterState"><c>ok</c> or <c>fail</c>; null outside a cluster.</param>
public sealed record RedisServerState(
    string Address, string EvictionPolicy, bool Aof, bool Snapshots, string? Fault, long UsedMemory, long MaxMemory, string Role, int Replicas, string? ClusterState)
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
            if (Fault is not null)
            {
                warnings.Add($"{Address} could not write to its disk: {Fault}. Look at its log and its disk.");
            }
            if (ClusterState is not (null or "ok"))
            {
                warnings.Add($"{Address} says that the cluster's state is {ClusterState}: some orgs have no shard. Look at CLUSTER NODES.");
            }
            if (Role == "slave")
            {
                warnings.Add($"{Address} is a replica and takes no writes. REDIS_URL must name the primary.");
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
                FaultOf(facts),
                Number(facts, "used_memory"),
                Number(facts, "maxmemory"),
                facts.GetValueOrDefault("role") ?? "unknown",
                (int)Number(facts, "connected_slaves"),
                facts.GetValueOrDefault("cluster_enabled") == "1" ? await ClusterAsync(client, node.Address, ct).ConfigureAwait(false) : null));
        }
        return states;
    }

    static async Task<string> ClusterAsync(RespClient client, RespAddress address, CancellationToken ct)
    {
        var text = (await client.ExecuteAtAsync(address, ["CLUSTER", "INFO"], ct).ConfigureAwait(false)).AsString() ?? "";
        return text.Split("\r\n").FirstOrDefault(static line => line.StartsWith("cluster_state:", StringComparison.Ordinal))?["cluster_state:".Length..] ?? "unknown";
    }

    static string? FaultOf(Dictionary<string, string> facts) =>
        facts.GetValueOrDefault("aof_last_write_status") is { } aof and not "ok" ? $"aof_last_write_status is {aof}"
        : facts.GetValueOrDefault("rdb_last_bgsave_status") is { } rdb and not "ok" ? $"rdb_last_bgsave_status is {rdb}"
        : null;

    static long Number(Dictionary<string, string> facts, string name) =>
        long.TryParse(facts.GetValueOrDefault(name), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : 0;
}
