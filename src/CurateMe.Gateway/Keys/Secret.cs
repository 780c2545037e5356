using System.Buffers;
using System.Security.Cryptography;

namespace CurateMe.Gateway.Keys;

/// <summary>
/// A secret of ours: a prefix that says what it opens and forty random letters and digits (238 bits). It exists in the answer that made it
/// and with its owner; here it prints as its prefix and last four characters only.
/// </summary>
readonly struct Secret
{
    /// <summary>Opens the data plane.</summary>
    public const string KeyPrefix = "cm_sk_";

    /// <summary>Opens the data plane for one runner.</summary>
    public const string RunnerPrefix = "cm_rt_";

    /// <summary>Opens the admin plane.</summary>
    public const string AdminPrefix = "cm_at_";

    /// <summary>Longest secret that is looked at, in characters; longer ones are unknown.</summary>
    public const int MaxLength = 128;

    const int RandomLength = 40;
    const string Alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    static readonly SearchValues<char> Letters = SearchValues.Create(Alphabet);

    Secret(string text) => Text = text;

    /// <summary>The secret itself: never log it.</summary>
    public string Text { get; }

    public SecretHash Hash => SecretHash.Of(Text);

    public string Last4 => Text[^4..];

    public static Secret New(string prefix) => new(prefix + RandomNumberGenerator.GetString(Alphabet, RandomLength));

    /// <summary>Whether a text can be a key or runner token of ours at all.</summary>
    public static bool LooksLikeKey(ReadOnlySpan<char> text) =>
        text.Length is > 6 and <= MaxLength
        && (text.StartsWith(KeyPrefix, StringComparison.Ordinal) || text.StartsWith(RunnerPrefix, StringComparison.Ordinal))
        && !text[6..].ContainsAnyExcept(Letters);

    /// <summary>Prefix and last four characters.</summary>
    public override string ToString() => $"{Text[..6]}…{Last4}";
}
