using CurateMe.Gateway.ProviderKeys;

namespace CurateMe.Gateway.Alerts;

/// <summary>
/// Secrets that the process itself must be able to read, as they are stored: encrypted by the master key where there is one. Gateways that share their
/// configuration and were given none store them as they are.
/// </summary>
sealed class SealedSecrets(MasterKey? master = null)
{
    const string Sealed = "v1:";

    /// <param name="name">What it is the secret of; bound to it.</param>
    public string Close(string secret, string name) => master is { Exists: true } key ? key.Encrypt(secret, name) : secret;

    /// <summary>Null when it was closed by another master key.</summary>
    public string? Open(string stored, string name) => stored.StartsWith(Sealed, StringComparison.Ordinal) ? master?.Decrypt(stored, name) : stored;
}
