using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using CurateMe.Gateway.Admin;
using CurateMe.Gateway.Governance;
using CurateMe.Gateway.Keys;
using CurateMe.Ledger.Configuration;

namespace CurateMe.Gateway.Dashboard;

/// <summary>Who is signed in on this request.</summary>
/// <param name="Session">Null when a bearer token was sent instead of a cookie.</param>
sealed record SignedIn(Actor Actor, DateTimeOffset? ExpiresAt, Stored<SessionDocument>? Session);

/// <summary>
/// Sessions of browsers, in the configuration store: they hold on every replica and over restarts, and end by signing out, by their time, and with the
/// token that opened them. The cookie holds a random secret of which the store has the hash.
/// </summary>
sealed class DashboardSessions(IConfigStore store, Catalogue catalogue, AdminOptions options, TimeProvider time)
{
    /// <summary>Longest a session lasts; one opened by a token that ends earlier ends with it.</summary>
    public static readonly TimeSpan Life = TimeSpan.FromHours(12);

    /// <summary>Most ended sessions removed at one sign-in: more than one, so that they never pile up.</summary>
    const int MostSwept = 20;

    const int MostTries = 3;
    const string SecretPrefix = "cm_ds_";

    readonly DocumentSet<SessionDocument> _sessions = new(store, Collections.DashboardSessions, DocumentJson.Default.SessionDocument);
    readonly DocumentSet<AdminTokenDocument> _tokens = new(store, Collections.AdminTokens, DocumentJson.Default.AdminTokenDocument);

    /// <summary>Opens a session for who presented a token.</summary>
    /// <returns>What the cookie must hold, and the session.</returns>
    public async Task<(string Secret, SessionDocument Session)> OpenAsync(Identity identity, string? ip, CancellationToken ct)
    {
        var now = time.GetUtcNow();
        var secret = Secret.New(SecretPrefix);
        var end = identity.ExpiresAt is { } own && own < now + Life ? own : now + Life;
        var session = new SessionDocument
        {
            SessionId = Ids.New($"ses_{end.ToUnixTimeMilliseconds().ToString("x12", CultureInfo.InvariantCulture)}_"),
            Actor = identity.Actor.Name,
            Role = identity.Actor.Role,
            OrgId = identity.Actor.OrgId,
            TokenId = identity.TokenId,
            Seal = identity.IsOperator ? Seal(secret.Text) : null,
            CreatedAt = now,
            ExpiresAt = end,
        };
        for (var tries = 1; ; tries++)
        {
            List<ConfigWrite> writes = [_sessions.New(session.SessionId, session.OrgId, secret.Hash.ToString(), session)];
            var oldest = await _sessions.ListAsync(orgId: null, afterId: null, MostSwept, ct);
            writes.AddRange(oldest.Where(s => s.Value.ExpiresAt <= now).Select(Removal));
            try
            {
                await catalogue.CommitAsync(writes, Audit("session.create", session, ip, _sessions.Text(session with { Seal = null })), ct);
                return (secret.Text, session);
            }
            catch (ConfigConflictException) when (tries < MostTries)
            {
                // Somebody who signed in at the same moment removed the same ended sessions.
            }
        }
    }

    /// <summary>Who the cookie's secret stands for; null when the session has ended or never was.</summary>
    public async Task<SignedIn?> FindAsync(string secret, CancellationToken ct)
    {
        if (secret.Length > Secret.MaxLength || !secret.StartsWith(SecretPrefix, StringComparison.Ordinal))
        {
            return null;
        }
        var stored = await _sessions.LookupAsync(SecretHash.Of(secret).ToString(), ct);
        if (stored is null || stored.Value.ExpiresAt <= time.GetUtcNow())
        {
            return null;
        }
        var session = stored.Value;
        if (session.TokenId is { } tokenId)
        {
            // As the token stands now: revoked or changed, the session follows at once.
            return await _tokens.FindAsync(tokenId, ct) is { Value: var token } && !token.Revoked && !(token.ExpiresAt <= time.GetUtcNow())
                ? new SignedIn(new Actor(token.TokenId, token.Role, token.OrgId), session.ExpiresAt, stored)
                : null;
        }
        return session.Seal is { } seal && seal != Seal(secret) ? null : new SignedIn(new Actor(session.Actor, session.Role, session.OrgId), session.ExpiresAt, stored);
    }

    /// <summary>Ends a session everywhere.</summary>
    public async Task CloseAsync(Stored<SessionDocument> session, string? ip, CancellationToken ct)
    {
        try
        {
            await catalogue.CommitAsync([Removal(session)], Audit("session.delete", session.Value, ip, after: null), ct);
        }
        catch (ConfigConflictException)
        {
            // It was ended at the same moment.
        }
    }

    static ConfigWrite Removal(Stored<SessionDocument> session) => new(Collections.DashboardSessions, session.Id, session.OrgId, Lookup: null, Json: null, session.Version);

    AuditDraft Audit(string action, SessionDocument session, string? ip, string? after) =>
        new(time.GetUtcNow(), session.Actor, ip, action, "session", session.SessionId, session.OrgId, BeforeJson: null, after);

    string? Seal(string secret) =>
        options.TokenHash is { } hash ? Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.ASCII.GetBytes(secret), Encoding.ASCII.GetBytes(hash.ToString()))) : "";
}
