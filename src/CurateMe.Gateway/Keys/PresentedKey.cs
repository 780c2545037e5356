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
        var headers = request.Headers;
        var named = Theirs(headers["X-Provider-Key"]);
        return named is not null || !keyFromOwnHeader
            ? named
            : Theirs(headers["x-api-key"]) ?? Theirs(headers["x-goog-api-key"]) ?? Theirs(headers["api-key"]) ?? Theirs(Unwrapped(headers.Authorization));
    }

    static string? Unwrapped(StringValues authorization) =>
        authorization is [{ } text, ..] && text.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase) ? text[Bearer.Length..].Trim() : null;

    // A secret of the gateway is nobody else's key, wherever it was put.
    static string? Theirs(StringValues values) => values is [{ Length: > 0 } text, ..] && !IsOurs(Bare(text)) ? text : null;

    // With the scheme of another header, once or more, it is the same secret.
    static ReadOnlySpan<char> Bare(ReadOnlySpan<char> text)
    {
        while ((text = text.TrimStart()).StartsWith(Bearer, StringComparison.OrdinalIgnoreCase))
        {
            text = text[Bearer.Length..];
        }
        return text;
    }

    static bool IsOurs(ReadOnlySpan<char> text) => text.TrimStart().StartsWith("cm_", StringComparison.Ordinal);

    static bool AcceptsEvents(HttpRequest request) => request.Headers.Accept.ToString().Contains("text/event-stream", StringComparison.OrdinalIgnoreCase);
}
