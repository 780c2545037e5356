namespace CurateMe.Gateway.Simulator;

/// <summary>Deterministic text of an exact number of tokens: the same seed gives the same words.</summary>
internal static class Prose
{
    // Every word has at most Tokens.WholeWord letters, so each counts as one token whatever stands before it
    static readonly string[] Words =
    [
        "the", "ledger", "holds", "each", "amount", "and", "every", "call", "is", "priced", "before", "it", "leaves", "a", "budget", "that",
        "fits", "stays", "open", "while", "spend", "moves", "from", "held", "to", "paid", "no", "token", "goes", "free", "or", "lost",
        "we", "count", "what", "was", "used", "then", "settle", "in", "whole", "units", "so", "books", "agree", "at", "night", "with",
        "two", "teams", "one", "limit", "clear", "rules", "small", "steps", "give", "true", "sums", "over", "time", "as", "plain", "facts",
    ];

    static readonly string[] Spaced = Array.ConvertAll(Words, word => " " + word);

    /// <summary>The pieces of a text of <paramref name="tokens"/> tokens.</summary>
    public static List<Piece> Pieces(uint seed, int tokens)
    {
        var pieces = new List<Piece>(tokens);
        for (var i = 0; i < tokens; i++)
            pieces.Add(new Piece(Word(seed, i), 1));
        return pieces;
    }

    public static string Text(uint seed, int tokens) => string.Concat(Pieces(seed, tokens).Select(piece => piece.Text));

    public static string Word(uint seed, int index)
    {
        var mixed = (seed + (uint)index * 0x9E3779B9u) * 0x85EBCA6Bu;
        mixed ^= mixed >> 15;
        return (index == 0 ? Words : Spaced)[(mixed * 0xC2B2AE35u >> 20) % (uint)Words.Length];
    }
}
