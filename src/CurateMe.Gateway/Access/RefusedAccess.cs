using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using CurateMe.Client;
using CurateMe.Gateway.Alerts;
using CurateMe.Gateway.Keys;
using CurateMe.Gateway.Proxy;

namespace CurateMe.Gateway.Access;

/// <summary>
/// Refused authentications of this process, counted by source address and key prefix, and what they give reason to tell: a key from an address that its list does
/// not allow, and bursts of keys that nobody has.
/// </summary>
sealed class RefusedAccess(AlertDesk desk, TimeProvider time)
{
    /// <summary>Most pairs of source and prefix; beyond it the one that was silent for longest is forgotten.</summary>
    public const int MaxSources = 10_000;

    /// <summary>Unknown keys of one source, and of all, within <see cref="Window"/> that are a burst.</summary>
    public const int BurstOfSource = 20;
    public const int BurstOfAll = 200;

    public static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    /// <summary>Most networks in an hour that are told of, of one key and of all who have none: who wants to come in may have any number, and each would be an event.</summary>
    public const int MaxTold = 10;

    /// <summary>Characters of one of our keys that are kept: its kind and four more.</summary>
    const int PrefixLength = 10;

    // Stands for a key's id where many unknown keys are told of.
    const string Nobody = "";

    const string NoKey = "none";
    const string NotOurs = "other";

    readonly Lock gate = new();
    readonly Dictionary<Source, LinkedListNode<Entry>> entries = [];
    readonly LinkedList<Entry> byLast = new();
    readonly Dictionary<string, Burst> bursts = new(StringComparer.Ordinal);
    readonly Dictionary<string, HashSet<string>> told = new(StringComparer.Ordinal);
    long toldHour;
    Burst all;

    readonly record struct Source(string Address, string Prefix, string Code, string? OrgId, string? KeyId);

    sealed record Entry(Source Source, long Count, DateTimeOffset First, DateTimeOffset Last);

    record struct Burst(long Began, int Count);

    /// <summary>A request of the data plane was refused before it was read.</summary>
    /// <param name="principal">Whose key it was; null when it is nobody's.</param>
    public void OnDataPlane(HttpContext http, ErrorCode code, Principal? principal)
    {
        var address = AddressOf(http);
        Count(new Source(address, PrefixOf(PresentedKey.Find(http.Request, out _)), code.Code, principal?.OrgId, principal?.KeyId));
        if (principal is not null && code == ErrorCode.IpNotAllowed && ClientNetwork.Of(address) is var network && MayTell(principal.KeyId, network))
        {
            var data = new JsonObject { ["kind"] = "ip_not_allowed", ["key_id"] = principal.KeyId, ["address"] = address };
            desk.Raise(AlertType.AccessAnomaly, principal.OrgId, $"key:{principal.KeyId}", $"{principal.KeyId}:{network}:ip_not_allowed", data);
        }
    }

    /// <summary>A request of the admin plane was refused for want of a valid token.</summary>
    public void OnAdminPlane(HttpContext http)
    {
        var header = http.Request.Headers.Authorization.ToString().AsSpan();
        var token = header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase) ? header[7..].Trim() : header;
        Count(new Source(AddressOf(http), PrefixOf(token), "invalid_admin_token", OrgId: null, KeyId: null));
    }

    /// <summary>Those last seen since an instant, the latest first.</summary>
    /// <param name="orgId">Only what was tried with keys of this org; null for all.</param>
    public IReadOnlyList<RefusedSource> Since(DateTimeOffset? since, string? orgId, int limit)
    {
        lock (gate)
        {
            List<RefusedSource> found = [];
            for (var node = byLast.Last; node is not null && found.Count < limit && !(node.Value.Last < since); node = node.Previous)
            {
                var (source, count, first, last) = node.Value;
                if (orgId is null || source.OrgId == orgId)
                {
                    found.Add(new RefusedSource(source.Address, source.Prefix, source.Code, source.OrgId, source.KeyId, count, first, last));
                }
            }
            return found;
        }
    }

    void Count(Source source)
    {
        var now = time.GetUtcNow();
        var (ofSource, ofAll) = (0, 0);
        lock (gate)
        {
            if (entries.TryGetValue(source, out var node))
            {
                byLast.Remove(node);
                node.Value = node.Value with { Count = node.Value.Count + 1, Last = now };
            }
            else
            {
                if (entries.Count >= MaxSources)
                {
                    entries.Remove(byLast.First!.Value.Source);
                    byLast.RemoveFirst();
                }
                entries.Add(source, node = new LinkedListNode<Entry>(new Entry(source, 1, now, now)));
            }
            byLast.AddLast(node);
            if (source is { KeyId: null, Prefix: not NoKey })
            {
                ofSource = CountBurst(ClientNetwork.Of(source.Address));
                ofAll = CountBurst(ref all);
            }
        }
        if (ofSource == BurstOfSource && MayTell(Nobody, ClientNetwork.Of(source.Address)))
        {
            Tell(source.Address, ofSource, now);
        }
        if (ofAll == BurstOfAll)
        {
            Tell(address: null, ofAll, now);
        }
    }

    // Whether the network is among the first ones that are told of for this key in this hour.
    bool MayTell(string keyId, string network)
    {
        var hour = Hour(time.GetUtcNow());
        lock (gate)
        {
            if (hour != toldHour)
            {
                told.Clear();
                toldHour = hour;
            }
            if (!told.TryGetValue(keyId, out var networks))
            {
                told.Add(keyId, networks = new HashSet<string>(StringComparer.Ordinal));
            }
            return networks.Contains(network) || (networks.Count < MaxTold && networks.Add(network));
        }
    }

    static long Hour(DateTimeOffset at) => at.UtcTicks / TimeSpan.TicksPerHour;

    int CountBurst(string network)
    {
        if (!bursts.ContainsKey(network) && bursts.Count >= MaxSources)
        {
            bursts.Clear();
        }
        return CountBurst(ref System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(bursts, network, out _));
    }

    int CountBurst(ref Burst burst)
    {
        var now = time.GetTimestamp();
        burst = burst.Count == 0 || time.GetElapsedTime(burst.Began, now) > Window ? new Burst(now, 1) : burst with { Count = burst.Count + 1 };
        return burst.Count;
    }

    void Tell(string? address, int count, DateTimeOffset now)
    {
        var hour = Hour(now).ToString(CultureInfo.InvariantCulture);
        var data = new JsonObject { ["kind"] = "unknown_keys", ["address"] = address, ["attempts"] = count, ["window_seconds"] = (int)Window.TotalSeconds };
        desk.Raise(AlertType.AccessAnomaly, orgId: null, address is null ? "gateway" : $"address:{address}", $"unknown_keys:{(address is null ? null : ClientNetwork.Of(address))}:{hour}", data);
    }

    // Of what is no key of ours nothing is kept: it may be a key of somebody else's.
    static string PrefixOf(ReadOnlySpan<char> key) =>
        key.IsEmpty ? NoKey : key.StartsWith("cm_", StringComparison.Ordinal) && key.Length > PrefixLength && key[..PrefixLength].IndexOfAnyExceptInRange('0', 'z') < 0 ? key[..PrefixLength].ToString() : NotOurs;

    static string AddressOf(HttpContext http) => Plain(http.Connection.RemoteIpAddress)?.ToString() ?? "unknown";

    static IPAddress? Plain(IPAddress? address) => address is { IsIPv4MappedToIPv6: true } ? address.MapToIPv4() : address;
}
