using System.Net;
using System.Net.Sockets;

namespace CurateMe.Gateway.Keys;

/// <summary>Addresses from which a key is accepted. IPv4 addresses that arrive mapped into IPv6 count as IPv4.</summary>
sealed class IpAllowlist
{
    /// <summary>Most entries of one list.</summary>
    public const int MaxEntries = 100;

    readonly IPNetwork[] _networks;

    IpAllowlist(IPNetwork[] networks) => _networks = networks;

    /// <summary>Reads entries that <see cref="TryParse"/> accepts.</summary>
    public static IpAllowlist? Of(IReadOnlyList<string>? entries) =>
        entries is null ? null : new IpAllowlist([.. entries.Select(e => TryParse(e, out var network) ? network : throw new FormatException($"\"{e}\" is no address range."))]);

    /// <summary>Reads an address, or a range in CIDR form; bits beyond the prefix length are dropped.</summary>
    public static bool TryParse(string? entry, out IPNetwork network)
    {
        network = default;
        if (entry is null || entry.Length > 64)
        {
            return false;
        }
        var slash = entry.IndexOf('/', StringComparison.Ordinal);
        var text = slash < 0 ? entry : entry[..slash];
        if (!IsWritten(text) || !IPAddress.TryParse(text, out var address))
        {
            return false;
        }
        var bits = address.AddressFamily == AddressFamily.InterNetwork ? 32 : 128;
        var length = bits;
        if (slash >= 0 && !(int.TryParse(entry.AsSpan(slash + 1), System.Globalization.NumberStyles.None, null, out length) && length <= bits))
        {
            return false;
        }
        if (address.IsIPv4MappedToIPv6 && length >= 96)
        {
            (address, length) = (address.MapToIPv4(), length - 96);
        }
        network = new IPNetwork(Mask(address, length), length);
        return true;
    }

    public bool Allows(IPAddress? address)
    {
        if (address is null)
        {
            return false;
        }
        var plain = address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        foreach (var network in _networks)
        {
            if (network.Contains(plain))
            {
                return true;
            }
        }
        return false;
    }

    // IPAddress also reads 1, 0x7f.1, 010.0.0.1, [::1]:80 and fe80::1%2; nobody means those in a list of who may spend money.
    static bool IsWritten(string text)
    {
        if (text.Contains(':', StringComparison.Ordinal))
        {
            return text.All(c => char.IsAsciiHexDigit(c) || c is ':' or '.');
        }
        var parts = text.Split('.');
        return parts.Length == 4 && parts.All(p => p.Length is > 0 and <= 3 && p.All(char.IsAsciiDigit) && (p.Length == 1 || p[0] != '0'));
    }

    static IPAddress Mask(IPAddress address, int length)
    {
        var bytes = address.GetAddressBytes();
        for (var i = 0; i < bytes.Length; i++)
        {
            var kept = Math.Clamp(length - i * 8, 0, 8);
            bytes[i] &= (byte)(0xFF << (8 - kept));
        }
        return new IPAddress(bytes);
    }
}
