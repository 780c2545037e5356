using System.Buffers;
using System.Globalization;
using System.Text;

namespace CurateMe.Gateway.InputBounds;

/// <summary>
/// Some tokenizers bring a text into one of Unicode's composed normal forms first (NFC, NFKC), which writes a few characters in more bytes than they came in: one Arabic
/// ligature becomes eighteen letters. Those bytes are added to the bound of one token a byte.
/// </summary>
static class Normalization
{
    static readonly SearchValues<byte> NotAscii = SearchValues.Create([.. Enumerable.Range(0x80, 0x80).Select(static b => (byte)b)]);

    // First, last, most bytes that one character of the range can grow by. A test compares it with the platform's normalization.
    static ReadOnlySpan<int> Ranges =>
    [
        0xa8, 0xa8, 1, 0xaf, 0xaf, 1, 0xb4, 0xb4, 1, 0xb8, 0xb8, 1, 0xbc, 0xbe, 3, 0x13f, 0x140, 1, 0x149, 0x149, 1, 0x1c4, 0x1c6, 1, 0x2d8, 0x2dd, 1, 0x344, 0x344, 2,
        0x37a, 0x37a, 1, 0x384, 0x384, 1, 0x385, 0x385, 3, 0x587, 0x587, 2, 0x675, 0x678, 2, 0x958, 0x95f, 3, 0x9dc, 0x9df, 3, 0xa33, 0xa36, 3, 0xa59, 0xa5e, 3,
        0xb5c, 0xb5d, 3, 0xe33, 0xe33, 3, 0xeb3, 0xeb3, 3, 0xedc, 0xedd, 3, 0xf43, 0xf43, 3, 0xf4d, 0xf5c, 3, 0xf69, 0xf69, 3, 0xf73, 0xf81, 6, 0xf93, 0xf93, 3,
        0xf9d, 0xfac, 3, 0xfb9, 0xfb9, 3, 0x1fc1, 0x1fc1, 2, 0x1fcd, 0x1fcf, 2, 0x1fdd, 0x1fdf, 2, 0x1fed, 0x1fee, 2, 0x2033, 0x2037, 6, 0x2057, 0x2057, 9,
        0x2150, 0x2167, 3, 0x2177, 0x2177, 1, 0x2189, 0x2189, 2, 0x222c, 0x2230, 6, 0x247d, 0x2487, 1, 0x2a0c, 0x2a0c, 9, 0x2adc, 0x2adc, 2, 0x309b, 0x309f, 3,
        0x30ff, 0x30ff, 3, 0x3200, 0x3243, 5, 0x327c, 0x327d, 3, 0x32c0, 0x32cb, 2, 0x32ff, 0x32ff, 3, 0x3300, 0x3357, 15, 0x3358, 0x3370, 2, 0x337b, 0x337e, 3,
        0x337f, 0x337f, 9, 0x3389, 0x3389, 1, 0x33a7, 0x33af, 5, 0x33c2, 0x33c6, 3, 0x33d8, 0x33fe, 2, 0xfa6c, 0xfa6c, 1, 0xfacf, 0xfad7, 1, 0xfb13, 0xfb1f, 1,
        0xfb2a, 0xfb4f, 3, 0xfbdd, 0xfbdd, 1, 0xfbea, 0xfd3d, 3, 0xfd50, 0xfdc7, 3, 0xfdf0, 0xfdf9, 5, 0xfdfa, 0xfdfa, 30, 0xfdfb, 0xfdfb, 12, 0xfdfc, 0xfdfc, 5,
        0xfe71, 0xfe7f, 1, 0xfef5, 0xfefc, 1, 0x1d15e, 0x1d15f, 4, 0x1d160, 0x1d164, 8, 0x1d1bb, 0x1d1bc, 4, 0x1d1bd, 0x1d1c0, 8, 0x1f12a, 0x1f12a, 3,
        0x1f200, 0x1f201, 2, 0x1f240, 0x1f248, 5,
    ];

    // Blocks of 64 characters that have any; most text is in none.
    static readonly bool[] Blocks = MakeBlocks();

    /// <summary>Most bytes that normalization can add to a JSON text.</summary>
    /// <param name="json">Valid UTF-8.</param>
    public static long Growth(ReadOnlySpan<byte> json)
    {
        var growth = 0L;
        for (var rest = json; rest.IndexOfAny(NotAscii) is var at and >= 0;)
        {
            rest = rest[at..];
            while (!rest.IsEmpty && rest[0] >= 0x80)
            {
                Rune.DecodeFromUtf8(rest, out var rune, out var length);
                growth += Of(rune.Value);
                rest = rest[length..];
            }
        }
        for (var rest = json; rest.IndexOf("\\u"u8) is var at and >= 0;)
        {
            rest = rest[(at + 2)..];
            if (rest.Length >= 4 && int.TryParse(rest[..4], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var escaped))
            {
                growth += Of(escaped);
            }
        }
        return growth;
    }

    /// <summary>Most bytes that one character grows by.</summary>
    public static int Of(int character)
    {
        if (character >> 6 >= Blocks.Length || !Blocks[character >> 6])
        {
            return 0;
        }
        for (var i = 0; i < Ranges.Length; i += 3)
        {
            if (character >= Ranges[i] && character <= Ranges[i + 1])
            {
                return Ranges[i + 2];
            }
        }
        return 0;
    }

    static bool[] MakeBlocks()
    {
        var blocks = new bool[(Ranges[^2] >> 6) + 1];
        for (var i = 0; i < Ranges.Length; i += 3)
        {
            for (var block = Ranges[i] >> 6; block <= Ranges[i + 1] >> 6; block++)
            {
                blocks[block] = true;
            }
        }
        return blocks;
    }
}
