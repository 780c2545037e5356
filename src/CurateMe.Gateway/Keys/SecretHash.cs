using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace CurateMe.Gateway.Keys;

/// <summary>SHA-256 of a secret: what is stored and looked up in its place. The secrets are random and long, so no salt is needed.</summary>
readonly record struct SecretHash(UInt128 High, UInt128 Low)
{
    /// <summary>Hashes on the stack.</summary>
    public static SecretHash Of(ReadOnlySpan<char> secret)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(secret.Length, Secret.MaxLength);
        Span<byte> utf8 = stackalloc byte[Secret.MaxLength * 3];
        return OfBytes(utf8[..Encoding.UTF8.GetBytes(secret, utf8)]);
    }

    /// <summary>The same for secrets that were not made here and may be longer.</summary>
    public static SecretHash OfLong(string secret) => OfBytes(Encoding.UTF8.GetBytes(secret));

    static SecretHash OfBytes(ReadOnlySpan<byte> secret)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(secret, hash);
        return new SecretHash(BinaryPrimitives.ReadUInt128BigEndian(hash), BinaryPrimitives.ReadUInt128BigEndian(hash[16..]));
    }

    /// <summary>Compares in a time that does not depend on where they differ.</summary>
    public bool EqualsInConstantTime(SecretHash other)
    {
        var left = this;
        return CryptographicOperations.FixedTimeEquals(
            MemoryMarshal.AsBytes(new ReadOnlySpan<SecretHash>(in left)), MemoryMarshal.AsBytes(new ReadOnlySpan<SecretHash>(in other)));
    }

    /// <summary>Reads the stored form.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out SecretHash hash)
    {
        hash = default;
        if (text.Length != 64
            || !UInt128.TryParse(text[..32], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var high)
            || !UInt128.TryParse(text[32..], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var low))
        {
            return false;
        }
        hash = new SecretHash(high, low);
        return true;
    }

    /// <summary>64 hexadecimal digits, as stored.</summary>
    public override string ToString() => $"{High:x32}{Low:x32}";
}
