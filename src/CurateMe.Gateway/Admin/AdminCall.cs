using System.Net;
using System.Reflection;
using CurateMe.Gateway.Governance;
using CurateMe.Ledger.Configuration;

namespace CurateMe.Gateway.Admin;

/// <summary>One authenticated admin request: who it is, from where, and which org it concerns. Endpoints take it as a parameter.</summary>
sealed class AdminCall(HttpContext context, Actor actor, Catalogue catalogue, TimeProvider time)
{
    /// <summary>The header that names an org.</summary>
    public const string OrgHeader = "X-Org-ID";

    public Actor Actor { get; } = actor;
    public DateTimeOffset Now { get; } = time.GetUtcNow();
    public DateOnly Today => DateOnly.FromDateTime(Now.UtcDateTime);

    /// <summary>Address of the caller as this process saw it.</summary>
    public string? Ip { get; } = AddressOf(context);

    /// <summary>The org that the header names, or the caller's own; null when a platform admin named none.</summary>
    public string? NamedOrg => Header() ?? Actor.OrgId;

    /// <summary>Whether the header itself names an org.</summary>
    public bool NamesOrg => Header() is not null;

    /// <summary>The one org this request concerns, which is there and which the caller may see.</summary>
    /// <param name="said">The org that the path or the body names.</param>
    /// <param name="param">Where it was said.</param>
    public async Task<Stored<OrgDocument>> OrgAsync(string? said, string param, CancellationToken ct)
    {
        var header = Header();
        if (said is not null && header is not null && said != header)
        {
            throw Refusal.InvalidField(param, $"says \"{said}\" but {OrgHeader} says \"{header}\"; they must be the same");
        }
        var orgId = said ?? header ?? Actor.OrgId ?? throw Refusal.MissingOrg();
        if (!Actor.Sees(orgId))
        {
            throw Refusal.Forbidden("This token may not touch that org.");
        }
        return await catalogue.Orgs.FindAsync(orgId, ct) ?? throw Refusal.NotFound("org", orgId);
    }

    /// <inheritdoc cref="OrgAsync(string?, string, CancellationToken)"/>
    public Task<Stored<OrgDocument>> OrgAsync(CancellationToken ct) => OrgAsync(said: null, OrgHeader, ct);

    /// <summary>Whether something of this org may be shown: the caller sees the org, and the header, if there is one, names it.</summary>
    public bool Sees(string? orgId) => Actor.Sees(orgId) && (Header() is not { } header || header == orgId);

    /// <summary>An entry for the audit trail.</summary>
    public AuditDraft Audit(string action, string targetType, string targetId, string? orgId, string? before, string? after) =>
        new(Now, Actor.Name, Ip, action, targetType, targetId, orgId, before, after);

    /// <summary>Lets endpoints take the call of the request they serve.</summary>
    public static ValueTask<AdminCall?> BindAsync(HttpContext context, ParameterInfo parameter) => new(context.Features.Get<AdminCall>());


    /// <summary>Address of a caller as this process saw it.</summary>
    public static string? AddressOf(HttpContext context) => Plain(context.Connection.RemoteIpAddress)?.ToString();

    string? Header()
    {
        var values = context.Request.Headers[OrgHeader];
        return values.Count == 0 || string.IsNullOrEmpty(values[0]) ? null : values.ToString();
    }

    static IPAddress? Plain(IPAddress? address) => address is { IsIPv4MappedToIPv6: true } ? address.MapToIPv4() : address;
}
