using CurateMe.Client;

namespace CurateMe.Gateway.Admin;

/// <summary>What an endpoint asks of who calls it.</summary>
enum AdminRight : byte
{
    /// <summary>See an org.</summary>
    Read = 0,

    /// <summary>Decide an org's approvals.</summary>
    Approve = 1,

    /// <summary>Change an org.</summary>
    Change = 2,

    /// <summary>See or change what is not one org's.</summary>
    Platform = 3,
}

/// <summary>Who calls the admin plane.</summary>
/// <param name="Name">As written into the audit trail.</param>
/// <param name="OrgId">The only org it may touch; null for a platform admin.</param>
sealed record Actor(string Name, AdminRole Role, string? OrgId)
{
    public bool May(AdminRight right) => Role switch
    {
        AdminRole.PlatformAdmin => true,
        AdminRole.OrgAdmin => right <= AdminRight.Change,
        AdminRole.Approver => right <= AdminRight.Approve,
        _ => right == AdminRight.Read,
    };

    /// <summary>Whether anything of this org exists for the caller.</summary>
    public bool Sees(string? orgId) => OrgId is null ? Role == AdminRole.PlatformAdmin : OrgId == orgId;
}
