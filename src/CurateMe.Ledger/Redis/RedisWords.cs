using System.Buffers.Text;

namespace CurateMe.Ledger.Redis;

/// <summary>The answer of a script that is asked for every request: words with a space between, one string instead of an array.</summary>
ref struct RedisWords(ReadOnlySpan<byte> text)
{
    ReadOnlySpan<byte> rest = text;

    /// <summary>The next word; empty when there is none.</summary>
    public ReadOnlySpan<byte> Next()
    {
        var space = rest.IndexOf((byte)' ');
        var word = space < 0 ? rest : rest[..space];
        rest = space < 0 ? default : rest[(space + 1)..];
        return word;
    }

    /// <exception cref="InvalidDataException">It is not a 64-bit integer.</exception>
    public long NextInt64()
    {
        var word = Next();
        return Utf8Parser.TryParse(word, out long value, out var used) && used == word.Length
            ? value
            : throw new InvalidDataException("Redis answered a script with something else than a number.");
    }
}
