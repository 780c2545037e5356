using System.Globalization;
using CurateMe.Client;
using CurateMe.Gateway.Admin;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.HttpResults;

namespace CurateMe.Gateway.Dashboard;

/// <summary>Signing a browser in and out. The cookie then opens the whole admin plane with the token's role.</summary>
static class SessionEndpoints
{
    public const string Path = "/dashboard/session";

    public static RouteGroupBuilder MapSessions(this IEndpointRouteBuilder app)
    {
        var session = app.MapGroup(Path).WithAdminDefaults().WithTags("Dashboard");
        session.MapPost("", SignInAsync).WithName("SignIn").RequiresNothing();
        session.MapGet("", Get).WithName("GetSession").Requires(AdminRight.Read);
        session.MapDelete("", SignOutAsync).WithName("SignOut").RequiresNothing();
        return session;
    }

    static async Task<Ok<Session>> SignInAsync(Body<SessionCreate> body, HttpContext context, AdminGate gate, DashboardSessions sessions, SignInLimit limit, CancellationToken ct)
    {
        // A page of another site must not sign a visitor in as somebody else.
        if (SameOrigin.Says(context.Request) is false)
        {
            throw new Refusal(403, "csrf", "GW_AUTH_007", "Signing in must come from the dashboard's own pages.", "Origin");
        }
        var token = body.Value.Token is { Length: > 0 } given ? given.Trim() : throw Refusal.MissingField("token", "Send an admin token.");
        var address = context.Connection.RemoteIpAddress;
        if (limit.Begin(address) is { } wait)
        {
            context.Response.OnStarting(() =>
            {
                context.Response.Headers.RetryAfter = Math.Ceiling(wait.TotalSeconds).ToString(CultureInfo.InvariantCulture);
                return Task.CompletedTask;
            });
            throw new Refusal(429, "rate_limited", "GW_RATE_001", "Too many failed attempts to sign in from this address.", param: null, "Wait as long as Retry-After says.");
        }
        var identity = await gate.IdentifyAsync(token, ct) ?? throw new Refusal(401, "invalid_admin_token", "GW_AUTH_001", "The admin token is not valid.", "token", "Copy it again; it may have been revoked, or its time may be over.");
        limit.Succeeded(address);
        if (SessionCookie.Of(context.Request) is { } old && await sessions.FindAsync(old, ct) is { Session: { } former })
        {
            await sessions.CloseAsync(former, AdminCall.AddressOf(context), ct);
        }
        var (secret, session) = await sessions.OpenAsync(identity, AdminCall.AddressOf(context), ct);
        SessionCookie.Set(context, secret, session.ExpiresAt);
        return TypedResults.Ok(View(identity.Actor, session.ExpiresAt));
    }

    static Ok<Session> Get(HttpContext context)
    {
        var who = context.Features.GetRequiredFeature<SignedIn>();
        return TypedResults.Ok(View(who.Actor, who.ExpiresAt));
    }

    // Who is not signed in any more is signed out as well as anybody.
    static async Task<NoContent> SignOutAsync(HttpContext context, DashboardSessions sessions, CancellationToken ct)
    {
        if (SessionCookie.Of(context.Request) is { } secret)
        {
            SameOrigin.RequireOf(context.Request);
            if (await sessions.FindAsync(secret, ct) is { Session: { } session })
            {
                await sessions.CloseAsync(session, AdminCall.AddressOf(context), ct);
            }
            SessionCookie.Clear(context);
        }
        return TypedResults.NoContent();
    }

    static Session View(Actor actor, DateTimeOffset? expiresAt) => new() { Role = actor.Role, OrgId = actor.OrgId, Actor = actor.Name, ExpiresAt = expiresAt };
}
