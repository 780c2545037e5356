using System.Net;
using System.Net.Http.Headers;

namespace CurateMe.Gateway.Proxy;

/// <summary>The caller's bytes with the patches in place of what they replace; nothing is serialised again.</summary>
sealed class PatchedContent : HttpContent
{
    readonly ReadOnlyMemory<byte> body;
    readonly List<BodyPatch> patches;
    readonly long length;

    /// <param name="patches">Not overlapping; put in order here.</param>
    public PatchedContent(ReadOnlyMemory<byte> body, List<BodyPatch> patches, string? contentType)
    {
        this.body = body;
        this.patches = patches;
        patches.Sort(static (a, b) => a.Start.CompareTo(b.Start));
        length = body.Length;
        foreach (var patch in patches)
        {
            length += patch.Replacement.Length - patch.Length;
        }
        if (contentType is not null)
        {
            Headers.TryAddWithoutValidation("Content-Type", contentType);
        }
    }

    /// <summary>The bytes as they go out, for tests and hashing.</summary>
    public byte[] ToArray()
    {
        var bytes = new MemoryStream();
        CopyTo(bytes, null, default);
        return bytes.ToArray();
    }

    protected override bool TryComputeLength(out long computed)
    {
        computed = length;
        return true;
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken) =>
        patches.Count == 0 ? stream.WriteAsync(body, cancellationToken).AsTask() : WritePiecesAsync(stream, cancellationToken);

    protected override void SerializeToStream(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        var at = 0;
        foreach (var patch in patches)
        {
            stream.Write(body.Span[at..patch.Start]);
            stream.Write(patch.Replacement);
            at = patch.Start + patch.Length;
        }
        stream.Write(body.Span[at..]);
    }

    async Task WritePiecesAsync(Stream stream, CancellationToken ct)
    {
        var at = 0;
        foreach (var patch in patches)
        {
            if (patch.Start > at)
            {
                await stream.WriteAsync(body[at..patch.Start], ct);
            }
            await stream.WriteAsync(patch.Replacement, ct);
            at = patch.Start + patch.Length;
        }
        await stream.WriteAsync(body[at..], ct);
    }
}
