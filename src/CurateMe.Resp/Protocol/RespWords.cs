namespace CurateMe.Resp;

/// <summary>Words that many commands repeat, encoded once: keys, or arguments that do not change. Immutable.</summary>
public sealed class RespWords
{
    public RespWords(ReadOnlySpan<RespArg> words)
    {
        Count = words.Length;
        CommandBuffer buffer = default;
        for (var i = 0; i < words.Length; i++)
        {
            var (start, length) = buffer.Write(words[i]);
            if (i == 0)
                FirstSlot = HashSlot.Of(buffer.Slice(start, length));
        }
        Encoded = buffer.Written.ToArray();
        buffer.Release();
    }

    public int Count { get; }

    internal byte[] Encoded { get; }

    /// <summary>The hash slot of the first word, taken for a key.</summary>
    internal int FirstSlot { get; } = -1;

    /// <summary>Nothing of the values: an argument may be a password.</summary>
    public override string ToString() => nameof(RespWords);
}
