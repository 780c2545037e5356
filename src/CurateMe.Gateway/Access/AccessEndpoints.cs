using CurateMe.Client;
using CurateMe.Gateway.Admin;
using Microsoft.AspNetCore.Http.HttpResults;

namespace CurateMe.Gateway.Access;

/// <summary>Who tried to come in and could not.</summary>
static class AccessEndpoints
{
    public static RouteGroupBuilder MapAccess(this RouteGroupBuilder gateway)
    {
        gateway.MapGet("/access/refused", RefusedAsync).WithName("ListRefusedAccess").WithTags("Access").Requires(AdminRight.Read);
        return gateway;
    }

    static async Task<Ok<Page<RefusedSource>>> RefusedAsync(string? since, string? limit, AdminCall call, RefusedAccess refused, CancellationToken ct)
    {
        var count = Paging.Limit(limit);
        var org = call.NamedOrg is null ? null : (await call.OrgAsync(ct)).Id;
        return TypedResults.Ok(new Page<RefusedSource>(refused.Since(Times.Instant("since", since), org, count), NextCursor: null));
    }
}
