using System.Buffers.Binary;
using System.Numerics;
using System.Security.Cryptography;

namespace CurateMe.Gateway.Proxy;

/// <summary>
/// Tells whether two bodies are the same without keeping either: eight bytes of a keyed hash. Without the key it cannot be turned back by
/// trying likely prompts (I9). The hash is SipHash-2-4, made for this: short inputs, a secret key, 64 bits (Aumasson and Bernstein, 2012).
/// The framework has no keyed hash that costs less than a call into OpenSSL, and no package that is served has this one.
/// </summary>
/// <param name="key">At least 16 bytes; the first 16 count.</param>
sealed class PromptHash(ReadOnlySpan<byte> key)
{
    readonly ulong low = BinaryPrimitives.ReadUInt64LittleEndian(key);
    readonly ulong high = BinaryPrimitives.ReadUInt64LittleEndian(key[8..]);

    const string FileName = "prompt-hash.key";

    /// <summary>With the data directory's own key, made when it is missing.</summary>
    public static PromptHash FromFile(string directory)
    {
        var path = Path.Combine(directory, FileName);
        if (!File.Exists(path))
        {
            Directory.CreateDirectory(directory);
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows())
            {
                options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            }
            using var made = new FileStream(path, options);
            made.Write(RandomNumberGenerator.GetBytes(32));
        }
        return new PromptHash(File.ReadAllBytes(path));
    }

    public ulong Of(ReadOnlySpan<byte> body)
    {
        var v0 = low ^ 0x736f6d6570736575UL;
        var v1 = high ^ 0x646f72616e646f6dUL;
        var v2 = low ^ 0x6c7967656e657261UL;
        var v3 = high ^ 0x7465646279746573UL;
        var last = (ulong)body.Length << 56;
        for (; body.Length >= sizeof(ulong); body = body[sizeof(ulong)..])
        {
            var word = BinaryPrimitives.ReadUInt64LittleEndian(body);
            v3 ^= word;
            Round(ref v0, ref v1, ref v2, ref v3);
            Round(ref v0, ref v1, ref v2, ref v3);
            v0 ^= word;
        }
        for (var i = 0; i < body.Length; i++)
        {
            last |= (ulong)body[i] << (8 * i);
        }
        v3 ^= last;
        Round(ref v0, ref v1, ref v2, ref v3);
        Round(ref v0, ref v1, ref v2, ref v3);
        v0 ^= last;
        v2 ^= 0xff;
        for (var i = 0; i < 4; i++)
        {
            Round(ref v0, ref v1, ref v2, ref v3);
        }
        return v0 ^ v1 ^ v2 ^ v3;
    }

    static void Round(ref ulong v0, ref ulong v1, ref ulong v2, ref ulong v3)
    {
        v0 += v1;
        v2 += v3;
        v1 = BitOperations.RotateLeft(v1, 13) ^ v0;
        v3 = BitOperations.RotateLeft(v3, 16) ^ v2;
        v0 = BitOperations.RotateLeft(v0, 32);
        v2 += v1;
        v0 += v3;
        v1 = BitOperations.RotateLeft(v1, 17) ^ v2;
        v3 = BitOperations.RotateLeft(v3, 21) ^ v0;
        v2 = BitOperations.RotateLeft(v2, 32);
    }
}
