using System.Security.Cryptography;
using System.Text;
using CurateMe.Gateway.Proxy;

namespace CurateMe.Gateway.Idempotency;

/// <summary>
/// What is derived from a caller's API key and idempotency key, neither of which is stored: the fingerprint that tells whether a body is the same,
/// and the key that its answer is encrypted by. Whoever has the store alone can read neither, nor try likely prompts (I9).
/// </summary>
sealed class CallersKeys
{
    public const int TagBytes = 8;
    public const int FingerprintBytes = HMACSHA256.HashSizeInBytes;

    const int MaxHeader = 255;
    const int NonceBytes = 12;
    const int CipherTagBytes = 16;

    readonly byte[] fingerprintKey;
    readonly byte[] answerKey;

    /// <param name="secret">The API key as presented.</param>
    /// <param name="name">The idempotency key.</param>
    public CallersKeys(string keyId, ReadOnlySpan<char> secret, string name)
    {
        var material = Encoding.UTF8.GetBytes(secret.ToString());
        var salt = Encoding.UTF8.GetBytes(name);
        Id = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{keyId}\n{name}")));
        SecretTag = HKDF.DeriveKey(HashAlgorithmName.SHA256, material, TagBytes, salt: null, "idempotency secret"u8.ToArray());
        fingerprintKey = HKDF.DeriveKey(HashAlgorithmName.SHA256, material, 32, salt, "idempotency fingerprint"u8.ToArray());
        answerKey = HKDF.DeriveKey(HashAlgorithmName.SHA256, material, 32, salt, "idempotency answer"u8.ToArray());
    }

    /// <summary>Names the pair of API key and idempotency key; a rotated API key keeps its id, and so this.</summary>
    public string Id { get; }

    /// <summary>Tells whether an entry was written under the same secret.</summary>
    public byte[] SecretTag { get; }

    /// <summary>The header's value; null when there is none.</summary>
    /// <exception cref="RefusedException">It is not 1 to 255 visible characters of ASCII, or the two headers differ.</exception>
    public static string? Read(HttpRequest request)
    {
        var own = request.Headers["X-Idempotency-Key"];
        var plain = request.Headers["Idempotency-Key"];
        if (own.Count == 0 && plain.Count == 0)
        {
            return null;
        }
        var value = own.Count > 0 ? own[0] : plain[0];
        if (own.Count > 1 || plain.Count > 1 || (own.Count == 1 && plain.Count == 1 && own[0] != plain[0]) || value is not { Length: > 0 and <= MaxHeader } || value.Any(static c => c is < '!' or > '~'))
        {
            throw new RefusedException(
                ErrorCode.InvalidHeader, $"The idempotency key must be one value of 1 to {MaxHeader} visible ASCII characters.", "Send a UUID in X-Idempotency-Key.", "X-Idempotency-Key");
        }
        return value;
    }

    /// <summary>The same for the same path and bytes.</summary>
    public byte[] Fingerprint(HttpRequest request, ReadOnlySpan<byte> body)
    {
        using var hmac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, fingerprintKey);
        hmac.AppendData(Encoding.UTF8.GetBytes(request.Path.Value ?? ""));
        hmac.AppendData([0]);
        hmac.AppendData(body);
        return hmac.GetHashAndReset();
    }

    public byte[] Encrypt(ReadOnlySpan<byte> answer)
    {
        var sealedAnswer = new byte[NonceBytes + CipherTagBytes + answer.Length];
        RandomNumberGenerator.Fill(sealedAnswer.AsSpan(0, NonceBytes));
        using var aes = new AesGcm(answerKey, CipherTagBytes);
        aes.Encrypt(sealedAnswer.AsSpan(0, NonceBytes), answer, sealedAnswer.AsSpan(NonceBytes + CipherTagBytes), sealedAnswer.AsSpan(NonceBytes, CipherTagBytes));
        return sealedAnswer;
    }

    /// <summary>Null when it was written under another key or changed since.</summary>
    public byte[]? Decrypt(ReadOnlySpan<byte> sealedAnswer)
    {
        if (sealedAnswer.Length < NonceBytes + CipherTagBytes)
        {
            return null;
        }
        var answer = new byte[sealedAnswer.Length - NonceBytes - CipherTagBytes];
        using var aes = new AesGcm(answerKey, CipherTagBytes);
        try
        {
            aes.Decrypt(sealedAnswer[..NonceBytes], sealedAnswer[(NonceBytes + CipherTagBytes)..], sealedAnswer.Slice(NonceBytes, CipherTagBytes), answer);
            return answer;
        }
        catch (AuthenticationTagMismatchException)
        {
            return null;
        }
    }
}
