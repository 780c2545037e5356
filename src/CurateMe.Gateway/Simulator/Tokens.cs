using System.Buffers;
using System.Text;

namespace CurateMe.Gateway.Simulator;

/// <summary>
/// Counts tokens by rule, close to what a GPT-like tokenizer gives and the same on every machine. No vocabulary is needed.
/// A count is never above the number of UTF-8 bytes of the text, as with any byte-level tokenizer.
/// </summary>
/// <remarks>
/// A space joins the word or sign after it. Latin words up to <see cref="WholeWord"/> letters are one token, longer ones are cut into
/// pieces of <see cref="PieceLetters"/>. Letters of other alphabets go two to a token, CJK one each, digits three to a token,
/// like punctuation marks four to a token, a symbol of the basic plane takes two and one beyond it (emoji) three.
/// </remarks>
internal static class Tokens
{
    internal const int WholeWord = 6;
    internal const int PieceLetters = 4;
    const int MaxRun = 16;

    public static int Count(ReadOnlySpan<byte> utf8)
    {
        var total = 0;
        while (!utf8.IsEmpty)
        {
            utf8 = utf8[Next(utf8, out var tokens)..];
            total += tokens;
        }
        return total;
    }

    public static int Count(string text)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetMaxByteCount(text.Length));
        try
        {
            return Count(buffer.AsSpan(0, Encoding.UTF8.GetBytes(text, buffer)));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>The text cut into the pieces that were counted; a piece that stands for several tokens carries their number.</summary>
    public static List<Piece> Split(string text)
    {
        ReadOnlySpan<byte> rest = Encoding.UTF8.GetBytes(text);
        var pieces = new List<Piece>();
        while (!rest.IsEmpty)
        {
            var length = Next(rest, out var tokens);
            pieces.Add(new Piece(Encoding.UTF8.GetString(rest[..length]), tokens));
            rest = rest[length..];
        }
        return pieces;
    }

    /// <summary>Length in bytes of the next piece of a text that is not empty, and the tokens it counts for.</summary>
    static int Next(ReadOnlySpan<byte> utf8, out int tokens)
    {
        var first = utf8[0];
        if (first == (byte)' ' && utf8.Length > 1 && utf8[1] > (byte)' ' && utf8[1] < 0x80 && !char.IsAsciiDigit((char)utf8[1]))
            return 1 + Ascii(utf8[1..], out tokens);
        return first < 0x80 ? Ascii(utf8, out tokens) : Beyond(utf8, out tokens);
    }

    static int Ascii(ReadOnlySpan<byte> utf8, out int tokens)
    {
        tokens = 1;
        var first = (char)utf8[0];
        if (char.IsAsciiLetter(first))
            return Word(utf8);
        if (char.IsAsciiDigit(first))
            return Run(utf8, 3, static (b, _) => char.IsAsciiDigit((char)b));
        return first <= ' '
            ? Run(utf8, MaxRun, static (b, first) => b == first)
            : Run(utf8, 4, static (b, first) => b == first);
    }

    static int Word(ReadOnlySpan<byte> utf8)
    {
        var letters = 1;
        // One letter more than a whole word is enough to know that it must be cut, so each step costs the same
        while (letters < utf8.Length && letters <= WholeWord && char.IsAsciiLetter((char)utf8[letters]))
            letters++;
        return letters <= WholeWord ? letters : PieceLetters;
    }

    static int Run(ReadOnlySpan<byte> utf8, int max, Func<byte, byte, bool> same)
    {
        var length = 1;
        while (length < utf8.Length && length < max && same(utf8[length], utf8[0]))
            length++;
        return length;
    }

    static int Beyond(ReadOnlySpan<byte> utf8, out int tokens)
    {
        var status = Rune.DecodeFromUtf8(utf8, out var rune, out var length);
        tokens = 1;
        if (status != OperationStatus.Done)
            return Math.Max(1, length);
        if (rune.Value > 0xFFFF)
            tokens = 3;
        else if (!Rune.IsLetter(rune))
            tokens = length == 2 || Rune.IsControl(rune) || !Rune.IsSymbol(rune) ? 1 : 2;
        else if (!IsIdeograph(rune) && Rune.DecodeFromUtf8(utf8[length..], out var second, out var more) == OperationStatus.Done
            && second.Value > 0x7F && Rune.IsLetter(second) && !IsIdeograph(second) && second.Value <= 0xFFFF)
            return length + more;
        return length;
    }

    // CJK signs, kana and Hangul syllables: everything written without spaces between words in a dense script
    static bool IsIdeograph(Rune rune) => rune.Value is >= 0x2E80 and <= 0x9FFF or >= 0xAC00 and <= 0xD7A3 or >= 0xF900 and <= 0xFAFF;
}

/// <summary>A stretch of text that a model emits at once.</summary>
internal readonly record struct Piece(string Text, int Tokens);
