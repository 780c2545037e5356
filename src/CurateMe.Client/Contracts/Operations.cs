using System.Text.Json.Nodes;

namespace CurateMe.Client;

/// <summary>An entry of the audit trail. Secrets never stand in before or after.</summary>
public sealed record AuditRecord
{
    /// <summary>Number of the entry, from 1 without gaps.</summary>
    public required long AuditId { get; init; }
    public required DateTimeOffset At { get; init; }
    public required string Actor { get; init; }
    public string? FromIp { get; init; }
    public required string Action { get; init; }
    public required string TargetType { get; init; }
    public required string TargetId { get; init; }
    public string? OrgId { get; init; }
    public JsonNode? Before { get; init; }
    public JsonNode? After { get; init; }
    public required string PreviousHash { get; init; }
    public required string Hash { get; init; }
}

/// <summary>What the gateway says of itself.</summary>
public sealed record GatewayMetrics
{
    public required RecorderMetrics CostRecorder { get; init; }
    public required BudgetStoreMetrics BudgetStore { get; init; }
    public required LedgerMetrics Ledger { get; init; }
    public required IReadOnlyDictionary<string, long> Requests { get; init; }

    /// <summary>The servers behind the gateway, as last looked at; null on the embedded default.</summary>
    public StoreServers? Servers { get; init; }
}

/// <summary>How the gateway is, as <c>/health</c> says to everybody.</summary>
public sealed record GatewayHealth
{
    /// <summary>The status of a gateway that lacks nothing.</summary>
    public const string Healthy = "healthy";

    /// <summary><c>healthy</c>, <c>degraded</c> (serving, something is away) or <c>unhealthy</c> (requests are refused).</summary>
    public required string Status { get; init; }

    /// <summary>Why the journal cannot be written; requests are refused then.</summary>
    public string? JournalFault { get; init; }

    /// <summary>Why the ledger did not take the records last offered.</summary>
    public string? LedgerError { get; init; }

    /// <summary>Orgs that the gateway decides for without the shared counters; null on the embedded default.</summary>
    public int? OrgsAway { get; init; }
}

/// <summary>What the servers of shared mode say of themselves.</summary>
/// <param name="Mongo">Null while it has not answered yet.</param>
/// <param name="Warnings">What an operator should change, in sentences; none is healthy.</param>
public sealed record StoreServers(IReadOnlyList<RedisServerInfo> Redis, MongoServerInfo? Mongo, IReadOnlyList<string> Warnings);

/// <param name="AppendOnly">Every write is also in an append-only file.</param>
/// <param name="Fault">What the server says went wrong with its last write to disk.</param>
/// <param name="MaxMemory">Bytes; 0 is unlimited.</param>
/// <param name="ClusterState">Null outside a cluster.</param>
public sealed record RedisServerInfo(
    string Address, string Role, int Replicas, string EvictionPolicy, bool AppendOnly, bool Snapshots, string? Fault, long UsedMemory, long MaxMemory, string? ClusterState);

/// <param name="Kind"><c>standalone</c>, <c>replica set</c> or <c>sharded</c>.</param>
/// <param name="WriteConcern">How every write of the ledger is acknowledged.</param>
public sealed record MongoServerInfo(string Kind, string? ReplicaSet, int Members, string WriteConcern);

/// <summary>Time of each stage of a request in the last five to ten minutes, of this gateway.</summary>
public sealed record LatencyReport
{
    /// <summary>In the order of a request's life: auth, read, quote, govern, hold, upstream, settle.</summary>
    public required IReadOnlyList<StageLatency> Stages { get; init; }
}

/// <param name="Count">Requests that passed it.</param>
/// <param name="P50Ms">Milliseconds, at most an eighth too high; so are the others.</param>
public sealed record StageLatency(string Stage, long Count, double P50Ms, double P95Ms, double P99Ms, double MaxMs);

/// <param name="QueueDepth">Settled records that the ledger does not have yet.</param>
/// <param name="OldestMs">Age of the oldest of them.</param>
/// <param name="DlqDepth">Records set aside after the ledger refused them repeatedly; null while Redis, which keeps them, is away.</param>
public sealed record RecorderMetrics(long QueueDepth, long DroppedRecords, int Workers, int BatchSize, long OldestMs, long? DlqDepth, long Recorded, long Retries, string? LastError);

/// <param name="LatencyMs">Of one question; null when it did not answer.</param>
/// <param name="LiveHolds">Requests in flight that money is set aside for; null when it did not answer.</param>
public sealed record BudgetStoreMetrics(bool Connected, double? LatencyMs, long? LiveHolds, DateTimeOffset? LastWrite);

/// <param name="LatencyMs">Of one question; null when it did not answer.</param>
public sealed record LedgerMetrics(bool Connected, double? LatencyMs, DateTimeOffset? LastWrite);

/// <summary>A token of the admin plane.</summary>
public sealed record AdminToken
{
    public required string TokenId { get; init; }
    public required string Name { get; init; }
    public required AdminRole Role { get; init; }

    /// <summary>The org it is bound to; null for a platform admin.</summary>
    public string? OrgId { get; init; }
    public required string Last4 { get; init; }
    public DateTimeOffset? ExpiresAt { get; init; }
    public bool Revoked { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>The secret; only in the answer that made it.</summary>
    [System.Text.Json.Serialization.JsonIgnore(Condition = System.Text.Json.Serialization.JsonIgnoreCondition.WhenWritingNull)]
    public string? Token { get; init; }
}

/// <summary>Makes an admin token.</summary>
public sealed record AdminTokenCreate
{
    /// <summary>1 to 200 characters.</summary>
    public string? Name { get; init; }
    public AdminRole? Role { get; init; }

    /// <summary>Needed for every role but platform_admin, which must not have one.</summary>
    public string? OrgId { get; init; }

    /// <summary>RFC 3339, in the future; null never expires.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }
}
