using CurateMe.Ledger.Pricing;

namespace CurateMe.Gateway.Proxy;

/// <summary>Where a JSON value stands in the body, in bytes. Length 0 means that it is not there.</summary>
readonly record struct ByteSpan(int Start, int Length)
{
    public bool Exists => Length > 0;
    public int End => Start + Length;
}

/// <summary>
/// What one pass over the body learnt: enough to price the worst case and to know where to patch. Holds no content.
/// </summary>
class RequestFacts
{
    /// <summary>Adds what else may be billed, by the units that the model's price names: an upper bound.</summary>
    public virtual void AddBounds(ModelPrice price, ref UsageCounts usage)
    {
    }

    /// <summary>Adds what else is billed where the provider tells nothing; never above the bounds.</summary>
    public virtual void AddEstimates(ModelPrice price, ref UsageCounts usage) => AddBounds(price, ref usage);

    /// <summary>Adds fees that the provider bills beside the usage that it tells.</summary>
    public virtual void AddFees(ModelPrice price, ref UsageCounts usage)
    {
    }

    /// <summary>What makes the request cheaper where output tokens do not decide, as an imperative; null where they do.</summary>
    public virtual string? Smaller => null;

    public required string Model { get; init; }

    /// <summary>The model's token, quotes included.</summary>
    public ByteSpan ModelToken { get; init; }
    public bool Stream { get; init; }

    /// <summary>Upper bound of what the input bills, by unit; pictures are counted apart in <see cref="Images"/>.</summary>
    public UsageCounts Input;

    /// <summary>Input pictures; each is bounded by the model's own rule.</summary>
    public int Images { get; init; }

    /// <summary>Something of unknown size is referred to (a stored file, an address): only the model's context bounds it.</summary>
    public bool UnknownInput { get; init; }

    /// <summary>What is referred to may be sound, whose tokens may cost more than those of text.</summary>
    public bool UnknownSound { get; init; }

    /// <summary>The caller asks for cache writes, which may cost more than plain input.</summary>
    public bool CacheWrites { get; init; }

    /// <summary>Most output tokens of one choice that the caller allows; null when the caller sets no cap.</summary>
    public long? OutputCap { get; init; }

    /// <summary>Least cap the provider would take with this request, e.g. more than the tokens it may think with.</summary>
    public long LeastCap { get; init; } = 1;

    /// <summary>Tokens that the caller lets the model think with; null where the request names no number.</summary>
    public long? ReasoningBudget { get; init; }

    /// <summary>Whether the caller asks the model to think, or not to; null leaves it to the model.</summary>
    public bool? AsksReasoning { get; init; }

    /// <summary>The path names the model, as a deployment; what the body says of it does not count.</summary>
    public bool ByDeployment { get; init; }

    /// <summary>Output that may be billed beside what the cap limits, in tokens.</summary>
    public long OutputBesideCap { get; init; }

    /// <summary>Choices asked for (<c>n</c>); each may use the whole cap.</summary>
    public int Choices { get; init; } = 1;

    /// <summary>Output may be spoken, which is dearer than text.</summary>
    public bool AudioOutput { get; init; }
    public ServiceTier Tier { get; init; }

    /// <summary>The caller leaves the tier to the provider, who then goes by the account's setting: the row's.</summary>
    public bool TierIsAuto { get; init; }
    public string? ImageVariant { get; init; }

    /// <summary>Whether the caller asked to be told usage at a stream's end.</summary>
    public bool WantsStreamUsage { get; init; }
}

/// <summary>Replace <see cref="Length"/> bytes at <see cref="Start"/>; everything else of the body is forwarded as it came.</summary>
readonly record struct BodyPatch(int Start, int Length, byte[] Replacement);
