namespace CurateMe.Resp;

/// <summary>What a server may make this client hold. A reply past any of these ends the connection with <see cref="RespProtocolException"/>.</summary>
public sealed record RespLimits
{
    public static RespLimits Default { get; } = new();

    /// <summary>Longest string in a reply, in bytes.</summary>
    public int MaxBulkBytes { get; init; } = 32 << 20;

    /// <summary>Longest array; the elements of nested arrays count together, per reply.</summary>
    public int MaxElements { get; init; } = 1 << 20;

    /// <summary>Deepest nesting of arrays.</summary>
    public int MaxDepth { get; init; } = 32;

    /// <summary>Longest status, error or number line, in bytes.</summary>
    public int MaxLineBytes { get; init; } = 64 << 10;

    /// <summary>Longest whole reply, in bytes.</summary>
    public int MaxReplyBytes { get; init; } = 64 << 20;

    internal void Validate(List<string> errors)
    {
        RespOptions.Range(errors, nameof(MaxBulkBytes), MaxBulkBytes, 1, 512 << 20);
        RespOptions.Range(errors, nameof(MaxElements), MaxElements, 1, 1 << 26);
        RespOptions.Range(errors, nameof(MaxDepth), MaxDepth, 1, 128);
        RespOptions.Range(errors, nameof(MaxLineBytes), MaxLineBytes, 64, 1 << 20);
        RespOptions.Range(errors, nameof(MaxReplyBytes), MaxReplyBytes, 1 << 10, 1 << 30);
    }
}
