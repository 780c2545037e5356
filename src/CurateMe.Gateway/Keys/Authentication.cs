using CurateMe.Gateway.Access;
using CurateMe.Gateway.Proxy;

namespace CurateMe.Gateway.Keys;

/// <summary>Whether a principal may send requests at all.</summary>
static class Authentication
{
    /// <summary>The principal, if it may send; a refused one is the exchange's too, so that its refusal is known to be its own.</summary>
    /// <exception cref="RefusedException">401 or 403, with the reason.</exception>
    public static Principal Require(Principal? principal, Exchange exchange) => Require(principal, exchange, exchange.Admitted);

    /// <summary>The same at a later instant than that of the request's arrival.</summary>
    /// <exception cref="RefusedException">401 or 403, with the reason.</exception>
    public static Principal Require(Principal? principal, Exchange exchange, DateTimeOffset now)
    {
        exchange.Principal = principal;
        try
        {
            return Check(principal, exchange, now);
        }
        catch (RefusedException refusal)
        {
            exchange.Http.RequestServices.GetRequiredService<RefusedAccess>().OnDataPlane(exchange.Http, refusal.Code, principal);
            throw;
        }
    }

    static Principal Check(Principal? principal, Exchange exchange, DateTimeOffset now)
    {
        if (principal is null)
        {
            throw new RefusedException(ErrorCode.InvalidApiKey, "The API key is missing or unknown.", "Send a key of this gateway, e.g. as Authorization: Bearer cm_sk_…");
        }
        switch (principal.StateAt(now))
        {
            case KeyState.Disabled:
                throw new RefusedException(ErrorCode.KeyDisabled, $"The API key {principal.KeyId} is disabled.", "Ask an administrator to enable it, or use another.");
            case KeyState.Rotated:
                throw new RefusedException(ErrorCode.KeyRotated, $"The secret of API key {principal.KeyId} was replaced.", $"Use the current secret of {principal.KeyId}.");
            case KeyState.Expired:
                throw new RefusedException(ErrorCode.KeyExpired, $"The API key {principal.KeyId} has expired.", "Ask an administrator for a new one.");
            default:
                break;
        }
        if (principal.Ips is { } ips && !ips.Allows(exchange.Http.Connection.RemoteIpAddress))
        {
            throw new RefusedException(
                ErrorCode.IpNotAllowed, $"The API key {principal.KeyId} is not accepted from this address.", "Call from an allowed address, or change the key's ip_allowlist.");
        }
        return principal;
    }
}
