using System.Numerics;
using System.Runtime.Intrinsics;

namespace CurateMe.Gateway.InputBounds;

/// <summary>
/// How many tokens a text has at most fewer than bytes, told from its words alone.
/// </summary>
/// <remarks>
/// 1. A byte-level vocabulary that has a pair of characters as one token never leaves the two side by side as tokens of one character: merging goes on while it can.
/// 2. The vocabularies looked at have every pair of two lower-case letters, of a space and a letter, and of two spaces, but for pairs with q, j, x or z and the five of <see cref="Split"/>.
/// 3. So within a word of n such characters, its spaces before it included, a token of one character stands between longer ones: at most (2n + 1) / 3 tokens.
/// 4. A token that reaches beyond the word is counted by the byte that it takes there, and all other bytes count one each.
/// Summed over L characters in R words that is 2/3 L + 1/3 R, which is (L - R) / 3 fewer than bytes.
/// </remarks>
static class WordRule
{
    const int Step = 64;

    /// <summary>Whole tokens that the text has at least fewer than bytes.</summary>
    public static long Saving(ReadOnlySpan<byte> text)
    {
        var scan = default(Scan);
        while (text.Length >= Step)
        {
            scan.Take(text);
            text = text[Step..];
        }
        Span<byte> rest = stackalloc byte[Step];
        rest.Clear();
        text.CopyTo(rest);
        scan.Take(rest);
        return Math.Max(0, (scan.Characters - scan.Words) / 3);
    }

    /// <summary>The pairs that stand in no vocabulary as one token, without those with q, j, x and z.</summary>
    public static readonly string[] Split = ["gk", "wv", "yf", "yh", "yv"];

    // One bit for each byte of a step; what the step before ended with is carried in.
    struct Scan
    {
        ulong letterBefore;
        ulong spacesBefore;
        ulong gBefore;
        ulong wBefore;
        ulong yBefore;

        public long Characters;
        public long Words;

        public void Take(ReadOnlySpan<byte> step)
        {
            var low = Vector256.Create(step);
            var high = Vector256.Create(step[32..]);
            var letters = Range(low, high) & ~(Is(low, high, 'q') | Is(low, high, 'j') | Is(low, high, 'x') | Is(low, high, 'z'));
            var spaces = Is(low, high, ' ');
            var (g, w, y) = (Is(low, high, 'g'), Is(low, high, 'w'), Is(low, high, 'y'));
            var afterLetter = (letters << 1) | letterBefore;
            var afterSpace = (spaces << 1) | (spacesBefore >> 1);
            var afterTwoSpaces = afterSpace & ((spaces << 2) | spacesBefore);
            var starts = ((letters | spaces) & ~(afterLetter | afterSpace))
                | (spaces & afterLetter)
                // The last of several spaces belongs to the word that follows.
                | (letters & afterTwoSpaces)
                | (Is(low, high, 'k') & ((g << 1) | gBefore))
                | (Is(low, high, 'v') & ((w << 1) | wBefore))
                | ((Is(low, high, 'f') | Is(low, high, 'h') | Is(low, high, 'v')) & ((y << 1) | yBefore));
            Characters += BitOperations.PopCount(letters | spaces);
            Words += BitOperations.PopCount(starts);
            (letterBefore, spacesBefore) = (letters >> 63, spaces >> 62);
            (gBefore, wBefore, yBefore) = (g >> 63, w >> 63, y >> 63);
        }

        static ulong Is(Vector256<byte> low, Vector256<byte> high, char letter)
        {
            var wanted = Vector256.Create((byte)letter);
            return Vector256.Equals(low, wanted).ExtractMostSignificantBits() | ((ulong)Vector256.Equals(high, wanted).ExtractMostSignificantBits() << 32);
        }

        static ulong Range(Vector256<byte> low, Vector256<byte> high)
        {
            var first = Vector256.Create((byte)'a');
            var last = Vector256.Create((byte)('z' - 'a'));
            return Vector256.LessThanOrEqual(low - first, last).ExtractMostSignificantBits() | ((ulong)Vector256.LessThanOrEqual(high - first, last).ExtractMostSignificantBits() << 32);
        }
    }
}
