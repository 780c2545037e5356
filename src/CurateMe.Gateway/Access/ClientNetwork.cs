using System.Net;
using System.Net.Sockets;

namespace CurateMe.Gateway.Access;

/// <summary>What counts as one place that calls come from.</summary>
static class ClientNetwork
{
    /// <summary>The IPv4 address, or the /64 of an IPv6 address, whose lower half machines change by themselves; a text that is no address is left as it is.</summary>
    public static string Of(string address)
    {
        if (!IPAddress.TryParse(address, out var parsed))
        {
            return address;
        }
        if (parsed.IsIPv4MappedToIPv6)
        {
            return parsed.MapToIPv4().ToString();
        }
        if (parsed.AddressFamily != AddressFamily.InterNetworkV6)
        {
            return address;
        }
        var bytes = parsed.GetAddressBytes();
        bytes.AsSpan(8).Clear();
        return new IPAddress(bytes).ToString();
    }
}
