using System.Text;
using CurateMe.Gateway.Proxy;
using Microsoft.Net.Http.Headers;

namespace CurateMe.Gateway.Providers.OpenAi;

/// <summary>A part of a form: its name and where its content stands in the body.</summary>
readonly record struct MultipartPart(string Name, ByteSpan Content);

/// <summary>Walks over the parts of a <c>multipart/form-data</c> body in place.</summary>
ref struct MultipartParts
{
    /// <summary>Most parts of one form.</summary>
    public const int MaxParts = 64;

    const int MaxHeadBytes = 4_096;

    readonly ReadOnlySpan<byte> body;
    readonly ReadOnlySpan<byte> delimiter;
    int at;
    int count;

    /// <param name="delimiter">The boundary with the two dashes before it.</param>
    public MultipartParts(ReadOnlySpan<byte> body, byte[] delimiter)
    {
        this.body = body;
        this.delimiter = delimiter;
        at = body.IndexOf(delimiter);
        if (at < 0 || (at > 0 && body[at - 1] != (byte)'\n'))
        {
            throw Malformed();
        }
        at += delimiter.Length;
    }

    /// <summary>The delimiter that the request's Content-Type names.</summary>
    /// <exception cref="RefusedException">It names none.</exception>
    public static byte[] Delimiter(HttpRequest request)
    {
        var boundary = MediaTypeHeaderValue.TryParse(request.ContentType, out var type) ? HeaderUtilities.RemoveQuotes(type.Boundary).Value : null;
        return boundary is { Length: > 0 and <= 70 }
            ? Encoding.ASCII.GetBytes("--" + boundary)
            : throw new RefusedException(ErrorCode.UnsupportedMediaType, "The Content-Type has no boundary of 1 to 70 characters.", "Send a form as multipart/form-data.", "Content-Type");
    }

    public MultipartPart Current { get; private set; }

    public readonly MultipartParts GetEnumerator() => this;

    /// <exception cref="RefusedException">The form is malformed.</exception>
    public bool MoveNext()
    {
        var rest = body[at..];
        if (rest.StartsWith("--"u8))
        {
            return false;
        }
        var head = rest.IndexOf("\r\n\r\n"u8);
        if (!rest.StartsWith("\r\n"u8) || head is < 0 or > MaxHeadBytes || ++count > MaxParts)
        {
            throw Malformed();
        }
        var start = at + head + 4;
        var length = IndexOfDelimiter(body[start..]);
        Current = new MultipartPart(NameOf(Encoding.UTF8.GetString(rest[..head])), new ByteSpan(start, length));
        at = start + length + 2 + delimiter.Length;
        return true;
    }

    // The delimiter stands on a line of its own.
    readonly int IndexOfDelimiter(ReadOnlySpan<byte> content)
    {
        for (var from = 0; ;)
        {
            var found = content[from..].IndexOf(delimiter);
            if (found < 0)
            {
                throw Malformed();
            }
            from += found;
            if (from >= 2 && content[from - 2] == (byte)'\r' && content[from - 1] == (byte)'\n')
            {
                return from - 2;
            }
            from++;
        }
    }

    static string NameOf(string head)
    {
        foreach (var line in head.Split("\r\n"))
        {
            if (line.StartsWith("Content-Disposition:", StringComparison.OrdinalIgnoreCase)
                && ContentDispositionHeaderValue.TryParse(line["Content-Disposition:".Length..].Trim(), out var disposition))
            {
                return HeaderUtilities.RemoveQuotes(disposition.Name).Value ?? "";
            }
        }
        throw Malformed();
    }

    static RefusedException Malformed() => new(ErrorCode.InvalidJson, "The body is not a well-formed multipart form.", "Send multipart/form-data with the boundary of its Content-Type.");
}
