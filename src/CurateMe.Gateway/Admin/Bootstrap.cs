using CurateMe.Client;
using CurateMe.Gateway.Governance;
using CurateMe.Gateway.Keys;
using CurateMe.Ledger.Configuration;

namespace CurateMe.Gateway.Admin;

/// <summary>What the first start made, for the banner. A secret is here when it was made in this start, or is the operator's own.</summary>
/// <param name="AdminToken">Null when <c>ADMIN_TOKEN</c> is set: the operator knows it.</param>
/// <param name="AdminTokenFile">Where a token that was made is kept; null when <c>ADMIN_TOKEN</c> is set.</param>
/// <param name="AdminTokenIsNew">The token was made just now: print it, this once.</param>
/// <param name="OrgId">The first org; null when there were orgs already.</param>
/// <param name="ApiKey">The first key's secret, shown this once; null when there were orgs already.</param>
sealed record FirstStart(string? AdminToken, string? AdminTokenFile, bool AdminTokenIsNew, string? OrgId, string? ApiKey);

/// <summary>Makes a gateway on the embedded default usable from its first start: an operator's token, and an org with a team and a key.</summary>
sealed class Bootstrap(AdminOptions options, Catalogue catalogue, TimeProvider time)
{
    public const string OrgId = "org_default";
    public const string TeamId = "team_default";
    public const string KeyId = "key_default";

    const string TokenFile = "admin-token";
    const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <param name="dataDirectory">Where the token is kept, readable by the owner only.</param>
    public async Task<FirstStart> RunAsync(string dataDirectory, CancellationToken ct)
    {
        var (token, path, made) = options.TokenHash is null ? await TokenAsync(dataDirectory, ct) : (null, null, false);
        if (token is not null)
        {
            options.Use(token);
        }
        var secret = await FirstOrgAsync(ct);
        return new FirstStart(token, path, made, secret is null ? null : OrgId, secret?.Text);
    }

    static async Task<(string Token, string Path, bool Made)> TokenAsync(string dataDirectory, CancellationToken ct)
    {
        Directory.CreateDirectory(dataDirectory);
        var path = Path.Combine(dataDirectory, TokenFile);
        if (File.Exists(path))
        {
            var kept = (await File.ReadAllTextAsync(path, ct)).Trim();
            return kept.Length is > 0 and <= AdminOptions.MaxTokenLength
                ? (kept, path, false)
                : throw new InvalidDataException($"{path} holds no admin token. Delete it for a new one, or set {AdminOptions.TokenKey}.");
        }
        var token = Secret.New(Secret.AdminPrefix).Text;
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = OwnerOnly;
        }
        await using var file = new StreamWriter(path, options);
        await file.WriteLineAsync(token);
        return (token, path, true);
    }

    async Task<Secret?> FirstOrgAsync(CancellationToken ct)
    {
        if ((await catalogue.Orgs.ListAsync(orgId: null, afterId: null, limit: 1, ct)).Count > 0)
        {
            return null;
        }
        var now = time.GetUtcNow();
        var secret = Secret.New(Secret.KeyPrefix);
        var org = new OrgDocument { OrgId = OrgId, Name = "Default", Tier = Tier.Starter, CreatedAt = now };
        await catalogue.CommitAsync(
            [
                catalogue.Orgs.New(OrgId, OrgId, lookup: null, org),
                catalogue.Teams.New(TeamId, OrgId, lookup: null, new TeamDocument { TeamId = TeamId, OrgId = OrgId, Name = "Default", CreatedAt = now }),
                catalogue.Keys.New(KeyId, OrgId, secret.Hash.ToString(), new KeyDocument { KeyId = KeyId, OrgId = OrgId, TeamId = TeamId, Name = "Default", Last4 = secret.Last4, CreatedAt = now }),
            ],
            new AuditDraft(now, "first_start", FromIp: null, "org.create", "org", OrgId, OrgId, BeforeJson: null, catalogue.Orgs.Text(org)), ct);
        return secret;
    }
}
