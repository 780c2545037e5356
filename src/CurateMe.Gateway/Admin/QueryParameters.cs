using System.Reflection;
using CurateMe.Gateway.Configuration;
using Microsoft.AspNetCore.Http.Metadata;

namespace CurateMe.Gateway.Admin;

/// <summary>
/// The query parameters that an endpoint reads, as its handler declares them. Others are refused: a mistyped filter that is ignored gives figures of something else.
/// </summary>
static class QueryParameters
{
    /// <summary>Lets callers send parameters that nobody reads.</summary>
    public static RouteHandlerBuilder TakesAnyParameter(this RouteHandlerBuilder endpoint) => endpoint.WithMetadata(AnyParameter.Instance);

    /// <summary>Those of an endpoint; null when it takes any.</summary>
    public static IReadOnlyList<string>? Of(EndpointBuilder endpoint)
    {
        if (endpoint.Metadata.Contains(AnyParameter.Instance))
        {
            return null;
        }
        var handler = endpoint.Metadata.OfType<MethodInfo>().FirstOrDefault() ?? throw new InvalidOperationException($"The admin endpoint {endpoint.DisplayName} has no handler that says what it reads.");
        var inPath = ((RouteEndpointBuilder)endpoint).RoutePattern.Parameters.Select(static p => p.Name).ToHashSet(StringComparer.OrdinalIgnoreCase);
        return
        [
            .. handler.GetParameters()
                .SelectMany(static p => p.IsDefined(typeof(AsParametersAttribute))
                    ? p.ParameterType.GetProperties(BindingFlags.Public | BindingFlags.Instance).Select(static field => (field.Name, Type: field.PropertyType, Source: (ICustomAttributeProvider)field))
                    : [(Name: p.Name!, Type: p.ParameterType, Source: p)])
                .Where(static p => IsText(p.Type))
                .Select(static p => Named(p.Source) ?? p.Name)
                .Where(name => !inPath.Contains(name)),
        ];
    }

    /// <exception cref="Refusal">One of them is not known.</exception>
    public static void Check(IQueryCollection query, IReadOnlyList<string> known)
    {
        foreach (var name in query.Keys)
        {
            if (!known.Contains(name, StringComparer.OrdinalIgnoreCase))
            {
                throw Refusal.UnknownParameter(name, known, NearMatch.Of(name, known));
            }
        }
    }

    // What can stand in a query string; everything else that a handler takes is a service, the body or the call itself.
    static bool IsText(Type type) => type == typeof(string) || (type.IsValueType && type != typeof(CancellationToken));

    static string? Named(ICustomAttributeProvider source) => source.GetCustomAttributes(inherit: false).OfType<IFromQueryMetadata>().FirstOrDefault()?.Name;

    sealed class AnyParameter
    {
        public static readonly AnyParameter Instance = new();
    }
}
