using System.Security.Cryptography;
using System.Text;

namespace CurateMe.Gateway.ProviderKeys;

/// <summary>
/// What provider keys are encrypted by where they are stored: <c>CM_MASTER_KEY</c>, or a file of the data directory that only its owner may read. AES-256-GCM; the name
/// of what is encrypted is authenticated with it, so that one stored key cannot be put in the place of another.
/// </summary>
sealed class MasterKey
{
    public const string Variable = "CM_MASTER_KEY";
    public const string FileName = "master.key";
    const int KeyBytes = 32;
    const int NonceBytes = 12;
    const int TagBytes = 16;
    const string Form = "v1:";

    readonly Lazy<byte[]> key;

    MasterKey(Func<byte[]> read) => key = new Lazy<byte[]>(read);

    /// <summary>Reads base64 of 32 bytes; null when it is something else.</summary>
    public static MasterKey? Parse(string text)
    {
        var bytes = new byte[KeyBytes];
        return Convert.TryFromBase64String(text.Trim(), bytes, out var length) && length == KeyBytes ? new MasterKey(() => bytes) : null;
    }

    /// <summary>The data directory's own, made when it is first needed.</summary>
    public static MasterKey FromFile(string directory) => new(() => ReadOrMake(Path.Combine(directory, FileName)));

    /// <summary>For a gateway that shares its configuration and was given none: nothing can be stored.</summary>
    public static MasterKey None { get; } = new(static () => throw new InvalidOperationException("There is no master key."));

    public bool Exists => this != None;

    public string Encrypt(string secret, string name)
    {
        var plain = Encoding.UTF8.GetBytes(secret);
        var all = new byte[NonceBytes + TagBytes + plain.Length];
        RandomNumberGenerator.Fill(all.AsSpan(0, NonceBytes));
        using var aes = new AesGcm(key.Value, TagBytes);
        aes.Encrypt(all.AsSpan(0, NonceBytes), plain, all.AsSpan(NonceBytes + TagBytes), all.AsSpan(NonceBytes, TagBytes), Encoding.UTF8.GetBytes(name));
        return Form + Convert.ToBase64String(all);
    }

    /// <summary>Null when it was encrypted by another key, under another name, or changed.</summary>
    public string? Decrypt(string text, string name)
    {
        var all = new byte[text.Length];
        if (!Exists || !text.StartsWith(Form, StringComparison.Ordinal) || !Convert.TryFromBase64String(text[Form.Length..], all, out var length) || length < NonceBytes + TagBytes)
        {
            return null;
        }
        var plain = new byte[length - NonceBytes - TagBytes];
        using var aes = new AesGcm(key.Value, TagBytes);
        try
        {
            aes.Decrypt(all.AsSpan(0, NonceBytes), all.AsSpan(NonceBytes + TagBytes, plain.Length), all.AsSpan(NonceBytes, TagBytes), plain, Encoding.UTF8.GetBytes(name));
            return Encoding.UTF8.GetString(plain);
        }
        catch (AuthenticationTagMismatchException)
        {
            return null;
        }
    }

    static byte[] ReadOrMake(string path)
    {
        if (!File.Exists(path))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows())
            {
                options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            }
            using var made = new FileStream(path, options);
            made.Write(Encoding.ASCII.GetBytes(Convert.ToBase64String(RandomNumberGenerator.GetBytes(KeyBytes))));
            made.Flush(flushToDisk: true);
        }
        var bytes = Convert.FromBase64String(File.ReadAllText(path).Trim());
        return bytes.Length == KeyBytes ? bytes : throw new InvalidDataException($"{path} does not hold base64 of {KeyBytes} bytes.");
    }
}
