using CurateMe.Client;
using CurateMe.Gateway.Dashboard;
using CurateMe.Gateway.Governance;
using CurateMe.Gateway.IdentityProvider;
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

/// <summary>What a token opens.</summary>
/// <param name="TokenId">Of a stored token, which may be revoked.</param>
/// <param name="IsOperator">It is the operator's own token.</param>
sealed record Identity(Actor Actor, string? TokenId = null, DateTimeOffset? ExpiresAt = null, bool IsOperator = false);

/// <summary>
/// Knows who an admin request comes from: by a bearer token, of ours or of the identity provider, else by a browser's session. The operator's token is compared by hash in constant time; the others are looked up by hash at every
/// call, so that revoking one is in force everywhere at once.
/// </summary>
sealed class AdminGate(AdminOptions options, IConfigStore store, DashboardSessions sessions, TimeProvider time, JwtIdentity? provider = null)
{
    public DocumentSet<AdminTokenDocument> Tokens { get; } = new(store, Collections.AdminTokens, DocumentJson.Default.AdminTokenDocument);

    const string Scheme = "Bearer ";

    /// <exception cref="Refusal">There is no token, or it opens nothing.</exception>
    public async Task<Actor> AuthenticateAsync(HttpContext context)
    {
        var headers = context.Request.Headers.Authorization;
        if (headers.Count == 0 && SessionCookie.Of(context.Request) is { } cookie)
        {
            return await SessionAsync(context, cookie);
        }
        if (headers.Count != 1 || headers[0] is not { } header || !header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase))
        {
            throw Refusal.Unauthorized("The admin plane needs a bearer token.");
        }
        var secret = header[Scheme.Length..].Trim();
        var identity = await IdentifyAsync(secret, context.RequestAborted) ?? throw Refusal.Unauthorized("The admin token is not valid.");
        context.Features.Set(new SignedIn(identity.Actor, identity.ExpiresAt, Session: null));
        return identity.Actor;
    }

    /// <summary>Who has this token; null when it opens nothing.</summary>
    public async Task<Identity?> IdentifyAsync(string secret, CancellationToken ct)
    {
        if (secret.Length is 0 or > AdminOptions.MaxTokenLength)
        {
            return null;
        }
        var hash = SecretHash.OfLong(secret);
        if (options.TokenHash is { } expected && expected.EqualsInConstantTime(hash))
        {
            return new Identity(new Actor("admin_token", AdminRole.PlatformAdmin, OrgId: null), IsOperator: true);
        }
        if (provider is not null && JwtIdentity.LooksLikeOne(secret))
        {
            return await provider.ValidateAsync(secret, ct);
        }
        return secret.StartsWith(Secret.AdminPrefix, StringComparison.Ordinal)
            && await Tokens.LookupAsync(hash.ToString(), ct) is { Value: var token }
            && !token.Revoked && !(token.ExpiresAt <= time.GetUtcNow())
            ? new Identity(new Actor(token.TokenId, token.Role, token.OrgId), token.TokenId, token.ExpiresAt)
            : null;
    }

    async Task<Actor> SessionAsync(HttpContext context, string cookie)
    {
        SameOrigin.RequireOf(context.Request);
        var session = await sessions.FindAsync(cookie, context.RequestAborted) ?? throw Refusal.Unauthorized("The session has ended; sign in again.");
        context.Features.Set(session);
        return session.Actor;
    }
}
