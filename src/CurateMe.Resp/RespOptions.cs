using System.Globalization;
using System.Security.Cryptography.X509Certificates;

namespace CurateMe.Resp;

/// <summary>How to reach a server or a cluster, and every limit of the client.</summary>
public sealed record RespOptions
{
    /// <summary>The server, or the nodes to ask for the cluster's map.</summary>
    public required IReadOnlyList<RespAddress> Addresses { get; init; }

    /// <summary>Redis Cluster. Set by more than one address, or by <c>?cluster=true</c>.</summary>
    public bool Cluster { get; init; }

    /// <summary>ACL user; with a password and no user, <c>default</c>.</summary>
    public string? User { get; init; }

    public string? Password { get; init; }

    /// <summary>Selected after connecting; only 0 exists in a cluster.</summary>
    public int Database { get; init; }

    /// <summary>Shown by <c>CLIENT LIST</c>; printable ASCII without spaces. Null: no name.</summary>
    public string? ClientName { get; init; }

    /// <summary>TLS (<c>rediss://</c>).</summary>
    public bool Tls { get; init; }

    /// <summary>Trusted roots in place of the machine's. The host name is verified all the same.</summary>
    public X509Certificate2Collection? TrustedRoots { get; init; }

    /// <summary>3: RESP3 where the server has it, else RESP2. 2: RESP2.</summary>
    public int Protocol { get; init; } = 3;

    /// <summary>Connections per server. One is enough unless replies are large.</summary>
    public int ConnectionsPerNode { get; init; } = 1;

