using System.Runtime.InteropServices;
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

    // The framework's comparison goes byte by byte in code that is not optimized; this has no early way out either.
    bool Is(ReadOnlySpan<char> secret)
    {
        if (secret.Length != text.Length)
        {
            return false;
        }
        var differences = 0UL;
        var mine = MemoryMarshal.Cast<char, ulong>(text.AsSpan());
        var theirs = MemoryMarshal.Cast<char, ulong>(secret);
        for (var i = 0; i < mine.Length; i++)
        {
            differences |= mine[i] ^ theirs[i];
        }
        for (var i = mine.Length * (sizeof(ulong) / sizeof(char)); i < text.Length; i++)
        {
            differences |= (uint)(text[i] ^ secret[i]);
        }
        return differences == 0;
    }
}
