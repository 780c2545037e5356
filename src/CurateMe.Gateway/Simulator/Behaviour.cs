namespace CurateMe.Gateway.Simulator;

/// <summary>A way of breaking off or spoiling an answer.</summary>
internal enum Fault : byte
{
    None,

    /// <summary>The connection is reset before any byte; nothing is generated or billed.</summary>
    ConnectResetBeforeHeaders,

    /// <summary>Status and headers arrive, then a reset; a plain answer is billed, a stream is billed for its prompt.</summary>
    ResetAfterHeaders,

    /// <summary>The connection is reset after <see cref="Behaviour.CutAfterBytes"/> bytes of the body.</summary>
    CutAfterBytes,

    /// <summary>No byte ever comes; ends when the caller leaves or the simulator stops. Not billed.</summary>
    Hang,

    /// <summary>The stream stops for good half-way with its connection open; billed for what was generated.</summary>
    Stall,

    /// <summary>200 with a body that is no JSON; billed.</summary>
    MalformedJson,

    /// <summary>Events that are no JSON and lines that are no events stand between the good ones; billed.</summary>
    GarbageSse,

    /// <summary>The stream ends half-way in good order, without the end that the protocol asks for; billed for what was generated.</summary>
    EndEarly,

    /// <summary>The provider's own error event in mid-stream, then the end; billed for what was generated.</summary>
    ErrorEvent,
}

/// <summary>How usage is told. What is billed stays true.</summary>
internal enum UsageForm : byte
{
    Normal,

    /// <summary>No usage at all.</summary>
    Absent,

    /// <summary><c>"usage":null</c>.</summary>
    Null,

    /// <summary>Every count is 0.</summary>
    Zero,

    /// <summary>Half of each count.</summary>
    Understated,

    /// <summary>Double each count.</summary>
    Overstated,

    /// <summary>A stream tells it two times, first with half the completion.</summary>
    Twice,

    /// <summary>A stream tells it in a chunk that also has choices.</summary>
    WithChoices,

    /// <summary>Every content chunk of a stream tells the running count.</summary>
    Cumulative,

    /// <summary>Text in the place of the object.</summary>
    Malformed,

    /// <summary>Counts as JSON strings.</summary>
    StringNumbers,

    /// <summary>Counts with a decimal point.</summary>
    FloatNumbers,

    /// <summary>Counts below zero.</summary>
    Negative,

    /// <summary>Counts above 2⁵³.</summary>
    Huge,

    /// <summary>Counts as 1e308.</summary>
    Exponent,

    /// <summary>Counts as a bare NaN, so that the whole is no JSON.</summary>
    Nan,
}

/// <summary>Whether the call is on the bill.</summary>
internal enum Billing : byte
{
    /// <summary>As real providers do: see <see cref="ProviderSimulator"/>.</summary>
    Auto,

    /// <summary>Billed in full whatever happens to the answer.</summary>
    Full,

    /// <summary>Never billed.</summary>
    None,
}

/// <summary>
/// How a call is answered. Set for one call by the header <c>X-Sim: name=value; name=value</c>, or for all by options and <c>PUT /_sim/behaviour</c>.
/// Names and values are those of the properties in snake case.
/// </summary>
internal sealed record Behaviour
{
    public const string Header = "X-Sim";

    /// <summary>Longest delay that can be asked for, in milliseconds.</summary>
    public const int MaxDelayMs = 600_000;

    /// <summary>Most tokens that can be asked for.</summary>
    public const int MaxTokens = 1_000_000;

    public const int DefaultOutputTokens = 40;

    public static readonly Behaviour Default = new();

    /// <summary>Milliseconds before the status and headers.</summary>
    public int LatencyMs { get; init; }

    /// <summary>Milliseconds between the headers of a stream and its first token.</summary>
    public int TtfbMs { get; init; }

    /// <summary>Milliseconds before each token of a stream.</summary>
    public int ChunkDelayMs { get; init; }

    /// <summary>Visible tokens wanted for each choice; the caller's cap still holds.</summary>
    public int? OutputTokens { get; init; }

    /// <summary>Reasoning tokens wanted for each choice; the caller's cap still holds.</summary>
    public int? ReasoningTokens { get; init; }

    /// <summary>Prompt tokens that the provider had in its cache.</summary>
    public int? CachedTokens { get; init; }

    /// <summary>Prompt tokens written to the five-minute cache (Anthropic).</summary>
    public int? CacheWrite5m { get; init; }

    /// <summary>Prompt tokens written to the one-hour cache (Anthropic).</summary>
    public int? CacheWrite1h { get; init; }

    /// <summary>Searches of the web made for the answer, where the caller offers that tool.</summary>
    public int? WebSearches { get; init; }

    /// <summary>Answers with this error status in the provider's shape; 0 does not.</summary>
    public int Status { get; init; }

    /// <summary>Seconds in the <c>Retry-After</c> of an error.</summary>
    public int? RetryAfter { get; init; }
    public Fault Fail { get; init; }
    public int CutAfterBytes { get; init; }
    public UsageForm Usage { get; init; }
    public Billing Bill { get; init; }

    /// <summary>Generates the wanted tokens on top of the caller's cap.</summary>
    public bool IgnoreCap { get; init; }

    /// <summary>Writes the stream in pieces of 1 to 7 bytes, each flushed.</summary>
    public bool Split { get; init; }

    /// <summary>Ends the lines of a stream with CR LF.</summary>
    public bool Crlf { get; init; }

    /// <summary>Puts a comment line before each token of a stream.</summary>
    public bool Keepalive { get; init; }

    /// <summary>Changes text, ids and random places.</summary>
    public int Seed { get; init; }

    /// <summary>Holds for this provider segment only.</summary>
    public string? Only { get; init; }

    /// <summary>What spoils the answer does so for the first so many calls with the same <c>X-Client-Request-Id</c>.</summary>
    public int? Attempts { get; init; }

    /// <summary>What spoils the answer does so for this share of calls, by a seeded choice.</summary>
    public int? Percent { get; init; }
}
