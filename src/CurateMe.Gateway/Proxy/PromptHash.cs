using System.Buffers.Binary;
using System.Security.Cryptography;

namespace CurateMe.Gateway.Proxy;

/// <summary>
/// Tells whether two bodies are the same without keeping either: eight bytes of a keyed hash. Without the key it cannot be turned back by
/// trying likely prompts (I9).
/// </summary>
sealed class PromptHash(byte[] key) : IDisposable
{
    // Setting up a keyed hash costs more than hashing a small body; one a thread is set up once.
    readonly ThreadLocal<IncrementalHash> reused = new(() => IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, key), trackAllValues: true);

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
        Span<byte> hash = stackalloc byte[HMACSHA256.HashSizeInBytes];
        var hmac = reused.Value!;
        hmac.AppendData(body);
        hmac.GetHashAndReset(hash);
        return BinaryPrimitives.ReadUInt64BigEndian(hash);
    }

    public void Dispose()
    {
        foreach (var hmac in reused.Values)
        {
            hmac.Dispose();
        }
        reused.Dispose();
    }
}
