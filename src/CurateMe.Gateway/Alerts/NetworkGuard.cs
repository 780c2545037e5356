using System.Net;
using System.Net.Sockets;

namespace CurateMe.Gateway.Alerts;

/// <summary>
/// Keeps messages out of networks that only this machine can reach: a webhook's address is chosen by a tenant. A name is resolved once for each
/// connection, and the connection goes to an address that was checked.
/// </summary>
sealed class NetworkGuard(AlertOptions options)
{
    // What is not the public internet: IANA's special-purpose registries, and the address at which Azure's machines find their host.
    static readonly IPNetwork[] Refused =
    [
        .. new[]
        {
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24",
            "168.63.129.16/32", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
            "2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20",
        }.Select(static text => IPNetwork.Parse(text)),
    ];

    // All that was ever given out of IPv6: whatever is beside it leads nowhere or inside, known or not.
    static readonly IPNetwork GlobalUnicast = IPNetwork.Parse("2000::/3");

    static readonly IPNetwork Nat64 = IPNetwork.Parse("64:ff9b::/96");

    /// <summary>Whether an address is on the public internet; one that carries an IPv4 address counts as that.</summary>
    public static bool IsPublic(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
        {
            return IsPublic(address.MapToIPv4());
        }
        if (address.AddressFamily == AddressFamily.InterNetworkV6 && Nat64.Contains(address))
        {
            return IsPublic(new IPAddress(address.GetAddressBytes().AsSpan(12)));
        }
        return (address.AddressFamily == AddressFamily.InterNetwork || GlobalUnicast.Contains(address)) && !Refused.Any(network => network.Contains(address));
    }

    public bool Allows(IPAddress address) => options.AllowPrivateNetworks || IsPublic(address);

    /// <summary>What is wrong with a webhook's address, as far as its text tells; null when nothing is.</summary>
    public string? Fault(string? text)
    {
        if (text is null || text.Length > 2_000 || !Uri.TryCreate(text, UriKind.Absolute, out var url) || url.Host.Length == 0 || text.Any(static c => char.IsControl(c) || char.IsWhiteSpace(c)))
        {
            return "must be an address such as https://example.com/hook, of at most 2,000 characters";
        }
        if (url.Scheme != "https" && !(url.Scheme == "http" && options.AllowHttp))
        {
            return "must begin with https://";
        }
        if (url.UserInfo.Length > 0 || url.Fragment.Length > 0)
        {
            return "must be without a user's name and without a fragment";
        }
        var local = url.IdnHost.TrimEnd('.') is var host && (host == "localhost" || host.EndsWith(".localhost", StringComparison.Ordinal));
        return !options.AllowPrivateNetworks && (local || (IPAddress.TryParse(url.Host.Trim('[', ']'), out var address) && !IsPublic(address)))
            ? "names a private network, where webhooks may not go"
            : null;
    }

    /// <summary>Connects to the first address of the name that is allowed and answers.</summary>
    /// <exception cref="NetworkRefusedException">One of the name's addresses is not allowed: then none is tried.</exception>
    public async ValueTask<Stream> ConnectAsync(DnsEndPoint endpoint, CancellationToken ct)
    {
        var addresses = IPAddress.TryParse(endpoint.Host, out var literal) ? [literal] : await Dns.GetHostAddressesAsync(endpoint.Host, ct);
        if (addresses.Length == 0 || addresses.Any(address => !Allows(address)))
        {
            throw new NetworkRefusedException($"{endpoint.Host} leads to a private network, where webhooks may not go.");
        }
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(addresses, endpoint.Port, ct);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}

/// <summary>A webhook's name leads where webhooks may not go.</summary>
sealed class NetworkRefusedException(string message) : IOException(message);
