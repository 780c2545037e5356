using Microsoft.AspNetCore.Routing.Patterns;
using Microsoft.AspNetCore.Routing.Template;

namespace CurateMe.Gateway.Admin;

/// <summary>Which methods a path has, for who asked by another.</summary>
static class PathMethods
{
    /// <summary>In alphabetical order; none when there is no such path.</summary>
    public static IReadOnlyList<string> Of(HttpContext context) =>
    [
        .. context.RequestServices.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(e => e.Metadata.GetMetadata<IHttpMethodMetadata>() is not null && Matches(e.RoutePattern, context))
            .SelectMany(static e => e.Metadata.GetMetadata<IHttpMethodMetadata>()!.HttpMethods)
            .Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal),
    ];

    static bool Matches(RoutePattern pattern, HttpContext context)
    {
        var values = new RouteValueDictionary();
        if (!new TemplateMatcher(new RouteTemplate(pattern), new RouteValueDictionary(pattern.Defaults)).TryMatch(context.Request.Path, values))
        {
            return false;
        }
        var policies = context.RequestServices.GetRequiredService<ParameterPolicyFactory>();
        return pattern.ParameterPolicies.All(named => named.Value.All(policy =>
            policies.Create(pattern.GetParameter(named.Key), policy) is not IRouteConstraint constraint || constraint.Match(context, route: null, named.Key, values, RouteDirection.IncomingRequest)));
    }
}
