using CurateMe.Client;

namespace CurateMe.Gateway.Dashboard;

/// <summary>A browser that has signed in. The hash of what its cookie holds is the document's lookup; ids begin with the end, so the oldest come first.</summary>
sealed record SessionDocument
{
    public required string SessionId { get; init; }
    public required string Actor { get; init; }
    public required AdminRole Role { get; init; }
    public string? OrgId { get; init; }

    /// <summary>The stored token that opened it, and that ends it when it is revoked.</summary>
    public string? TokenId { get; init; }

    /// <summary>Binds a session of the operator's token to that token; only who has the cookie could check a guess of the token by it.</summary>
    public string? Seal { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
    public required DateTimeOffset ExpiresAt { get; init; }
}