    /// <summary>From the first packet to the end of the handshake.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>After this without a reply a command fails with <see cref="RespOutcomeUnknownException"/>; up to a quarter late.</summary>
    public TimeSpan CommandTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>A connection that owes a reply and has been silent for this long is taken for dead and replaced.</summary>
    public TimeSpan StallTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>An idle connection is pinged this often.</summary>
    public TimeSpan HeartbeatInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The wait before the first reconnect; doubled after each failure, each wait drawn at random from its upper half.</summary>
    public TimeSpan ReconnectDelay { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>The longest wait between two attempts, and the least age at which a connection is replaced because its server says that it is a replica.</summary>
    public TimeSpan MaxReconnectDelay { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Commands without a reply on one connection; one more fails with <see cref="RespNotSentException"/>.</summary>
    public int MaxPendingCommands { get; init; } = 16 << 10;

    /// <summary>Bytes waiting for one socket; a command past it fails with <see cref="RespNotSentException"/>.</summary>
    public int MaxPendingBytes { get; init; } = 64 << 20;

    /// <summary>How often one command is sent again because the cluster said elsewhere or later (MOVED, ASK, TRYAGAIN, CLUSTERDOWN); never after CommandTimeout.</summary>
    public int MaxRedirections { get; init; } = 8;

    /// <summary>The cluster's map is asked for this often, and whenever a reply or a lost node shows it old.</summary>
    public TimeSpan TopologyRefreshInterval { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Never more often than this, whatever the replies say.</summary>
    public TimeSpan MinTopologyRefreshInterval { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>Most nodes a cluster may name.</summary>
    public int MaxClusterNodes { get; init; } = 1000;

    /// <summary>Most channels subscribed to.</summary>
    public int MaxSubscriptions { get; init; } = 10_000;

    public RespLimits Limits { get; init; } = RespLimits.Default;

    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>
    /// Reads <c>redis://[user[:password]@]host[:port][/db][?cluster=true]</c>, <c>rediss://…</c> for TLS, or several nodes after commas
    /// (<c>redis://user:password@a:7000,b:7001,c:7002</c>) for Redis Cluster. User and password are percent-decoded.
    /// Throws <see cref="FormatException"/>, which never quotes the text, as it may hold a password.
    /// </summary>
    public static RespOptions Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var parts = text.Split(',', StringSplitOptions.TrimEntries);
        var (tls, first) = Scheme(parts[0]) ?? throw new FormatException("A Redis address starts with redis:// or rediss://.");
        var at = first.LastIndexOf('@');
        var (user, password) = at < 0 ? (null, null) : Credentials(first[..at]);
        parts[0] = first[(at + 1)..];
        for (var i = 1; i < parts.Length; i++)
            if (Scheme(parts[i]) is { } own)
                parts[i] = own.Tls == tls ? own.Address : throw new FormatException("The nodes of a cluster are all redis:// or all rediss://.");
        var cluster = parts.Length > 1;
        if (parts[^1].EndsWith("?cluster=true", StringComparison.Ordinal))
        {
            cluster = true;
            parts[^1] = parts[^1][..^"?cluster=true".Length];
        }
        var database = 0;
        if (parts[^1].IndexOf('/') is var slash and >= 0)
        {
            var db = parts[^1][(slash + 1)..];
            if (db.Length > 0 && !int.TryParse(db, NumberStyles.None, CultureInfo.InvariantCulture, out database))
                throw new FormatException("A Redis address ends in /N, the number of the database, or in ?cluster=true.");
            parts[^1] = parts[^1][..slash];
        }
        var options = new RespOptions { Addresses = [.. parts.Select(Address)], Cluster = cluster, User = user, Password = password, Database = database, Tls = tls };
        options.Validate();
        return options;
    }

    /// <summary>Throws <see cref="ArgumentException"/> with every error at once.</summary>
    public void Validate()
    {
        List<string> errors = [];
        if (Addresses.Count == 0)
            errors.Add("Addresses is empty.");
        if (!Cluster && Addresses.Count > 1)
            errors.Add("More than one address needs Cluster = true.");
        if (Cluster && Database != 0)
            errors.Add("A cluster has only database 0.");
        if (User is not null && Password is null)
            errors.Add("A user needs a password.");
        if (ClientName is { } name && (name.Length == 0 || name.AsSpan().ContainsAnyExceptInRange('!', '~')))
            errors.Add("ClientName is printable ASCII without spaces.");
        Range(errors, nameof(Database), Database, 0, 1 << 20);
        Range(errors, nameof(Protocol), Protocol, 2, 3);
        Range(errors, nameof(ConnectionsPerNode), ConnectionsPerNode, 1, 64);
        Range(errors, nameof(MaxPendingCommands), MaxPendingCommands, 1, 1 << 24);
        Range(errors, nameof(MaxPendingBytes), MaxPendingBytes, 1 << 10, 1 << 30);
        Range(errors, nameof(MaxRedirections), MaxRedirections, 1, 64);
        Range(errors, nameof(MaxClusterNodes), MaxClusterNodes, 1, 16384);
        Range(errors, nameof(MaxSubscriptions), MaxSubscriptions, 1, 1 << 20);
        Positive(errors, nameof(ConnectTimeout), ConnectTimeout);
        Positive(errors, nameof(CommandTimeout), CommandTimeout);
        Positive(errors, nameof(StallTimeout), StallTimeout);
        Positive(errors, nameof(HeartbeatInterval), HeartbeatInterval);
        Positive(errors, nameof(ReconnectDelay), ReconnectDelay);
        Positive(errors, nameof(MaxReconnectDelay), MaxReconnectDelay);
        Positive(errors, nameof(TopologyRefreshInterval), TopologyRefreshInterval);
        Positive(errors, nameof(MinTopologyRefreshInterval), MinTopologyRefreshInterval);
        Limits.Validate(errors);
        if (errors.Count > 0)
            throw new ArgumentException(string.Join(' ', errors));
    }

    /// <summary>The addresses only: never the password.</summary>
    public override string ToString() => $"{(Tls ? "rediss" : "redis")}://{string.Join(',', Addresses)}";

    internal static void Range(List<string> errors, string name, long value, long min, long max)
    {
        if (value < min || value > max)
            errors.Add($"{name} is {value}; it must be from {min} to {max}.");
    }

    private static void Positive(List<string> errors, string name, TimeSpan value)
    {
        if (value < TimeSpan.FromMilliseconds(1) || value > TimeSpan.FromDays(1))
            errors.Add($"{name} is {value}; it must be from 1 ms to 1 day.");
    }

    private static (bool Tls, string Address)? Scheme(string text) =>
        text.StartsWith("redis://", StringComparison.OrdinalIgnoreCase) ? (false, text["redis://".Length..])
        : text.StartsWith("rediss://", StringComparison.OrdinalIgnoreCase) ? (true, text["rediss://".Length..])
        : null;

    private static (string? User, string? Password) Credentials(string text)
    {
        var colon = text.IndexOf(':');
        if (colon < 0)
            throw new FormatException("The credentials of a Redis address are user:password@ or :password@.");
        var user = Uri.UnescapeDataString(text[..colon]);
        return (user.Length == 0 ? null : user, Uri.UnescapeDataString(text[(colon + 1)..]));
    }

    private static RespAddress Address(string text) =>
        RespAddress.TryParse(text, out var address) ? address : throw new FormatException("A node of a Redis address is host, host:port or [v6]:port.");
}
