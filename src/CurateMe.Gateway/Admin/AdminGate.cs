using CurateMe.Client;
using CurateMe.Gateway.Governance;
using CurateMe.Gateway.Keys;
using CurateMe.Ledger.Configuration;

namespace CurateMe.Gateway.Admin;

/// <summary>A stored admin token; its hash is the document's lookup.</summary>
sealed record AdminTokenDocument
{
    public required string TokenId { get; init; }
    public required string Name { get; init; }
    public required AdminRole Role { get; init; }
    public string? OrgId { get; init; }
    public required string Last4 { get; init; }
    public DateTimeOffset? ExpiresAt { get; init; }
    public bool Revoked { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
}

/// <summary>
/// Knows who an admin request comes from. The operator's token is compared by hash in constant time; the others are looked up by hash at every
/// call, so that revoking one is in force everywhere at once.
/// </summary>
sealed class AdminGate(AdminOptions options, IConfigStore store, TimeProvider time)
{
    public DocumentSet<AdminTokenDocument> Tokens { get; } = new(store, Collections.AdminTokens, DocumentJson.Default.AdminTokenDocument);

    const string Scheme = "Bearer ";

    /// <exception cref="Refusal">There is no token, or it opens nothing.</exception>
    public async Task<Actor> AuthenticateAsync(HttpContext context)
    {
        var headers = context.Request.Headers.Authorization;
        if (headers.Count != 1 || headers[0] is not { } header || !header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
        {
            throw Refusal.Unauthorized("The admin plane needs a bearer token.");
        }
        var secret = header[Scheme.Length..].Trim();
        if (secret.Length is 0 or > AdminOptions.MaxTokenLength)
        {
            throw Refusal.Unauthorized("The admin token is not valid.");
        }
        var hash = SecretHash.OfLong(secret);
        if (options.TokenHash is { } expected && expected.EqualsInConstantTime(hash))
        {
            return new Actor("admin_token", AdminRole.PlatformAdmin, OrgId: null);
        }
        if (secret.StartsWith(Secret.AdminPrefix, StringComparison.Ordinal)
            && await Tokens.LookupAsync(hash.ToString(), context.RequestAborted) is { Value: var token }
            && !token.Revoked && !(token.ExpiresAt <= time.GetUtcNow()))
        {
            return new Actor(token.TokenId, token.Role, token.OrgId);
        }
        throw Refusal.Unauthorized("The admin token is not valid.");
    }
}
