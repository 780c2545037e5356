using System.Buffers.Binary;
using System.Buffers.Text;
using System.Text;

namespace CurateMe.Gateway.Simulator;

/// <summary>What a picture or a sound in the prompt costs, in tokens.</summary>
internal static class Pictures
{
    /// <summary>By OpenAI's tiles of 512 pixels: 85, and 170 for each tile after the picture was fitted to 2048 and then to 768 on its short side.</summary>
    public static int OpenAiTokens(string? url, bool lowDetail)
    {
        if (lowDetail)
            return 85;
        var (width, height) = Size(url);
        var longSide = Math.Max(width, height);
        if (longSide > 2048)
            (width, height) = (Math.Max(1, width * 2048 / longSide), Math.Max(1, height * 2048 / longSide));
        var shortSide = Math.Min(width, height);
        if (shortSide > 768)
            (width, height) = (width * 768 / shortSide, height * 768 / shortSide);
        return 85 + 170 * ((width + 511) / 512) * ((height + 511) / 512);
    }

    /// <summary>By Anthropic's rule of 750 pixels to a token, at most 1,600.</summary>
    public static int AnthropicTokens(string? base64)
    {
        var (width, height) = Size(base64);
        return (int)Math.Clamp((long)width * height / 750, 1, 1600);
    }

    /// <summary>By Gemini's rule: 258 up to 384 pixels, else 258 for each tile of 768.</summary>
    public static int GeminiTokens(string? base64)
    {
        var (width, height) = Size(base64);
        return width <= 384 && height <= 384 ? 258 : 258 * ((width + 767) / 768) * ((height + 767) / 768);
    }

    /// <summary>Milliseconds of sound in base64: 16-bit mono at 24 kHz.</summary>
    public static int SoundMilliseconds(string? base64) => (int)Math.Min((base64?.Length ?? 0) / 4L * 3 / 48, int.MaxValue);

    /// <summary>Pixels of a PNG in base64, with or without <c>data:</c> before it; 1024 × 1024 for anything whose size cannot be seen.</summary>
    static (int Width, int Height) Size(string? source)
    {
        var unknown = (1024, 1024);
        if (source is null)
            return unknown;
        var comma = source.StartsWith("data:", StringComparison.Ordinal) ? source.IndexOf(',', StringComparison.Ordinal) + 1 : 0;
        if (source.Length - comma < 32)
            return unknown;
        Span<byte> header = stackalloc byte[24];
        if (Base64.DecodeFromUtf8(Encoding.ASCII.GetBytes(source, comma, 32), header, out _, out var read, isFinalBlock: false) != System.Buffers.OperationStatus.Done || read < 24)
            return unknown;
        if (!header.StartsWith((ReadOnlySpan<byte>)[0x89, (byte)'P', (byte)'N', (byte)'G']))
            return unknown;
        var width = BinaryPrimitives.ReadInt32BigEndian(header[16..]);
        var height = BinaryPrimitives.ReadInt32BigEndian(header[20..]);
        return width is > 0 and < 65536 && height is > 0 and < 65536 ? (width, height) : unknown;
    }
}
