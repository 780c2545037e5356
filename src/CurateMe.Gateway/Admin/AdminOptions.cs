using CurateMe.Gateway.Keys;

namespace CurateMe.Gateway.Admin;

/// <summary>Settings of the admin plane.</summary>
sealed class AdminOptions
{
    /// <summary>Configuration key of the operator's token.</summary>
    public const string TokenKey = "ADMIN_TOKEN";

    /// <summary>Longest token that is looked at, in characters.</summary>
    public const int MaxTokenLength = 16_384;

    /// <summary>Largest body of an admin request, in bytes.</summary>
    public const int MaxBodyBytes = 1 << 20;

    /// <summary>Hash of the operator's token; null refuses it until <see cref="Bootstrap"/> has made one.</summary>
    public SecretHash? TokenHash { get; private set; }

    /// <param name="token">The operator's token; null or empty for none.</param>
    public AdminOptions(string? token) => Use(token);

    /// <summary>Accepts this token from here on.</summary>
    public void Use(string? token) => TokenHash = string.IsNullOrEmpty(token) ? null : SecretHash.OfLong(token);
}
