namespace CurateMe.Client;

/// <summary>Signs a browser in.</summary>
public sealed record SessionCreate
{
    /// <summary>An admin token: the operator's, or one made at <c>/api/v1/admin/tokens</c>.</summary>
    public string? Token { get; init; }
}

/// <summary>Who is signed in.</summary>
public sealed record Session
{
    public required AdminRole Role { get; init; }

    /// <summary>The only org the session sees; null for a platform admin.</summary>
    public string? OrgId { get; init; }

    /// <summary>As the audit trail names it.</summary>
    public required string Actor { get; init; }

    /// <summary>When the session, or the bearer token, ends; null never.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }
}
