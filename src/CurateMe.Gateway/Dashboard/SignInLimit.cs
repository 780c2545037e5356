using System.Net;
using System.Net.Sockets;

namespace CurateMe.Gateway.Dashboard;

/// <summary>Failed sign-ins by address, of this process: who fails too often waits, so that nobody tries tokens by the thousand.</summary>
sealed class SignInLimit(TimeProvider time)
{
    /// <summary>Failures within <see cref="Window"/> after which an address waits for its end.</summary>
    public const int MaxFailures = 10;

    /// <summary>Addresses remembered; further ones count as one.</summary>
    public const int MaxAddresses = 10_000;

    public static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    static readonly IPAddress Others = IPAddress.None;

    readonly Lock _gate = new();
    readonly Dictionary<IPAddress, Count> _counts = [];

    /// <summary>Counts an attempt.</summary>
    /// <returns>How long the address must wait instead; null when it may try.</returns>
    public TimeSpan? Begin(IPAddress? address)
    {
        lock (_gate)
        {
            var now = time.GetUtcNow();
            var key = KeyOf(address, now);
            var count = _counts.GetValueOrDefault(key);
            if (count.Until <= now)
            {
                count = new Count(0, now + Window);
            }
            if (count.Attempts >= MaxFailures)
            {
                return count.Until - now;
            }
            _counts[key] = count with { Attempts = count.Attempts + 1 };
            return null;
        }
    }

    /// <summary>The attempt was a good one and counts no more.</summary>
    public void Succeeded(IPAddress? address)
    {
        lock (_gate)
        {
            var key = KeyOf(address, time.GetUtcNow());
            if (_counts.TryGetValue(key, out var count) && count.Attempts > 0)
            {
                _counts[key] = count with { Attempts = count.Attempts - 1 };
            }
        }
    }

    readonly record struct Count(int Attempts, DateTimeOffset Until);

    IPAddress KeyOf(IPAddress? address, DateTimeOffset now)
    {
        var key = Prefix(address);
        if (_counts.ContainsKey(key) || _counts.Count < MaxAddresses)
        {
            return key;
        }
        foreach (var (old, count) in _counts)
        {
            if (count.Until <= now)
            {
                _counts.Remove(old);
            }
        }
        return _counts.Count < MaxAddresses ? key : Others;
    }

    // A caller of IPv6 has a whole network of addresses.
    static IPAddress Prefix(IPAddress? address)
    {
        if (address is null)
        {
            return Others;
        }
        if (address.IsIPv4MappedToIPv6)
        {
            return address.MapToIPv4();
        }
        if (address.AddressFamily != AddressFamily.InterNetworkV6)
        {
            return address;
        }
        var bytes = address.GetAddressBytes();
        bytes.AsSpan(8).Clear();
        return new IPAddress(bytes);
    }
}
