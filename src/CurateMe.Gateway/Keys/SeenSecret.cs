using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Connections.Features;

namespace CurateMe.Gateway.Keys;

/// <summary>
/// The secret that a connection's last request brought, and its hash: clients send the same one again and again. The server keeps the header's
/// text as long as the connection anyway. The comparison takes the same time wherever they differ, since a proxy may mix callers on one connection.
/// </summary>
sealed class SeenSecret(string text)
{
    readonly SecretHash hash = SecretHash.Of(text);

    /// <summary>The hash of a secret.</summary>
    public static SecretHash HashOf(ReadOnlySpan<char> secret, HttpContext http)
    {
        // Only HTTP/1.1 has one request at a time on a connection.
        if (!HttpProtocol.IsHttp11(http.Request.Protocol) || http.Features.Get<IConnectionItemsFeature>()?.Items is not { } items)
        {
            return SecretHash.Of(secret);
        }
        if (items.TryGetValue(typeof(SeenSecret), out var seen) && seen is SeenSecret last && last.Is(secret))
        {
            return last.hash;
        }
        var now = new SeenSecret(secret.ToString());
        items[typeof(SeenSecret)] = now;
        return now.hash;
    }

    bool Is(ReadOnlySpan<char> secret) => CryptographicOperations.FixedTimeEquals(MemoryMarshal.AsBytes(secret), MemoryMarshal.AsBytes(text.AsSpan()));
}
