using System.Security.Cryptography;
using System.Text;

namespace CurateMe.Gateway.Alerts;

/// <summary>Signatures as Standard Webhooks has them: HMAC-SHA256 over id, time and body, by a secret of 32 random bytes.</summary>
static class WebhookSecret
{
    public const string Prefix = "whsec_";

    const int Bytes = 32;

    public static string New() => Prefix + Convert.ToBase64String(RandomNumberGenerator.GetBytes(Bytes));

    /// <summary>The header's value: one signature for each secret, joined by spaces.</summary>
    public static string Sign(string messageId, long unixSeconds, string body, params ReadOnlySpan<string?> secrets)
    {
        var signed = Encoding.UTF8.GetBytes(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{messageId}.{unixSeconds}.{body}"));
        var text = new StringBuilder();
        foreach (var secret in secrets)
        {
            if (secret is not null)
            {
                text.Append(text.Length == 0 ? "" : " ").Append("v1,").Append(Convert.ToBase64String(HMACSHA256.HashData(Convert.FromBase64String(secret[Prefix.Length..]), signed)));
            }
        }
        return text.ToString();
    }
}
