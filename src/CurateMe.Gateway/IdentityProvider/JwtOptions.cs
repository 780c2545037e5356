using CurateMe.Client;
using CurateMe.Gateway.Configuration;

namespace CurateMe.Gateway.IdentityProvider;

/// <summary>How tokens of an identity provider are checked, and what they open.</summary>
sealed record JwtOptions
{
    /// <summary><c>Jwt__Issuer</c>: the only issuer that is accepted.</summary>
    public required string Issuer { get; init; }

    /// <summary><c>Jwt__Audience</c>: what tokens must be made for.</summary>
    public required string Audience { get; init; }

    /// <summary><c>Jwt__MetadataAddress</c>: the provider's document; by default below the issuer.</summary>
    public required Uri MetadataAddress { get; init; }

    /// <summary><c>Jwt__JwksAddress</c>: the provider's keys, where it has no document.</summary>
    public Uri? JwksAddress { get; init; }

    /// <summary><c>Jwt__RoleClaim</c>.</summary>
    public string RoleClaim { get; init; } = "roles";

    /// <summary><c>Jwt__OrgClaim</c>.</summary>
    public string OrgClaim { get; init; } = "org_id";

    /// <summary><c>Jwt__NameClaim</c>: who stands in the audit trail.</summary>
    public string NameClaim { get; init; } = "sub";

    /// <summary><c>Jwt__Roles__VALUE</c>: the role that a value of the role claim gives. A value that is not here gives none.</summary>
    public required IReadOnlyDictionary<string, AdminRole> Roles { get; init; }

    /// <summary><c>Jwt__Orgs__VALUE</c>: the org that a value of the org claim means; without any, the value is the org's id.</summary>
    public required IReadOnlyDictionary<string, string> Orgs { get; init; }

    /// <summary>Reads the section <c>Jwt</c>; null when there is none.</summary>
    public static JwtOptions? Read(IConfiguration configuration, ConfigurationFaults faults)
    {
        var section = configuration.GetSection("Jwt");
        if (!section.Exists())
        {
            return null;
        }
        var allowHttp = bool.TryParse(section["AllowHttp"], out var yes) && yes;
        Uri? Address(string key, string? text)
        {
            if (text is not { Length: > 0 })
            {
                return null;
            }
            if (Uri.TryCreate(text, UriKind.Absolute, out var address) && (address.Scheme == "https" || (allowHttp && address.Scheme == "http")))
            {
                return address;
            }
            faults.Add($"Jwt__{key}", "is no https address");
            return null;
        }
        string Required(string key)
        {
            if (section[key] is { Length: > 0 } value)
            {
                return value;
            }
            faults.Add($"Jwt__{key}", "is missing; Jwt needs Issuer, Audience and Roles");
            return "";
        }
        var roles = new Dictionary<string, AdminRole>(StringComparer.Ordinal);
        foreach (var role in section.GetSection("Roles").GetChildren())
        {
            if (Choice.TryParse<AdminRole>(role.Value, out var value))
            {
                roles[role.Key] = value;
            }
            else
            {
                faults.Add($"Jwt__Roles__{role.Key}", $"is not one of {string.Join(", ", Choice.All<AdminRole>())}");
            }
        }
        if (roles.Count == 0)
        {
            faults.Add("Jwt__Roles", "is empty; say which value of the role claim gives which role, e.g. Jwt__Roles__gateway-admins=platform_admin");
        }
        var issuer = Required("Issuer");
        var jwks = Address("JwksAddress", section["JwksAddress"]);
        return new JwtOptions
        {
            Issuer = issuer,
            Audience = Required("Audience"),
            JwksAddress = jwks,
            MetadataAddress = Address("MetadataAddress", section["MetadataAddress"]) ?? jwks ?? Address("Issuer", issuer.TrimEnd('/') + "/.well-known/openid-configuration") ?? new Uri("https://issuer.invalid/"),
            RoleClaim = section["RoleClaim"] ?? "roles",
            OrgClaim = section["OrgClaim"] ?? "org_id",
            NameClaim = section["NameClaim"] ?? "sub",
            Roles = roles,
            Orgs = section.GetSection("Orgs").GetChildren().ToDictionary(static o => o.Key, static o => o.Value ?? "", StringComparer.Ordinal),
        };
    }
}
