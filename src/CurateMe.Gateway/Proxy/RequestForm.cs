namespace CurateMe.Gateway.Proxy;

/// <summary>What a body must be before anything reads it: of the dialect's media type, as it is, without a mark in front.</summary>
static class RequestForm
{
    /// <exception cref="RefusedException">415: another <c>Content-Type</c>, or a <c>Content-Encoding</c>.</exception>
    public static void Require(HttpRequest request, Dialect dialect)
    {
        if (dialect.RequestType is { } wanted && !(request.ContentType is { } type && type.StartsWith(wanted, StringComparison.OrdinalIgnoreCase) && (type.Length == wanted.Length || type[wanted.Length] is ';' or ' ' or '\t')))
        {
            throw new RefusedException(ErrorCode.UnsupportedMediaType, $"The Content-Type must be {wanted}.", $"Send the header Content-Type: {wanted}.", "Content-Type");
        }
        // A compressed body can be a thousand times larger than it came, and what is forwarded must be what was read.
        if (request.Headers.ContentEncoding is { Count: > 0 } coding && !coding.ToString().Equals("identity", StringComparison.OrdinalIgnoreCase))
        {
            throw new RefusedException(
                ErrorCode.UnsupportedMediaType, "The header Content-Encoding says that the body is compressed; only bodies as they are can be read.", "Send the body uncompressed, without Content-Encoding.", "Content-Encoding");
        }
    }

    /// <exception cref="RefusedException">400: JSON behind a byte order mark, which providers refuse too.</exception>
    public static void RequireNoMark(ReadOnlySpan<byte> body, Dialect dialect)
    {
        if (body.StartsWith("\uFEFF"u8) && dialect.RequestType == "application/json")
        {
            throw new RefusedException(ErrorCode.InvalidJson, "The body begins with a byte order mark (the bytes EF BB BF).", "Send the JSON without it; UTF-8 needs none.");
        }
    }
}
