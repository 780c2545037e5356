using System.Text.Json;
using CurateMe.Client;
using CurateMe.Gateway.Admin;
using CurateMe.Ledger.Errors;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace CurateMe.Gateway.IdentityProvider;

/// <summary>
/// Tells who a token of the identity provider stands for: signed by one of its keys with an asymmetric algorithm, by this issuer, for this audience, within its
/// time, and with a claim that gives a role here.
/// </summary>
sealed class JwtIdentity : IDisposable
{
    /// <summary>How far the provider's clock may be off.</summary>
    public static readonly TimeSpan ClockSkew = TimeSpan.FromSeconds(30);

    const int MaxNameLength = 120;

    // No algorithm with a shared secret: the provider's public key must not be taken for one.
    static readonly string[] Algorithms =
    [
        SecurityAlgorithms.RsaSha256, SecurityAlgorithms.RsaSha384, SecurityAlgorithms.RsaSha512, SecurityAlgorithms.RsaSsaPssSha256, SecurityAlgorithms.RsaSsaPssSha384, SecurityAlgorithms.RsaSsaPssSha512,
        SecurityAlgorithms.EcdsaSha256, SecurityAlgorithms.EcdsaSha384, SecurityAlgorithms.EcdsaSha512,
    ];

    readonly JwtOptions options;
    readonly ErrorEvents errors;
    readonly SigningKeys keys;
    readonly JsonWebTokenHandler handler = new() { MaximumTokenSizeInBytes = AdminOptions.MaxTokenLength, MapInboundClaims = false };
    readonly TokenValidationParameters rules;

    public JwtIdentity(JwtOptions options, ErrorEvents errors, TimeProvider time)
    {
        (this.options, this.errors) = (options, errors);
        keys = new SigningKeys(options, errors, time);
        rules = new TokenValidationParameters
        {
            ValidIssuer = options.Issuer,
            ValidAudience = options.Audience,
            ValidAlgorithms = Algorithms,
            RequireSignedTokens = true,
            RequireExpirationTime = true,
            ClockSkew = ClockSkew,
            LifetimeValidator = (from, to, _, _) => to is { } end && time.GetUtcNow().UtcDateTime is var now && now - ClockSkew < end && !(now + ClockSkew < from),
            // The issuer is the configured one, whatever the provider's document says.
            IssuerValidator = (issuer, _, _) => issuer == options.Issuer ? issuer : throw new SecurityTokenInvalidIssuerException(),
        };
    }

    /// <summary>Whether a text has the shape of such a token.</summary>
    public static bool LooksLikeOne(string token) => token.StartsWith("eyJ", StringComparison.Ordinal) && token.Count(static c => c == '.') == 2;

    /// <summary>Who has this token; null when it opens nothing.</summary>
    public async Task<Identity?> ValidateAsync(string token, CancellationToken ct)
    {
        if (await CheckAsync(token, ct) is not { } checkedToken)
        {
            errors.Add("identity", "jwt_refused", "the provider's keys are not known");
            return null;
        }
        if (!checkedToken.IsValid)
        {
            // Its own words may quote the token.
            errors.Add("identity", "jwt_refused", checkedToken.Exception?.GetType().Name ?? "refused");
            return null;
        }
        var jwt = (JsonWebToken)checkedToken.SecurityToken;
        using var payload = JsonDocument.Parse(Base64UrlEncoder.DecodeBytes(jwt.EncodedPayload));
        var claims = payload.RootElement;
        if (RoleOf(claims) is not { } role || NameOf(claims) is not { } name)
        {
            errors.Add("identity", "jwt_without_role", $"A valid token gives no role by its claim {options.RoleClaim}, or no name by {options.NameClaim}.");
            return null;
        }
        if (role == AdminRole.PlatformAdmin)
        {
            return new Identity(new Actor(name, role, OrgId: null), ExpiresAt: End(jwt));
        }
        if (OrgOf(claims) is not { } org)
        {
            errors.Add("identity", "jwt_without_org", $"A valid token for the role {Choice.Word(role)} names no org by its claim {options.OrgClaim}.");
            return null;
        }
        return new Identity(new Actor(name, role, org), ExpiresAt: End(jwt));
    }

    public void Dispose() => keys.Dispose();

    // Null while the provider never gave its keys.
    async Task<TokenValidationResult?> CheckAsync(string token, CancellationToken ct)
    {
        if (await keys.CurrentAsync(ct) is not { } current)
        {
            return null;
        }
        var found = await CheckAsync(token, current);
        return found.Exception is SecurityTokenInvalidSignatureException && await keys.NewerAsync(current, ct) is { } newer ? await CheckAsync(token, newer) : found;
    }

    Task<TokenValidationResult> CheckAsync(string token, SigningKeys.Published published)
    {
        var withKeys = rules.Clone();
        withKeys.IssuerSigningKeys = published.Keys;
        return handler.ValidateTokenAsync(token, withKeys);
    }

    static DateTimeOffset End(JsonWebToken jwt) => new(jwt.ValidTo, TimeSpan.Zero);

    // The most that any value of the claim gives.
    AdminRole? RoleOf(JsonElement claims)
    {
        AdminRole? most = null;
        foreach (var value in Values(claims, options.RoleClaim))
        {
            if (options.Roles.TryGetValue(value, out var role) && !(most >= role))
            {
                most = role;
            }
        }
        return most;
    }

    // One org exactly: of several nobody could say which is meant.
    string? OrgOf(JsonElement claims)
    {
        var values = Values(claims, options.OrgClaim);
        if (values.Count != 1)
        {
            return null;
        }
        var org = options.Orgs.Count == 0 ? values[0] : options.Orgs.GetValueOrDefault(values[0]);
        return org is not null && Rules.IsId(org) ? org : null;
    }

    string? NameOf(JsonElement claims) =>
        Values(claims, options.NameClaim) is [{ Length: > 0 } name] && !name.Any(char.IsControl) ? $"jwt:{(name.Length <= MaxNameLength ? name : name[..MaxNameLength])}" : null;

    static List<string> Values(JsonElement claims, string claim)
    {
        if (!claims.TryGetProperty(claim, out var value))
        {
            return [];
        }
        return value.ValueKind switch
        {
            JsonValueKind.String => [value.GetString()!],
            JsonValueKind.Array => [.. value.EnumerateArray().Where(static v => v.ValueKind == JsonValueKind.String).Select(static v => v.GetString()!)],
            _ => [],
        };
    }
}
