using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using CurateMe.Gateway.Alerts;
using CurateMe.Gateway.Governance;
using CurateMe.Ledger.Configuration;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.WebUtilities;

namespace CurateMe.Gateway.Approvals;

/// <summary>The key that signs links; one for all replicas.</summary>
sealed record LinkKeyDocument
{
    /// <summary>The one document's id.</summary>
    public const string Id = "approvals";

    public required string Key { get; init; }
}

/// <summary>
/// Links by which a person approves or rejects one request without signing in. A link names the approval, the decision and its end, and is signed over all
/// three; it works once, because an approval is decided once. Its key is in the configuration store, so a link made by one replica is good at every other
/// and after a restart; where it was stored under another master key there are no links. Links are made for messages to webhooks only; they are in no list that a viewer can read.
/// </summary>
sealed class ApprovalLinks(Catalogue catalogue, AlertOptions options, SealedSecrets seal, TimeProvider time, IServer? server = null)
{
    public const string Approve = "approve";
    public const string Reject = "reject";

    const string SealName = "link_key:approvals";
    const int KeyBytes = 32;
    const int MaxTries = 3;

    byte[]? known;

    /// <summary>Adds the two links to what is told of an approval; leaves it as it is where this gateway does not know its own address.</summary>
    public async Task AddAsync(JsonObject data, CancellationToken ct)
    {
        if (Address() is not { } address
            || await KeyAsync(ct) is not { } key
            || (string?)data["approval_id"] is not { } id
            || !DateTimeOffset.TryParse((string?)data["expires_at"], CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var expires))
        {
            return;
        }
        foreach (var decision in (string[])[Approve, Reject])
        {
            data[decision + "_url"] = new Uri(address, Path(key, id, decision, expires.ToUnixTimeSeconds())).ToString();
        }
    }

    static string Path(byte[] key, string approvalId, string decision, long expires) =>
        string.Create(CultureInfo.InvariantCulture, $"approvals/{approvalId}/{decision}?expires={expires}&signature={Sign(key, approvalId, decision, expires)}");

    /// <summary>Whether a link is ours, and its time is not over.</summary>
    public async Task<bool> IsGoodAsync(string approvalId, string decision, string? expires, string? signature, CancellationToken ct) =>
        signature is { Length: < 128 }
        && long.TryParse(expires, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
        && await KeyAsync(ct) is { } key
        && CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(Sign(key, approvalId, decision, seconds)), Encoding.ASCII.GetBytes(signature))
        && seconds > time.GetUtcNow().ToUnixTimeSeconds();

    static string Sign(byte[] key, string approvalId, string decision, long expires) =>
        WebEncoders.Base64UrlEncode(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"approval\n{approvalId}\n{decision}\n{expires}"))));

    // Never the address that a request was sent to: who sends requests chooses that, and would be sent the links.
    Uri? Address()
    {
        if (options.PublicUrl is { } given)
        {
            return given;
        }
        var bound = server?.Features.Get<IServerAddressesFeature>()?.Addresses.FirstOrDefault();
        return bound is null ? null : new Uri(bound.Replace("[::]", "localhost", StringComparison.Ordinal).Replace("0.0.0.0", "localhost", StringComparison.Ordinal).Replace("//+", "//localhost", StringComparison.Ordinal).Replace("//*", "//localhost", StringComparison.Ordinal));
    }

    async Task<byte[]?> KeyAsync(CancellationToken ct)
    {
        for (var tries = 1; known is null; tries++)
        {
            if (await catalogue.LinkKeys.FindAsync(LinkKeyDocument.Id, ct) is { } stored)
            {
                if (seal.Open(stored.Value.Key, SealName) is not { } opened)
                {
                    return null;
                }
                known = Convert.FromBase64String(opened);
                break;
            }
            try
            {
                var made = new LinkKeyDocument { Key = seal.Close(Convert.ToBase64String(RandomNumberGenerator.GetBytes(KeyBytes)), SealName) };
                await catalogue.CommitAsync(
                    [catalogue.LinkKeys.New(LinkKeyDocument.Id, orgId: null, lookup: null, made)],
                    new AuditDraft(time.GetUtcNow(), "gateway", FromIp: null, "link_key.create", "link_key", LinkKeyDocument.Id, OrgId: null, BeforeJson: null, AfterJson: null), ct);
            }
            catch (ConfigConflictException) when (tries < MaxTries)
            {
                // Another replica made it at the same moment.
            }
        }
        return known;
    }
}
