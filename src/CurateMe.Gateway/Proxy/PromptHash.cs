using System.Buffers.Binary;
using System.Security.Cryptography;

namespace CurateMe.Gateway.Proxy;

/// <summary>
/// Tells whether two bodies are the same without keeping either: eight bytes of a keyed hash. Without the key it cannot be turned back by
/// trying likely prompts (I9).
/// </summary>
sealed class PromptHash(byte[] key)
{
    public ulong Of(ReadOnlySpan<byte> body)
    {
        Span<byte> hash = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(key, body, hash);
        return BinaryPrimitives.ReadUInt64BigEndian(hash);
    }
}
