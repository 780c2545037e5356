using Microsoft.Extensions.Primitives;

namespace CurateMe.Gateway.Keys;

/// <summary>Where a request's gateway key stands, and which provider key it brings along, in the contract's order.</summary>
static class PresentedKey
{
    const string Bearer = "Bearer ";

    /// <summary>The gateway key; empty when there is none.</summary>
    /// <param name="fromOwnHeader">It came in <c>X-CM-API-Key</c>, so that Authorization is free for the provider's key.</param>
    public static ReadOnlySpan<char> Find(HttpRequest request, out bool fromOwnHeader)
    {
        var headers = request.Headers;
        fromOwnHeader = headers.TryGetValue("X-CM-API-Key", out var own) && !StringValues.IsNullOrEmpty(own);
        if (fromOwnHeader)
        {
            return own[0].AsSpan().Trim();
        }
        if (headers.Authorization is [{ } authorization, ..] && authorization.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase) && IsOurs(authorization.AsSpan(Bearer.Length)))
        {
            return authorization.AsSpan(Bearer.Length).Trim();
        }
        if (headers.TryGetValue("x-api-key", out var anthropic) && IsOurs(anthropic[0]))
        {
            return anthropic[0].AsSpan().Trim();
        }
        if (headers.TryGetValue("x-goog-api-key", out var google) && IsOurs(google[0]))
        {
            return google[0].AsSpan().Trim();
        }
        if (headers.TryGetValue("api-key", out var azure) && IsOurs(azure[0]))
        {
            return azure[0].AsSpan().Trim();
        }
        return AcceptsEvents(request) && request.Query.TryGetValue("api_key", out var query) && IsOurs(query[0]) ? query[0].AsSpan().Trim() : default;
    }

    /// <summary>The provider key that the caller brings; null when the stored one is meant.</summary>
    public static string? Provider(HttpRequest request, bool keyFromOwnHeader)
    {
        if (request.Headers.TryGetValue("X-Provider-Key", out var own) && !StringValues.IsNullOrEmpty(own))
        {
            return own[0];
        }
        if (!keyFromOwnHeader)
        {
            return null;
        }
        if (request.Headers.TryGetValue("x-api-key", out var anthropic) && !StringValues.IsNullOrEmpty(anthropic))
        {
            return anthropic[0];
        }
        if (request.Headers.TryGetValue("x-goog-api-key", out var google) && !StringValues.IsNullOrEmpty(google))
        {
            return google[0];
        }
        if (request.Headers.TryGetValue("api-key", out var azure) && !StringValues.IsNullOrEmpty(azure))
        {
            return azure[0];
        }
        return request.Headers.Authorization is [{ } authorization, ..] && authorization.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase)
            ? authorization[Bearer.Length..].Trim()
            : null;
    }

    static bool IsOurs(ReadOnlySpan<char> text) => text.TrimStart().StartsWith("cm_", StringComparison.Ordinal);

    static bool AcceptsEvents(HttpRequest request) => request.Headers.Accept.ToString().Contains("text/event-stream", StringComparison.OrdinalIgnoreCase);
}
